//! Indexes that are made here: the images of one build for several platforms, under one name (OCI image-spec,
//! image-index.md).

use std::collections::BTreeMap;

use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
};
use serde_json::{Value, json};

use crate::error::{Context, Kind, Result};
use crate::grammar::platform::Platform;
use crate::image::save::descriptor;

/// Keys and values of a document or descriptor.
pub(crate) type Annotations = BTreeMap<String, String>;

/// A manifest as its index names it.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    /// With its `annotations` and `platform`, as they stand in the descriptor.
    pub(crate) rest: Vec<(String, Value)>,
}

impl Part {
    /// The manifest `bytes` of an image for `platform`.
    pub(crate) fn new(
        media_type: &str,
        bytes: &[u8],
        platform: &Platform,
        annotations: &Annotations,
    ) -> Part {
        let mut rest = Vec::new();
        if !annotations.is_empty() {
            rest.push(("annotations".to_owned(), json!(annotations)));
        }
        rest.push(("platform".to_owned(), platform_value(platform)));
        Part {
            media_type: media_type.to_owned(),
            digest: crate::store::blobs::digest_of(bytes),
            size: bytes.len() as u64,
            rest,
        }
    }

    /// The same place of the index for another form of its manifest.
    pub(crate) fn with(self, media_type: &str, bytes: &[u8]) -> Part {
        Part {
            media_type: media_type.to_owned(),
            digest: crate::store::blobs::digest_of(bytes),
            size: bytes.len() as u64,
            ..self
        }
    }
}

/// Returns a platform as descriptors have it.
pub(crate) fn platform_value(platform: &Platform) -> Value {
    let mut value = json!({ "architecture": platform.architecture, "os": platform.os });
    if !platform.variant.is_empty() {
        value["variant"] = json!(platform.variant);
    }
    value
}

/// An index, read or to be written.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) parts: Vec<Part>,
    pub(crate) annotations: Annotations,
}

impl Index {
    /// Reads one that was made here.
    pub(crate) fn read(bytes: &[u8]) -> Result<Index> {
        let what = || "cannot read the index";
        let value: Value = serde_json::from_slice(bytes).context(Kind::Corrupt, what)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let parts = value["manifests"].as_array().into_iter().flatten();
        let parts = parts.map(|part| Part {
            media_type: text(&part["mediaType"]),
            digest: text(&part["digest"]),
            size: part["size"].as_u64().unwrap_or_default(),
            rest: part
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(key, _)| !["mediaType", "digest", "size"].contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        });
        let annotations = match value.get("annotations") {
            Some(found) => serde_json::from_value(found.clone()).context(Kind::Corrupt, what)?,
            None => Annotations::new(),
        };
        Ok(Index {
            parts: parts.collect(),
            annotations,
        })
    }

    /// Returns its media type: docker's where all its manifests are docker's and nothing asks for more.
    pub(crate) fn media_type(&self) -> &'static str {
        let is_docker = |part: &Part| part.media_type == IMAGE_MANIFEST_MEDIA_TYPE;
        match self.annotations.is_empty() && self.parts.iter().all(is_docker) {
            true => IMAGE_MANIFEST_LIST_MEDIA_TYPE,
            false => OCI_IMAGE_INDEX_MEDIA_TYPE,
        }
    }

    /// Returns its bytes, as BuildKit writes them.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let parts = self.parts.iter().map(|part| {
            let mut value = descriptor(&part.media_type, &part.digest, part.size);
            for (key, rest) in &part.rest {
                value[key] = rest.clone();
            }
            value
        });
        let mut value = json!({
            "schemaVersion": 2,
            "mediaType": self.media_type(),
            "manifests": parts.collect::<Vec<_>>(),
        });
        if !self.annotations.is_empty() {
            value["annotations"] = json!(self.annotations);
        }
        serde_json::to_vec_pretty(&value).expect("a value of ours has only text keys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;

    /// Recorded from BuildKit 0.13: `--platform linux/amd64,linux/arm64 --annotation index:a=1 --annotation
    /// manifest-descriptor:e=5`, `type=oci`.
    #[test]
    fn an_index_is_buildkits_byte_for_byte() {
        let text = r#"{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:f5c71de967cd99b64c853151454ea4678c2be229fb10ca787fa7f39ea8f5af11",
      "size": 527,
      "annotations": {
        "e": "5"
      },
      "platform": {
        "architecture": "amd64",
        "os": "linux"
      }
    },
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:76fcbcd30d56eaf30b000cfde32b326aaa535e5dcb17a6d555dec36b934064f8",
      "size": 541,
      "annotations": {
        "e": "5"
      },
      "platform": {
        "architecture": "arm64",
        "os": "linux"
      }
    }
  ],
  "annotations": {
    "a": "1"
  }
}"#;
        let index = Index::read(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(index.bytes()).unwrap(), text);
        let e = Annotations::from([("e".to_owned(), "5".to_owned())]);
        let made = Part::new(
            OCI_IMAGE_MEDIA_TYPE,
            b"x",
            &Platform::parse("linux/arm64").unwrap(),
            &e,
        );
        assert_eq!(made.rest, index.parts[1].rest);
    }
}
