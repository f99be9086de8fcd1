//! The image configuration byte for byte as BuildKit prints it: Go's encoding/json of sorted top keys.

use serde_json::{Map, Value, json};

use crate::image::config::{ContainerConfig, History, ImageConfig};

/// Returns the bytes. `extra`: one more top key, for an inline cache.
pub(super) fn bytes(config: &ImageConfig, extra: Option<(&str, &str)>) -> Vec<u8> {
    let mut top = Map::new();
    top.insert("architecture".into(), json!(config.architecture));
    if let Some(author) = config.author.as_ref().filter(|a| !a.is_empty()) {
        top.insert("author".into(), json!(author));
    }
    top.insert("config".into(), container(&config.config));
    if let Some(created) = &config.created {
        top.insert("created".into(), json!(created));
    }
    let history: Vec<Value> = config.history.iter().map(entry).collect();
    top.insert("history".into(), Value::Array(history));
    if let Some((key, value)) = extra {
        top.insert(key.into(), json!(value));
    }
    top.insert("os".into(), json!(config.os));
    top.insert(
        "rootfs".into(),
        json!({"type": "layers", "diff_ids": config.rootfs.diff_ids}),
    );
    if let Some(variant) = config.variant.as_ref().filter(|v| !v.is_empty()) {
        top.insert("variant".into(), json!(variant));
    }
    escape(&Value::Object(top).to_string()).into_bytes()
}

/// Go's `<`, `>`, `&` and the two line separators.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out += "\\u003c",
            '>' => out += "\\u003e",
            '&' => out += "\\u0026",
            '\u{2028}' => out += "\\u2028",
            '\u{2029}' => out += "\\u2029",
            c => out.push(c),
        }
    }
    out
}

/// The order of ocispec's and docker's structs (moby/docker-image-spec, specs-go/v1/image.go).
fn container(config: &ContainerConfig) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value, is_empty: bool| {
        if !is_empty {
            out.insert(key.to_owned(), value);
        }
    };
    let list = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
    put("User", json!(config.user), config.user.is_empty());
    put(
        "ExposedPorts",
        json!(config.exposed_ports),
        config.exposed_ports.is_empty(),
    );
    put("Env", json!(config.env), config.env.is_empty());
    put(
        "Entrypoint",
        json!(config.entrypoint),
        list(&config.entrypoint),
    );
    put("Cmd", json!(config.cmd), list(&config.cmd));
    put("Volumes", json!(config.volumes), config.volumes.is_empty());
    put(
        "WorkingDir",
        json!(config.working_dir),
        config.working_dir.is_empty(),
    );
    put("Labels", json!(config.labels), config.labels.is_empty());
    let signal = config.stop_signal.as_deref().unwrap_or_default();
    put("StopSignal", json!(signal), signal.is_empty());
    put("ArgsEscaped", json!(true), !config.args_escaped);
    put(
        "Healthcheck",
        json!(config.healthcheck),
        config.healthcheck.is_none(),
    );
    put(
        "OnBuild",
        json!(config.on_build),
        config.on_build.is_empty(),
    );
    put(
        "StopTimeout",
        json!(config.stop_timeout),
        config.stop_timeout.is_none(),
    );
    put("Shell", json!(config.shell), list(&config.shell));
    Value::Object(out)
}

fn entry(entry: &History) -> Value {
    let mut out = Map::new();
    let texts = [
        ("created", &entry.created),
        ("created_by", &entry.created_by),
        ("author", &entry.author),
        ("comment", &entry.comment),
    ];
    for (key, text) in texts {
        if let Some(text) = text.as_ref().filter(|t| !t.is_empty()) {
            out.insert(key.to_owned(), json!(text));
        }
    }
    if entry.empty_layer {
        out.insert("empty_layer".to_owned(), json!(true));
    }
    Value::Object(out)
}

/// Go's RFC3339Nano: no zeros at the end.
pub(super) fn time(time: jiff::Timestamp) -> String {
    let nanoseconds = time.subsec_nanosecond();
    let whole = time.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    match nanoseconds {
        0 => format!("{whole}Z"),
        n => {
            let digits = format!("{n:09}");
            format!("{whole}.{}Z", digits.trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from BuildKit 0.13.
    #[test]
    fn a_configuration_is_buildkits_byte_for_byte() {
        let text = r#"{"architecture":"amd64","author":"Some One \u003ca@b\u003e","config":{"User":"nobody:nogroup","ExposedPorts":{"53/udp":{},"80/tcp":{}},"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","E2=two \u003cx\u003e \u0026 y"],"Entrypoint":["x","y z"],"Cmd":["/bin/bash","-c","top -b"],"Volumes":{"/v1":{},"/v2":{}},"WorkingDir":"/w","Labels":{"k":"v","z":"1 \u0026 2"},"StopSignal":"SIGQUIT","ArgsEscaped":true,"Healthcheck":{"Test":["CMD-SHELL","curl -f \"x\""],"Interval":5000000000,"Timeout":60000000000,"StartPeriod":3000000000,"Retries":3},"OnBuild":["COPY a /b","ENV OB=1"],"Shell":["/bin/bash","-c"]},"created":"2026-11-28T17:18:56.122052231Z","history":[{"created":"2026-11-28T17:18:55.738323471Z","created_by":"ARG H=hdef","comment":"buildkit.dockerfile.v0","empty_layer":true},{"created":"2026-11-28T17:18:55.738323471Z","created_by":"COPY a /a # buildkit","comment":"buildkit.dockerfile.v0"}],"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:482fcc9b5cc931301be507698222ec312bf7f7b8166d3b99cf6c6a96b377921a"]}}"#;
        let config: ImageConfig = serde_json::from_str(text).unwrap();
        assert_eq!(String::from_utf8(bytes(&config, None)).unwrap(), text);
    }

    #[test]
    fn times_end_without_zeros() {
        let at = |text: &str| time(text.parse().unwrap());
        assert_eq!(
            at("2026-11-28T17:18:56.910000000Z"),
            "2026-11-28T17:18:56.91Z"
        );
        assert_eq!(at("2001-09-09T01:46:40Z"), "2001-09-09T01:46:40Z");
    }
}
