//! Docker's words for `version`: one program here, which answers for client and server alike.

use std::collections::BTreeMap;

use serde::Serialize;

/// The version of docker's HTTP API whose words we print.
pub(crate) const API: &str = "1.45";
/// The oldest version that its clients may ask for.
pub(crate) const OLDEST_API: &str = "1.24";

/// `docker version --format json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Version<'a> {
    client: Client<'a>,
    server: Server<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Client<'a> {
    version: &'a str,
    api_version: &'a str,
    #[serde(rename = "DefaultAPIVersion")]
    default_api_version: &'a str,
    git_commit: &'a str,
    go_version: &'a str,
    os: &'a str,
    arch: &'a str,
    build_time: &'a str,
    context: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Server<'a> {
    platform: Platform<'a>,
    components: Vec<Component<'a>>,
    version: &'a str,
    api_version: &'a str,
    #[serde(rename = "MinAPIVersion")]
    min_api_version: &'a str,
    git_commit: &'a str,
    go_version: &'a str,
    os: &'a str,
    arch: &'a str,
    kernel_version: &'a str,
    build_time: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Platform<'a> {
    name: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Component<'a> {
    name: &'a str,
    version: &'a str,
    details: BTreeMap<&'a str, &'a str>,
}

impl<'a> Version<'a> {
    /// Returns the whole view; `arch` is in Go's words, `kernel` uname's release.
    pub(crate) fn new(version: &'a str, arch: &'a str, kernel: &'a str) -> Version<'a> {
        let details = [
            ("ApiVersion", API),
            ("Arch", arch),
            ("BuildTime", ""),
            ("Experimental", "false"),
            ("GitCommit", ""),
            ("GoVersion", ""),
            ("KernelVersion", kernel),
            ("MinAPIVersion", OLDEST_API),
            ("Os", "linux"),
        ];
        Version {
            client: Client {
                version,
                api_version: API,
                default_api_version: API,
                git_commit: "",
                go_version: "",
                os: "linux",
                arch,
                build_time: "",
                context: "default",
            },
            server: Server {
                platform: Platform { name: "Coracle" },
                components: vec![Component {
                    name: "Engine",
                    version,
                    details: details.into(),
                }],
                version,
                api_version: API,
                min_api_version: OLDEST_API,
                git_commit: "",
                go_version: "",
                os: "linux",
                arch,
                kernel_version: kernel,
                build_time: "",
            },
        }
    }

    /// Returns what `docker version` prints: cells that end with tabs, of a table with a minimal width of 20.
    pub(crate) fn text(&self) -> String {
        let (client, server) = (&self.client, &self.server);
        format!(
            "Client:\n Version:\t{}\n API version:\t{}\n OS/Arch:\t{}/{}\n Context:\t{}\n\n\
             Server: {}\n Engine:\n  Version:\t{}\n  API version:\t{} (minimum version {})\n  OS/Arch:\t{}/{}\n  \
             Experimental:\tfalse\n",
            client.version,
            client.api_version,
            client.os,
            client.arch,
            client.context,
            server.platform.name,
            server.version,
            server.api_version,
            server.min_api_version,
            server.os,
            server.arch,
        )
    }
}
