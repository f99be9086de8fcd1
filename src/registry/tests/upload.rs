//! Uploads to a registry that breaks off, forgets and refuses.

use super::*;

fn file(bytes: &[u8]) -> std::fs::File {
    let path = std::env::temp_dir().join(crate::store::random_hex::<8>().unwrap());
    std::fs::write(&path, bytes).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

fn session(server: &Server) -> String {
    match server.remote().start(None).unwrap() {
        Start::Session(session) => session,
        Start::Mounted => panic!("nothing was to be mounted"),
    }
}

#[test]
fn a_broken_upload_goes_on_where_it_broke() {
    let bytes = vec![7u8; 300_000];
    let digest = digest_of(&bytes);
    let put = format!("PUT /up/1?digest={}", digest.replace(':', "%3A"));
    let lengths = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lengths);
    let server = Server::start(move |request, n| {
        let at = |path: &str| format!("Location: {path}");
        match (request.method.as_str(), n) {
            ("POST", _) => reply(202, "").header(at("/up/0")),
            ("PATCH", 1) => reply(503, ""),
            ("GET", _) => reply(204, "").header(at("/up/0")).header("Range: 0-99999"),
            ("PATCH", _) => {
                seen.lock().unwrap().push(request.body.len());
                reply(202, "").header(at("/up/1"))
            }
            _ => reply(201, ""),
        }
    });
    let first = session(&server);
    let told = Mutex::new(0);
    let watch = |sent| {
        if let Sent::Bytes(bytes) = sent {
            *told.lock().unwrap() = bytes;
        }
    };
    server
        .remote()
        .upload(first, &digest, (&file(&bytes), 300_000), &watch)
        .unwrap();
    let expected = [
        "POST /v2/team/app/blobs/uploads/",
        "PATCH /up/0",
        "GET /up/0",
        "PATCH /up/0",
        &put,
    ];
    assert_eq!(server.log(), expected);
    assert_eq!(*lengths.lock().unwrap(), [200_000]);
    assert_eq!(*told.lock().unwrap(), 300_000);
}

#[test]
fn a_session_that_the_registry_forgot_begins_anew() {
    let server = Server::start(|request, n| match (request.method.as_str(), n) {
        ("POST", 0) => reply(202, "").header("Location: /up/0"),
        ("POST", _) => reply(202, "").header("Location: /up/9"),
        ("PATCH", 1) => reply(500, ""),
        ("PATCH", _) => reply(202, "").header("Location: /up/9?x=y"),
        ("GET", _) => reply(404, ""),
        _ => reply(201, ""),
    });
    let first = session(&server);
    let remote = server.remote();
    remote
        .upload(first, "sha256:ab", (&file(b"abc"), 3), &|_| {})
        .unwrap();
    let log = server.log();
    assert_eq!(
        log[2..5],
        [
            "GET /up/0",
            "POST /v2/team/app/blobs/uploads/",
            "PATCH /up/9"
        ]
    );
    assert_eq!(log[5], "PUT /up/9?x=y&digest=sha256%3Aab");
}

#[test]
fn an_answer_that_was_lost_is_no_failure_when_the_blob_is_there() {
    let server = Server::start(|request, _| match request.method.as_str() {
        "POST" | "PATCH" => reply(202, "").header("Location: /up/0"),
        "HEAD" => reply(200, ""),
        _ => reply(404, r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#),
    });
    let first = session(&server);
    let remote = server.remote();
    remote
        .upload(first, "sha256:ab", (&file(b"abc"), 3), &|_| {})
        .unwrap();
}

#[test]
fn a_mount_is_asked_for_and_may_become_an_upload() {
    let server = Server::start(
        |request, _| match request.path.contains("from=team%2Fbase") {
            true => reply(201, ""),
            false => reply(202, "").header("Location: https://elsewhere.example/up"),
        },
    );
    let remote = server.remote();
    assert_eq!(
        remote.start(Some(("sha256:ab", "team/base"))).unwrap(),
        Start::Mounted
    );
    let other = remote.start(Some(("sha256:ab", "team/none"))).unwrap();
    assert_eq!(
        other,
        Start::Session("https://elsewhere.example/up".to_owned())
    );
    assert_eq!(
        server.log()[0],
        "POST /v2/team/app/blobs/uploads/?mount=sha256:ab&from=team%2Fbase"
    );
}

#[test]
fn a_refusal_is_dockers_line() {
    let server = Server::start(|_, _| {
        reply(
            403,
            r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#,
        )
    });
    let e = server.remote().start(None).unwrap_err();
    assert_eq!(e.kind(), Kind::Denied);
    assert_eq!(
        e.to_string(),
        "denied: requested access to the resource is denied"
    );
}

/// A token that was fetched to look is not enough to write: the registry's new challenge names what is.
#[test]
fn a_token_to_pull_is_changed_for_one_to_push() {
    let server = Server::start(|request, _| {
        let challenge = |scope: &str| {
            let realm = format!("http://{}/token", request.host);
            let text = format!(
                "WWW-Authenticate: Bearer realm=\"{realm}\",service=\"s\",scope=\"{scope}\""
            );
            reply(401, "").header(text)
        };
        let token = request.authorization.as_deref();
        match (request.method.as_str(), token) {
            (_, _) if request.path.starts_with("/token") => {
                let is_push = request.path.contains("push");
                reply(
                    200,
                    format!(
                        "{{\"token\":\"{}\"}}",
                        if is_push { "push" } else { "pull" }
                    ),
                )
            }
            ("HEAD", Some("Bearer pull" | "Bearer push")) => reply(404, ""),
            ("HEAD", _) => challenge("repository:team/app:pull"),
            (_, Some("Bearer push")) => reply(202, "").header("Location: /up/0"),
            _ => challenge("repository:team/app:pull,push"),
        }
    });
    let remote = server.remote();
    assert!(!remote.has_blob("sha256:ab").unwrap());
    assert!(matches!(remote.start(None).unwrap(), Start::Session(_)));
    let tokens: Vec<String> = server
        .log()
        .into_iter()
        .filter(|line| line.contains("/token"))
        .collect();
    assert_eq!(tokens.len(), 2, "{tokens:?}");
    assert!(tokens[1].contains("pull%2Cpush"), "{tokens:?}");
}
