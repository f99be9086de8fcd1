//! `--annotation`: a key and a value, and which documents of an image carry them (buildx, util/buildflags/export.go).

use crate::error::{Error, Kind, Result};
use crate::grammar::platform::Platform;

/// What carries an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The manifest of an image.
    Manifest,
    /// The descriptor of a manifest in its index.
    ManifestDescriptor,
    /// The index of several images.
    Index,
    /// The descriptor of the index in a layout's `index.json`.
    IndexDescriptor,
}

/// One annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// What carries it.
    pub places: Vec<Place>,
    /// Only with the image for this platform; `None`: with all.
    pub platform: Option<Platform>,
    /// `org.opencontainers.image.title`.
    pub key: String,
    /// The value.
    pub value: String,
}

impl Annotation {
    /// Parses `[TYPE[,TYPE...][[PLATFORM]]:]KEY=VALUE`. buildx' words for what is wrong.
    pub fn parse(text: &str) -> Result<Annotation> {
        let invalid = |why: String| Error::new(Kind::Usage, why);
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| invalid(format!("invalid annotation {text:?}, expected key=value")))?;
        let (mut places, mut platform) = (Vec::new(), None);
        let mut name = key;
        if let Some((words, rest)) = key.split_once(':') {
            name = rest;
            let words = match words.strip_suffix(']').and_then(|w| w.split_once('[')) {
                Some((words, text)) => {
                    platform = Some(
                        Platform::parse(text)
                            .map_err(|e| invalid(format!("invalid platform {text:?}: {e}")))?,
                    );
                    words
                }
                None => words,
            };
            for word in words.split(',') {
                places.push(place(word)?);
            }
        } else {
            places.push(Place::Manifest);
        }
        Ok(Annotation {
            places,
            platform,
            key: name.to_owned(),
            value: value.to_owned(),
        })
    }

    /// Says whether that document of the image for `platform` carries it.
    pub fn is_for(&self, place: Place, platform: &Platform) -> bool {
        let fits = self.platform.as_ref().is_none_or(|p| p == platform);
        fits && self.places.contains(&place)
    }
}

fn place(word: &str) -> Result<Place> {
    match word {
        "manifest" => Ok(Place::Manifest),
        "manifest-descriptor" => Ok(Place::ManifestDescriptor),
        "index" => Ok(Place::Index),
        "index-descriptor" => Ok(Place::IndexDescriptor),
        word => Err(Error::new(
            Kind::Usage,
            format!("unknown annotation type {word:?}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_platforms_come_before_the_key() {
        let parse = |text: &str| Annotation::parse(text).unwrap();
        let plain = parse("a.b=c=d");
        assert_eq!((plain.key.as_str(), plain.value.as_str()), ("a.b", "c=d"));
        assert_eq!(plain.places, [Place::Manifest]);
        let two = parse("index,manifest[linux/arm64]:k=v");
        assert_eq!(two.places, [Place::Index, Place::Manifest]);
        let arm = Platform::parse("linux/arm64").unwrap();
        assert_eq!((two.key.as_str(), two.platform.as_ref()), ("k", Some(&arm)));
        assert!(two.is_for(Place::Manifest, &arm));
        assert!(!two.is_for(Place::Manifest, &Platform::parse("linux/amd64").unwrap()));
    }

    /// Recorded from buildx 0.13.
    #[test]
    fn refusals_are_buildxs() {
        for (text, says) in [
            ("a", "invalid annotation \"a\", expected key=value"),
            ("foo:a=1", "unknown annotation type \"foo\""),
            (
                "manifest-descriptor[linux/zzz/y/z]:a=1",
                "invalid platform \"linux/zzz/y/z\": \"linux/zzz/y/z\": cannot parse platform specifier: invalid argument",
            ),
        ] {
            assert_eq!(Annotation::parse(text).unwrap_err().to_string(), says);
        }
    }
}
