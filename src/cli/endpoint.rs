//! Which daemon the user means. There is none behind us, so what names this machine's is as good as nothing said; what names
//! another machine's is refused: a command that is meant for there must not change what is here.

use std::path::Path;

use serde::Deserialize;

use super::{Session, variable};
use crate::error::{Error, Kind, Result};
use crate::store::sum::sum_of;

/// Docker's order: flags, `DOCKER_HOST`, `DOCKER_CONTEXT`, the context that `docker context use` has kept.
pub(super) fn check(session: &Session) -> Result<()> {
    if session.host.is_some() && session.context.is_some() {
        let text = "conflicting options: cannot specify both --host and --context";
        return Err(Error::new(Kind::Usage, text));
    }
    let said = |name: &str| variable(name).filter(|value| !value.is_empty());
    let host = match (&session.host, &session.context) {
        (None, None) => said("DOCKER_HOST"),
        (host, _) => host.clone(),
    };
    if let Some(host) = host {
        return is_here(&host);
    }
    let context = session.context.clone();
    let context = context.or_else(|| said("DOCKER_CONTEXT"));
    match context.or_else(|| session.client_config().current_context.clone()) {
        Some(name) if !matches!(name.as_str(), "" | "default") => {
            let folder = session.docker_folder();
            is_here(&folder.map_or(Ok(String::new()), |folder| host_of(&folder, &name))?)
        }
        _ => Ok(()),
    }
}

/// A socket in the file system is of this machine.
fn is_here(host: &str) -> Result<()> {
    if host.is_empty() || host.starts_with("unix://") || host.starts_with("fd://") {
        return Ok(());
    }
    let text = format!("cannot use the daemon at `{host}`");
    Err(Error::new(Kind::Usage, text)
        .because("containers run on this machine, without a daemon")
        .hint("leave out the host or context, unset DOCKER_HOST, or `coracle context use default`"))
}

/// Returns the endpoint of a context that docker keeps (cli/context/store: a folder by the sum of the name).
fn host_of(folder: &Path, name: &str) -> Result<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Meta {
        #[serde(default)]
        endpoints: std::collections::BTreeMap<String, Endpoint>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Endpoint {
        #[serde(default)]
        host: String,
    }
    let sum = crate::store::hex(&sum_of(name));
    let path = folder.join("contexts/meta").join(sum).join("meta.json");
    let meta = std::fs::read(path).ok();
    let meta = meta.and_then(|text| serde_json::from_slice::<Meta>(&text).ok());
    let Some(mut meta) = meta else {
        let text = format!("context {name:?}: context not found");
        return Err(Error::new(Kind::Usage, text));
    };
    let docker = meta.endpoints.remove("docker");
    Ok(docker.map(|endpoint| endpoint.host).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_of_this_machine_is_here() {
        for (host, is_ours) in [
            ("", true),
            ("unix:///run/user/1000/docker.sock", true),
            ("ssh://prod", false),
            ("tcp://127.0.0.1:2375", false),
            ("prod:2375", false),
        ] {
            assert_eq!(is_here(host).is_ok(), is_ours, "{host}");
        }
        let text = is_here("ssh://prod").unwrap_err().to_string();
        assert!(
            text.starts_with("cannot use the daemon at `ssh://prod`: "),
            "{text}"
        );
    }

    #[test]
    fn a_context_is_looked_up_where_docker_keeps_it() {
        let scratch = crate::store::scratch::Scratch::new();
        let folder = scratch.store.data("docker");
        // echo -n prod | sha256sum
        let sum = "6754af9632a2745e85c293e5aac0863370d9bd3330b9938c00cadfd215227d77";
        let place = folder.join("contexts/meta").join(sum);
        std::fs::create_dir_all(&place).unwrap();
        let meta = r#"{"Name":"prod","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://prod","SkipTLSVerify":false}}}"#;
        std::fs::write(place.join("meta.json"), meta).unwrap();
        assert_eq!(host_of(&folder, "prod").unwrap(), "ssh://prod");
        assert_eq!(
            host_of(&folder, "nope").unwrap_err().to_string(),
            "context \"nope\": context not found"
        );
    }
}
