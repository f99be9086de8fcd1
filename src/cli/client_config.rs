//! docker's own `config.json`: the keys that detach and the proxies of containers.

use std::path::PathBuf;

use serde::Deserialize;

/// The part that matters to `run` and `exec`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ClientConfig {
    /// `ctrl-p,ctrl-q`.
    pub(super) detach_keys: Option<String>,
    /// `docker context use`.
    pub(super) current_context: Option<String>,
    history_format: String,
    images_format: String,
    networks_format: String,
    ps_format: String,
    stats_format: String,
    volumes_format: String,
    proxies: std::collections::BTreeMap<String, Proxies>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Proxies {
    http_proxy: String,
    https_proxy: String,
    no_proxy: String,
    ftp_proxy: String,
    all_proxy: String,
}

impl ClientConfig {
    /// Reads it; without one, or with one that is no JSON, everything is as if nothing were said there.
    pub(super) fn read(folder: Option<PathBuf>) -> ClientConfig {
        folder
            .and_then(|folder| std::fs::read(folder.join("config.json")).ok())
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    /// Returns the format that a setting has for a list; empty when none is set, or the list has no setting.
    pub(super) fn format(&self, setting: &str) -> &str {
        match setting {
            "historyFormat" => &self.history_format,
            "imagesFormat" => &self.images_format,
            "networksFormat" => &self.networks_format,
            "psFormat" => &self.ps_format,
            "statsFormat" => &self.stats_format,
            "volumesFormat" => &self.volumes_format,
            _ => "",
        }
    }

    /// The variables of the proxies, each in both spellings, as docker gives them to every container.
    pub(super) fn proxy_variables(&self) -> Vec<String> {
        let Some(proxies) = self.proxies.get("default") else {
            return Vec::new();
        };
        let pairs = [
            ("HTTP_PROXY", &proxies.http_proxy),
            ("HTTPS_PROXY", &proxies.https_proxy),
            ("NO_PROXY", &proxies.no_proxy),
            ("FTP_PROXY", &proxies.ftp_proxy),
            ("ALL_PROXY", &proxies.all_proxy),
        ];
        let set = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        set.flat_map(|(name, value)| {
            [
                format!("{name}={value}"),
                format!("{}={value}", name.to_lowercase()),
            ]
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_given_in_both_spellings() {
        let text = r#"{"auths":{},"detachKeys":"ctrl-a","proxies":{"default":{"httpProxy":"http://p:1","noProxy":"x"},
            "tcp://other":{"httpProxy":"no"}}}"#;
        let config: ClientConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.detach_keys.as_deref(), Some("ctrl-a"));
        assert_eq!(
            config.proxy_variables(),
            [
                "HTTP_PROXY=http://p:1",
                "http_proxy=http://p:1",
                "NO_PROXY=x",
                "no_proxy=x"
            ]
        );
        assert!(ClientConfig::default().proxy_variables().is_empty());
    }
}
