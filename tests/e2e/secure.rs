//! Registries that want to be trusted, and such that want to know whom they serve.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::image::{Layer, Tar};
use crate::support::pty::Terminal;
use crate::support::registry::{self, Registry};
use crate::support::{self, Sandbox};

/// `alice` with the password `secret`, bcrypt.
const USERS: &str = "alice:$2y$05$x.n9fAL37P7ZhKG3p5cY4uUm27PWBBRk3Fo9wCO.yd.ClwyHoOMke\n";

/// Not of loopback, not of anybody: it lives in a namespace of the test's.
const ADDRESS: &str = "10.99.98.97";

/// An authority and what it signed: `ca.crt`, `server.{crt,key}`, `client.{cert,key}`.
struct Authority {
    folder: PathBuf,
}

impl Authority {
    fn new(folder: PathBuf) -> Option<Authority> {
        std::fs::create_dir_all(&folder).unwrap();
        let script = r#"
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \
                -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.crt
            for who in server client; do
                openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$who -keyout $who.key -out $who.csr
                printf 'subjectAltName=IP:127.0.0.1,IP:10.99.98.97\nbasicConstraints=CA:FALSE\n' >$who.ext
                openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile $who.ext -out $who.crt
            done
            cp client.crt client.cert"#;
        let made = Command::new("sh")
            .args(["-ec", script])
            .current_dir(&folder)
            .output()
            .ok()?;
        made.status.success().then_some(Authority { folder })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A registry that it vouches for; `clients`: which asks its clients for a certificate.
    fn registry(&self, clients: bool) -> Option<Registry> {
        let path = |name: &str| self.file(name).display().to_string();
        let wants = if clients {
            format!(", clientcas: [\"{}\"]", path("ca.crt"))
        } else {
            String::new()
        };
        let tls = format!(
            ", tls: {{certificate: \"{}\", key: \"{}\"{wants}}}",
            path("server.crt"),
            path("server.key")
        );
        registry::start_with(self.file("images"), &tls, "")
    }

    /// Puts files where docker looks for those of a host.
    fn install(&self, sandbox: &Sandbox, host: &str, names: &[&str]) {
        let folder = sandbox.home().join(".docker/certs.d").join(host);
        std::fs::create_dir_all(&folder).unwrap();
        for name in names {
            std::fs::copy(self.file(name), folder.join(name)).unwrap();
        }
    }
}

fn world() -> Option<(Sandbox, Authority)> {
    let sandbox = Sandbox::new();
    let authority = Authority::new(sandbox.work().join("authority"))?;
    Some((sandbox, authority))
}

const NO_PARTS: &str = "no docker-registry or openssl here";

/// A registry on loopback is trusted whatever it shows, as docker does; so this one has another address, in a network of
/// the test's own.
#[test]
fn a_registry_of_an_unknown_authority_is_refused_and_a_known_one_served() {
    let Some((sandbox, authority)) = world() else {
        return support::skipped(NO_PARTS);
    };
    let path = |name: &str| authority.file(name).display().to_string();
    let (certificate, key) = (path("server.crt"), path("server.key"));
    let config = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{inmemory: {{}}}}\n\
         http: {{addr: \"{ADDRESS}:5000\", tls: {{certificate: \"{certificate}\", key: \"{key}\"}}}}\n"
    );
    std::fs::write(sandbox.work().join("registry.yml"), config).unwrap();
    let script = format!(
        r#"ip link set lo up && ip address add {ADDRESS}/32 dev lo || exit 99
           docker-registry serve registry.yml & trap 'kill $!' EXIT
           for try in $(seq 100); do (: </dev/tcp/{ADDRESS}/5000) 2>/dev/null && break; sleep 0.1; done
           pull() {{ "$CORACLE" pull {ADDRESS}:5000/none:1 2>&1; }}
           echo "unknown: $(pull)"
           echo "named: $(SSL_CERT_FILE={} pull)"
           mkdir -p ~/.docker/certs.d/{ADDRESS}:5000 && cp {} ~/.docker/certs.d/{ADDRESS}:5000/
           echo "kept: $(pull)""#,
        path("ca.crt"),
        path("ca.crt")
    );
    let mut command = sandbox.command("unshare");
    command
        .args(["-Urn", "bash", "-c", &script])
        .env("CORACLE", support::program());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(99) || output.status.code() == Some(1) {
        return support::skipped("no network of one's own can be made here");
    }
    let after = |word: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(word));
        line.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    let refused = after("unknown: ");
    assert!(
        refused.contains("authority") && refused.contains("certs.d"),
        "{refused}"
    );
    // trusted: what is missing is the image
    for word in ["named: ", "kept: "] {
        assert!(after(word).contains("manifest unknown"), "{said}");
    }
}

#[test]
fn a_registry_that_asks_for_a_certificate_gets_that_of_its_host() {
    let Some((sandbox, authority)) = world() else {
        return support::skipped(NO_PARTS);
    };
    let Some(registry) = authority.registry(true) else {
        return support::skipped(NO_PARTS);
    };
    let name = format!("{}/none:1", registry.address());
    authority.install(&sandbox, &registry.address(), &["ca.crt"]);
    let refused = sandbox.coracle(["pull", &name]).fails(1);
    assert!(refused.to_lowercase().contains("certificate"), "{refused}");
    authority.install(
        &sandbox,
        &registry.address(),
        &["client.cert", "client.key"],
    );
    let served = sandbox.coracle(["pull", &name]).fails(1);
    assert!(
        served.contains("not found") || served.contains("unknown"),
        "{served}"
    );
}

/// A registry for `alice` alone that holds `small:1`.
fn private(sandbox: &Sandbox) -> Option<Registry> {
    let images = sandbox.work().join("images");
    let open = registry::start(images.clone())?;
    let file = Tar::default().file("a", 0o644, "a").finish();
    open.push(
        "small:1",
        &[Layer::from_tar(&file)],
        support::image::shell(),
    );
    let users = sandbox.work().join("users");
    std::fs::write(&users, USERS).unwrap();
    let auth = format!(
        "auth: {{htpasswd: {{realm: test, path: \"{}\"}}}}",
        users.display()
    );
    registry::start_with(images, "", &auth)
}

fn logins(home: &Path) -> String {
    std::fs::read_to_string(home.join(".docker/config.json")).unwrap_or_default()
}

#[test]
fn a_login_is_checked_kept_used_and_forgotten() {
    let sandbox = Sandbox::new();
    let Some(registry) = private(&sandbox) else {
        return support::skipped(NO_PARTS);
    };
    let host = registry.address();
    let name = format!("{host}/small:1");
    let pull = || sandbox.coracle(["pull", "-q", &name]);
    let login = |secret: &str| {
        let command = sandbox.coracle(["login", "-u", "alice", "--password-stdin", &host]);
        command.stdin(format!("{secret}\n"))
    };
    let refused = pull().fails(1);
    assert!(
        refused.contains("no basic auth credentials") || refused.contains("unauthorized"),
        "{refused}"
    );
    let wrong = login("wrong").fails(1);
    assert!(wrong.contains("401 Unauthorized"), "{wrong}");
    assert!(!logins(&sandbox.home()).contains(&host));
    assert!(login("secret").ok().contains("Login Succeeded"));
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(sandbox.home().join(".docker/config.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    pull().ok();
    assert!(
        sandbox
            .coracle(["logout", &host])
            .ok()
            .contains("Removing login credentials")
    );
    assert!(!logins(&sandbox.home()).contains(&host));
    sandbox.coracle(["rmi", &name]).ok();
    pull().fails(1);
}

#[test]
fn a_login_asks_on_a_terminal_and_does_not_show_the_password() {
    let sandbox = Sandbox::new();
    let Some(registry) = private(&sandbox) else {
        return support::skipped(NO_PARTS);
    };
    let host = registry.address();
    let mut terminal = Terminal::start(sandbox.coracle(["login", host.as_str()]), 24, 80);
    terminal.expect("Username");
    terminal.send("alice\n");
    terminal.expect("Password: ");
    terminal.send("secret\n");
    terminal.expect("Login Succeeded");
    let (code, seen) = terminal.finish();
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("secret"), "{seen}");
}

#[test]
fn a_login_helper_is_asked() {
    let sandbox = Sandbox::new();
    let Some(registry) = private(&sandbox) else {
        return support::skipped(NO_PARTS);
    };
    let host = registry.address();
    let helper = sandbox.work().join("docker-credential-test");
    let answer = format!(
        "#!/bin/sh\n[ \"$1\" = get ] && echo \"$(cat)\" >>asked && echo '{{\"ServerURL\":\"{host}\",\"Username\":\"alice\",\"Secret\":\"secret\"}}'\n"
    );
    std::fs::write(&helper, answer).unwrap();
    support::set_mode(&helper, 0o755);
    std::fs::create_dir_all(sandbox.home().join(".docker")).unwrap();
    let config = format!("{{\"credHelpers\": {{\"{host}\": \"test\"}}}}");
    std::fs::write(sandbox.home().join(".docker/config.json"), config).unwrap();
    let path = format!("{}:/usr/bin:/bin", sandbox.work().display());
    sandbox
        .coracle(["pull", "-q", &format!("{host}/small:1")])
        .env("PATH", path)
        .ok();
    let asked = std::fs::read_to_string(sandbox.work().join("asked")).unwrap();
    assert_eq!(asked.lines().next(), Some(host.as_str()));
}
