use std::os::unix::fs::PermissionsExt;

use super::*;

fn password(user: &str, secret: &str) -> Credential {
    Credential::Password {
        user: user.to_owned(),
        secret: secret.to_owned(),
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("coracle-auth-{name}-{}", std::process::id()));
        fs_err::create_dir_all(&path).expect("writable");
        Folder(path)
    }

    fn settings(&self, config: Option<&str>) -> Settings {
        let docker = self.0.join("docker");
        if let Some(text) = config {
            fs_err::create_dir_all(&docker).expect("writable");
            fs_err::write(docker.join("config.json"), text).expect("writable");
        }
        Settings {
            docker_config: Some(docker),
            ..Settings::default()
        }
    }

    fn config(&self) -> Value {
        let text = fs_err::read(self.0.join("docker/config.json")).expect("written");
        serde_json::from_slice(&text).expect("JSON")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // a leftover in the temporary folder hurts nobody
        let _ = fs_err::remove_dir_all(&self.0);
    }
}

#[test]
fn keys_are_hosts_and_docker_hub_has_its_old_one() {
    for (server, expected) in [
        ("", HUB_KEY),
        ("docker.io", HUB_KEY),
        ("https://index.docker.io/v1/", HUB_KEY),
        ("127.0.0.1:5003", "127.0.0.1:5003"),
        ("http://127.0.0.1:5003/foo", "127.0.0.1:5003"),
        ("https://ghcr.io", "ghcr.io"),
    ] {
        assert_eq!(key(server), expected, "{server}");
    }
}

#[test]
fn the_most_special_entry_answers() {
    // printf ann:sesame | base64 = YW5uOnNlc2FtZQ==, bob:pw = Ym9iOnB3
    let config = json!({ "auths": {
        "quay.io": { "auth": "YW5uOnNlc2FtZQ==" },
        "quay.io/team": { "auth": "Ym9iOnB3" },
        "https://index.docker.io/v1/": { "auth": "YW5uOnNlc2FtZQ==" },
        "https://old.example.com/v2/": { "username": "carl", "password": "p:w" },
        "id.example.com": { "auth": "", "identitytoken": "refresh" },
        "empty.example.com": {},
    }});
    for (registry, repository, expected) in [
        ("quay.io", "team/app", Some(password("bob", "pw"))),
        ("quay.io", "teams/app", Some(password("ann", "sesame"))),
        (
            "docker.io",
            "library/debian",
            Some(password("ann", "sesame")),
        ),
        ("old.example.com", "x", Some(password("carl", "p:w"))),
        (
            "id.example.com",
            "x",
            Some(Credential::Identity("refresh".to_owned())),
        ),
        ("empty.example.com", "x", None),
        ("evil-quay.io", "team/app", None),
    ] {
        let found = find_in(Path::new("/x"), &config, registry, repository).expect("readable");
        assert_eq!(found, expected, "{registry}/{repository}");
    }
}

#[test]
fn login_and_logout_keep_unknown_keys_and_the_mode() {
    let folder = Folder::new("login");
    let settings = folder.settings(Some(r#"{"zeta": 1, "auths": {"a.io": {"auth": "YTpi"}}}"#));
    let path = settings.login_file().expect("set");
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("ours");
    let saved = save(&settings, "127.0.0.1:5003", &password("ann", "sesame")).expect("saved");
    assert_eq!(saved, Saved::File(path.clone()));
    assert_eq!(
        fs_err::read_to_string(&path).expect("there"),
        "{\n\t\"zeta\": 1,\n\t\"auths\": {\n\t\t\"a.io\": {\n\t\t\t\"auth\": \"YTpi\"\n\t\t},\n\
         \t\t\"127.0.0.1:5003\": {\n\t\t\t\"auth\": \"YW5uOnNlc2FtZQ==\"\n\t\t}\n\t}\n}"
    );
    let mode = fs_err::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let found = find(&settings, "127.0.0.1:5003", "x").expect("readable");
    assert_eq!(found, Some(password("ann", "sesame")));
    assert_eq!(
        erase(&settings, "127.0.0.1:5003").expect("erased"),
        Vec::<PathBuf>::new()
    );
    assert_eq!(
        folder.config(),
        json!({ "zeta": 1, "auths": { "a.io": { "auth": "YTpi" } } })
    );
}

#[test]
fn a_first_login_makes_a_private_file_and_hub_goes_under_its_key() {
    let folder = Folder::new("first");
    let settings = folder.settings(None);
    save(&settings, &key(""), &password("ann", "sesame")).expect("saved");
    let path = settings.login_file().expect("set");
    assert_eq!(
        fs_err::metadata(&path).expect("there").permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        folder.config()["auths"][HUB_KEY]["auth"],
        "YW5uOnNlc2FtZQ=="
    );
    assert_eq!(user(&settings, HUB_KEY).as_deref(), Some("ann"));
}

#[test]
fn logout_tells_of_files_that_still_know_the_registry() {
    let folder = Folder::new("left");
    let other = folder.0.join("auth.json");
    fs_err::write(&other, r#"{"auths": {"a.io": {"auth": "YTpi"}}}"#).expect("writable");
    let mut settings = folder.settings(None);
    settings.containers_auth = vec![other.clone()];
    assert_eq!(erase(&settings, "a.io").expect("nothing to do"), [other]);
}

#[test]
fn a_broken_file_is_named_and_a_missing_helper_is_nobody() {
    let folder = Folder::new("broken");
    let settings = folder.settings(Some("{"));
    let text = find(&settings, "a.io", "x")
        .expect_err("broken")
        .to_string();
    let path = settings.login_file().expect("set");
    assert!(
        text.starts_with(&format!("cannot read credentials in {}: ", path.display())),
        "{text}"
    );
    // another file knows
    let mut both = settings.clone();
    let other = folder.0.join("auth.json");
    fs_err::write(&other, r#"{"auths": {"a.io": {"auth": "YTpi"}}}"#).expect("writable");
    both.containers_auth = vec![other];
    let found = find(&both, "a.io", "x").expect("the other's");
    assert_eq!(found, Some(password("a", "b")));
    let settings = folder.settings(Some(
        r#"{"credsStore": "coracle-no-such", "auths": {"a.io": {}}}"#,
    ));
    assert_eq!(find(&settings, "a.io", "x").expect("no error"), None);
    let text = save(&settings, "a.io", &password("a", "b"))
        .expect_err("cannot store")
        .to_string();
    assert_eq!(
        text,
        "credential helper `docker-credential-coracle-no-such`: executable file not found in $PATH"
    );
}
