//! Docker's own answers, recorded from version 26, made again from our records.

use std::path::Path;

use serde_json::{Value, json};

use super::container::Place;
use super::{container, image, json as text, volume};
use crate::store::containers::{Record, State};
use crate::store::images::{Image, Listed};
use crate::store::volumes::Volume;

/// Keys whose values are places and addresses of the machine.
const PLACES: &[&str] = &[
    "ResolvConfPath",
    "HostnamePath",
    "HostsPath",
    "LogPath",
    "LowerDir",
    "MergedDir",
    "UpperDir",
    "WorkDir",
    "SandboxID",
    "SandboxKey",
    "EndpointID",
    "Gateway",
    "IPAddress",
    "IPPrefixLen",
    "MacAddress",
    "NetworkID",
];

/// Masks the values of `PLACES`.
fn masked(text: &str) -> String {
    let mask = |line: &str| match line.split_once("\": ") {
        Some((key, _)) if PLACES.contains(&key.trim_start().trim_start_matches('"')) => {
            format!("{key}\": _")
        }
        _ => line.to_owned(),
    };
    text.lines().map(mask).collect::<Vec<_>>().join("\n")
}

fn list(element: &impl serde::Serialize) -> String {
    let mut all = String::new();
    text::indent_into(&mut all, element);
    format!("[{all}\n]")
}

/// Leaves out what Go writes as null.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k.clone(), without_nulls(v)))
            .collect(),
        Value::Array(all) => all.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// Makes our record and state of docker's answer.
fn records(docker: &Value) -> (Record, State) {
    let d = without_nulls(docker);
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let record = Record {
        id: text(&d["Id"]),
        name: text(&d["Name"]).trim_start_matches('/').to_owned(),
        created: text(&d["Created"]),
        image_id: text(&d["Image"]),
        platform: "linux/amd64".to_owned(),
        config: serde_json::from_value(d["Config"].clone()).unwrap(),
        host: serde_json::from_value(d["HostConfig"].clone()).unwrap(),
        mounts: serde_json::from_value(d["Mounts"].clone()).unwrap(),
        driver: "overlay".to_owned(),
        ..Record::default()
    };
    let s = &d["State"];
    let state = State {
        status: serde_json::from_value(s["Status"].clone()).unwrap(),
        pid: s["Pid"].as_i64().unwrap() as i32,
        exit_code: s["ExitCode"].as_i64().unwrap() as i32,
        error: text(&s["Error"]),
        started_at: text(&s["StartedAt"]),
        finished_at: text(&s["FinishedAt"]),
        health: s
            .get("Health")
            .map(|h| serde_json::from_value(h.clone()).unwrap()),
        ..State::default()
    };
    (record, state)
}

#[test]
fn a_container_is_inspected_as_docker_does() {
    for recorded in [
        include_str!("recorded/container-plain.json"),
        include_str!("recorded/container-rich.json"),
        include_str!("recorded/container-exit.json"),
        include_str!("recorded/container-created.json"),
    ] {
        let docker: Value = serde_json::from_str(recorded).unwrap();
        let (record, state) = records(&docker[0]);
        let place = Place {
            dir: Path::new("/c"),
            lower: &["/l/1".into(), "/l/0".into()],
            size: None,
        };
        let ours = list(&container::Details::new(&record, &state, place));
        for (ours, theirs) in masked(&ours)
            .lines()
            .zip(masked(recorded.trim_end()).lines())
        {
            assert_eq!(ours, theirs, "{}", record.name);
        }
        assert_eq!(ours.lines().count(), recorded.lines().count());
    }
}

#[test]
fn what_a_container_wrote_stands_before_its_mounts() {
    let (record, state) = (Record::default(), State::default());
    let place = Place {
        dir: Path::new("/c"),
        lower: &[],
        size: Some((1, 2)),
    };
    let ours = list(&container::Details::new(&record, &state, place));
    assert!(
        ours.contains("        \"SizeRw\": 1,\n        \"SizeRootFs\": 2,\n        \"Mounts\": []"),
        "{ours}"
    );
}

#[test]
fn an_image_is_inspected_as_docker_does() {
    for recorded in [
        include_str!("recorded/image-built.json"),
        include_str!("recorded/image-bare.json"),
    ] {
        let docker: Value = serde_json::from_str(recorded).unwrap();
        let d = &docker[0];
        let names = |key: &str| -> Vec<String> {
            let full = |v: &Value| {
                let short = v.as_str().unwrap();
                let is_short = !short.contains('/');
                if is_short {
                    format!("docker.io/library/{short}")
                } else {
                    short.to_owned()
                }
            };
            d[key].as_array().unwrap().iter().map(full).collect()
        };
        let config = json!({
            "created": d["Created"],
            "author": d["Author"],
            "architecture": d["Architecture"],
            "os": d["Os"],
            "config": without_nulls(&d["Config"]),
            "rootfs": { "type": "layers", "diff_ids": d["RootFS"]["Layers"] },
            "history": [{ "comment": d["Comment"] }],
        });
        let listed = Listed {
            id: d["Id"].as_str().unwrap().to_owned(),
            names: names("RepoTags"),
            digests: names("RepoDigests"),
            size: d["Size"].as_u64().unwrap(),
            tagged: d["Metadata"]["LastTagTime"].as_str().unwrap().to_owned(),
            ..Listed::default()
        };
        let image = Image {
            listed,
            config: serde_json::from_value(config).unwrap(),
        };
        let layers = image.config.rootfs.diff_ids.len();
        let trees: Vec<_> = (0..layers).map(|n| format!("/l/{n}").into()).collect();
        // folders that only a mounted image has
        let without = |text: &str| {
            let kept = text
                .lines()
                .filter(|l| !l.contains("\"MergedDir\"") && !l.contains("\"WorkDir\""));
            kept.map(|l| l.replace("\"UpperDir\": _,", "\"UpperDir\": _"))
                .collect::<Vec<_>>()
        };
        let ours = masked(&list(&image::Details::new(&image, &trees)));
        assert_eq!(without(&ours), without(&masked(recorded.trim_end())));
    }
}

#[test]
fn a_volume_is_inspected_as_docker_does() {
    let volume = Volume {
        name: "wrvol".to_owned(),
        created: "2026-11-24T18:12:10Z".to_owned(),
        ..Volume::default()
    };
    let ours = list(&volume::Details::new(
        &volume,
        Path::new("/var/lib/docker/volumes/wrvol/_data"),
    ));
    assert_eq!(ours, include_str!("recorded/volume.json").trim_end());
}
