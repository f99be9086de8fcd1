//! Platforms: `linux/amd64`, `linux/arm/v7`, and which images a machine can run (containerd's platforms package).

use std::fmt;

use crate::error::{Error, Kind, Result};

/// An operating system and a processor, in Go's words and normalised: `arm64/v8` is `arm64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`, `arm`, ...
    pub architecture: String,
    /// `v7`, `v3`, ...; empty for none.
    pub variant: String,
}

/// The words that count as a system or a processor when they stand alone.
const SYSTEMS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
    "zos",
];
const PROCESSORS: &[&str] = &[
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "armbe",
    "arm64",
    "arm64be",
    "ppc64",
    "ppc64le",
    "loong64",
    "mips",
    "mipsle",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

impl Platform {
    /// Returns the normalised platform for the words of an image's configuration or a manifest list.
    pub fn new(os: &str, architecture: &str, variant: &str) -> Platform {
        let (architecture, variant) = normalise(architecture, variant);
        let os = match os.to_lowercase() {
            os if os == "macos" => "darwin".to_owned(),
            os => os,
        };
        Platform {
            os,
            architecture,
            variant,
        }
    }

    /// Parses `--platform`: `os`, `architecture`, `os/architecture` or `os/architecture/variant`.
    pub fn parse(text: &str) -> Result<Platform> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.len() > 3 {
            return Err(invalid(format!(
                "\"{text}\": cannot parse platform specifier: invalid argument"
            )));
        }
        // the system may carry a version, `windows(10.0)`, which means nothing to us
        let os = parts[0]
            .split_once('(')
            .filter(|(_, v)| v.ends_with(')'))
            .map_or(parts[0], |(os, _)| os);
        if !is_component(os) {
            return Err(invalid(format!(
                "\"{}\" is an invalid OS component of \"{text}\": OSAndVersion specifier component must match \
                 \"^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.-]*)\\\\))?$\": invalid argument",
                parts[0]
            )));
        }
        if let Some(part) = parts[1..].iter().find(|part| !is_component(part)) {
            return Err(invalid(format!(
                "\"{part}\" is an invalid component of \"{text}\": platform specifier component must match \
                 \"^[A-Za-z0-9_-]+$\": invalid argument"
            )));
        }
        let host = Platform::host();
        match parts[..] {
            [_, architecture] => Ok(Platform::new(os, architecture, "")),
            [_, architecture, variant] => Ok(Platform::new(os, architecture, variant)),
            _ => {
                let system = Platform::new(os, "", "");
                if SYSTEMS.contains(&system.os.as_str()) {
                    return Ok(Platform {
                        os: system.os,
                        ..host
                    });
                }
                let processor = Platform::new(&host.os, os, "");
                if PROCESSORS.contains(&processor.architecture.as_str()) {
                    return Ok(processor);
                }
                Err(invalid(format!(
                    "\"{text}\": unknown operating system or architecture: invalid argument"
                )))
            }
        }
    }

    /// Returns the platform that this program was built for.
    pub fn host() -> Platform {
        let architecture = match std::env::consts::ARCH {
            "x86" => "386",
            "powerpc64" => "ppc64le",
            "loongarch64" => "loong64",
            other => other,
        };
        Platform::new(std::env::consts::OS, architecture, "")
    }

    /// Says whether a machine of this platform runs images of `image`.
    pub fn matches(&self, image: &Platform) -> bool {
        self.rank(image).is_some()
    }

    /// Returns how well `image` suits a machine of this platform: 0 is best, `None` not at all. Of the entries of a manifest
    /// list the one with the lowest rank is taken, of equal ones the first.
    pub fn rank(&self, image: &Platform) -> Option<usize> {
        if self.os != image.os {
            return None;
        }
        let fits = |(architecture, variant): &(String, String)| {
            (architecture, variant) == (&image.architecture, &image.variant)
        };
        self.runs().iter().position(fits)
    }

    /// Lists what this processor runs, the best first.
    fn runs(&self) -> Vec<(String, String)> {
        let below = |lowest: usize, variant: &str| {
            let level: usize = variant
                .strip_prefix('v')
                .unwrap_or(variant)
                .parse()
                .unwrap_or(0);
            // no processor has more levels; keeps a made-up `v999999999` short
            let older = (lowest..level.min(16))
                .rev()
                .map(|level| format!("v{level}"));
            std::iter::once(variant.to_owned())
                .chain(older)
                .collect::<Vec<_>>()
        };
        let own = self.architecture.as_str();
        let with = |architecture: &str, variants: Vec<String>| {
            let pairs = variants
                .into_iter()
                .map(|variant| normalise(architecture, &variant));
            pairs.collect::<Vec<_>>()
        };
        match own {
            "amd64" => [
                with(own, below(1, &self.variant)),
                with("386", vec![String::new()]),
            ]
            .concat(),
            "arm" => with(own, below(5, &self.variant)),
            "arm64" if self.variant.is_empty() => {
                [with(own, vec![String::new()]), with("arm", below(5, "v8"))].concat()
            }
            "arm64" => {
                let plain = vec![self.variant.clone(), String::new()];
                [with(own, plain), with("arm", below(5, "v8"))].concat()
            }
            _ => vec![(self.architecture.clone(), self.variant.clone())],
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() {
            Ok(())
        } else {
            write!(f, "/{}", self.variant)
        }
    }
}

fn normalise(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = (architecture.to_lowercase(), variant.to_lowercase());
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("i386" | "x86", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        other => other,
    };
    (architecture.to_owned(), variant.to_owned())
}

fn is_component(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn invalid(text: String) -> Error {
    Error::new(Kind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn platforms_are_normalised() {
        let host = Platform::host().to_string();
        let arch = Platform::host().architecture;
        let cases = [
            ("linux", host.as_str()),
            ("linux/amd64", "linux/amd64"),
            ("LINUX/AMD64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("x86_64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("aarch64", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("armhf", "linux/arm/v7"),
            ("linux(1)/amd64", "linux/amd64"),
            ("macos", &format!("darwin/{arch}")),
            ("foo/bar", "foo/bar"),
            (
                "foo",
                "! \"foo\": unknown operating system or architecture: invalid argument",
            ),
            (
                "a/b/c/d",
                "! \"a/b/c/d\": cannot parse platform specifier: invalid argument",
            ),
            (
                "linux/",
                "! \"\" is an invalid component of \"linux/\": platform specifier component must match \"^[A-Za-z0-9_-]+$\": invalid argument",
            ),
            (
                "li nux/amd64",
                "! \"li nux\" is an invalid OS component of \"li nux/amd64\": OSAndVersion specifier component must match \"^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.-]*)\\\\))?$\": invalid argument",
            ),
        ];
        for (text, expected) in cases {
            let got = Platform::parse(text).map_or_else(|e| format!("! {e}"), |p| p.to_string());
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn the_best_entry_of_a_list_is_the_nearest_older_variant() {
        let rank = |machine: &str, image: &str| {
            Platform::parse(machine)
                .unwrap()
                .rank(&Platform::parse(image).unwrap())
        };
        let cases = [
            ("linux/amd64", "linux/amd64", Some(0)),
            ("linux/amd64", "linux/amd64/v2", None),
            ("linux/amd64", "linux/386", Some(1)),
            ("linux/amd64", "windows/amd64", None),
            ("linux/amd64/v3", "linux/amd64/v3", Some(0)),
            ("linux/amd64/v3", "linux/amd64/v2", Some(1)),
            ("linux/amd64/v3", "linux/amd64", Some(2)),
            ("linux/amd64/v3", "linux/amd64/v4", None),
            ("linux/arm64", "linux/arm64/v8", Some(0)),
            ("linux/arm64", "linux/arm/v7", Some(2)),
            ("linux/arm64", "linux/arm/v5", Some(4)),
            ("linux/arm/v7", "linux/arm/v6", Some(1)),
            ("linux/arm/v6", "linux/arm/v7", None),
            ("linux/riscv64", "linux/riscv64", Some(0)),
        ];
        for (machine, image, expected) in cases {
            assert_eq!(rank(machine, image), expected, "{machine} {image}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered_and_reads_back(text in "[a-z0-9/()_]{0,16}|\\PC{0,8}|(linux|arm|amd64|/|v[0-9]){1,6}") {
            if let Ok(platform) = Platform::parse(&text) {
                prop_assert!(platform.matches(&platform));
                prop_assert_eq!(Platform::parse(&platform.to_string()).unwrap(), platform);
            }
        }
    }
}
