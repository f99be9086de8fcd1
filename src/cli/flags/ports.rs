//! `-p` and `--expose`.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::grammar::port;
use crate::store::containers::PortBinding;

/// Docker's `PortBindings`: `80/tcp` and where on the host it is to be had.
pub(super) fn publish<'a>(
    given: impl Iterator<Item = &'a String>,
) -> Result<BTreeMap<String, Vec<PortBinding>>> {
    let mut all: BTreeMap<String, Vec<PortBinding>> = BTreeMap::new();
    for text in given {
        for mapping in port::parse_publish(text)? {
            let binding = PortBinding {
                host_ip: mapping.host_ip.clone(),
                host_port: mapping.host_port.clone(),
            };
            all.entry(mapping.key()).or_default().push(binding);
        }
    }
    Ok(all)
}

/// Docker's `ExposedPorts`: those of `--expose`, and published ones are exposed too.
pub(super) fn expose<'a>(
    exposed: impl Iterator<Item = &'a String>,
    published: impl Iterator<Item = &'a String>,
) -> Result<Vec<String>> {
    let mut all: Vec<String> = publish(published)?.into_keys().collect();
    for text in exposed {
        all.extend(port::parse_expose(text)?);
    }
    all.sort();
    all.dedup();
    Ok(all)
}
