//! `system df`: how many things there are, and how much room they take.

use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::store::containers::Found;
use crate::store::images::Listed;
use crate::store::size::tree_bytes;
use crate::store::volumes::Volume;
use crate::store::{Store, gc, prune};

/// All that takes room.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// Bytes of all layers, each once, and of those that interrupted pulls began to fetch.
    pub layer_bytes: u64,
    /// The images.
    pub images: Vec<ImageUsage>,
    /// The containers.
    pub containers: Vec<ContainerUsage>,
    /// The volumes.
    pub volumes: Vec<VolumeUsage>,
}

/// One image's room.
#[derive(Debug, Clone)]
pub struct ImageUsage {
    /// The image.
    pub image: Listed,
    /// Bytes of its layers.
    pub bytes: u64,
    /// Those of them that other images have too.
    pub shared_bytes: u64,
    /// Containers made of it.
    pub containers: usize,
}

/// One container's room.
#[derive(Debug, Clone)]
pub struct ContainerUsage {
    /// The container.
    pub found: Found,
    /// Bytes that it wrote.
    pub bytes: u64,
}

/// One volume's room.
#[derive(Debug, Clone)]
pub struct VolumeUsage {
    /// The volume.
    pub volume: Volume,
    /// Bytes of its files.
    pub bytes: u64,
    /// Containers that mount it.
    pub links: usize,
}

/// Looks at everything: takes as long as a walk over all containers and volumes.
pub fn usage(store: &Store) -> Result<Usage> {
    let found = store.containers().list()?;
    let mut usage = images(store, &found)?;
    let users = store.volumes().users()?;
    for volume in store.volumes().list()? {
        let bytes = tree_bytes(&store.volumes().path(&volume.name));
        let links = users
            .iter()
            .filter(|user| user.volume == volume.name)
            .count();
        usage.volumes.push(VolumeUsage {
            volume,
            bytes,
            links,
        });
    }
    let with_bytes = |found| ContainerUsage {
        bytes: prune::writable_bytes(store, &found),
        found,
    };
    usage.containers = found.into_iter().map(with_bytes).collect();
    Ok(usage)
}

fn images(store: &Store, found: &[Found]) -> Result<Usage> {
    let mut usage = Usage::default();
    let mut owners: HashMap<String, usize> = HashMap::new();
    let mut layers = Vec::new();
    for image in store.images().list()? {
        // an image whose configuration is broken is for `system check`
        let diff_ids = store
            .images()
            .config(&image.id)
            .map(|config| config.rootfs.diff_ids)
            .unwrap_or_default();
        let own: HashSet<String> = diff_ids.into_iter().collect();
        for layer in &own {
            *owners.entry(layer.clone()).or_default() += 1;
        }
        layers.push((image, own));
    }
    let sizes: HashMap<&str, u64> = owners
        .keys()
        .map(|layer| (layer.as_str(), gc::layer_bytes(store, layer)))
        .collect();
    usage.layer_bytes = sizes.values().sum::<u64>() + tree_bytes(&store.data("partial"));
    for (image, own) in &layers {
        let bytes_of = |least: usize| {
            let counted = own
                .iter()
                .filter(|layer| owners.get(*layer).is_some_and(|n| *n >= least));
            counted.filter_map(|layer| sizes.get(layer.as_str())).sum()
        };
        usage.images.push(ImageUsage {
            image: image.clone(),
            bytes: bytes_of(1),
            shared_bytes: bytes_of(2),
            containers: found
                .iter()
                .filter(|found| found.record.image_id == image.id)
                .count(),
        });
    }
    Ok(usage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::containers::tests::record;
    use crate::store::images::tests::image;
    use crate::store::new_id;
    use crate::store::scratch::Scratch;
    use crate::store::volumes::Request;

    #[test]
    fn shared_layers_count_once() {
        let s = Scratch::new();
        let a = image(&s, "docker.io/library/a:1", "a", &["l1", "l2"]);
        s.store.images().put(a.clone()).unwrap();
        s.store
            .images()
            .put(image(&s, "docker.io/library/b:1", "b", &["l1"]))
            .unwrap();
        let mut r = record(&new_id().unwrap(), "web");
        r.image_id = a.config.clone();
        s.store.containers().create(&r).unwrap();
        let v = s.store.volumes().create(Request::default()).unwrap();
        std::fs::write(s.store.volumes().mountpoint(&v).join("f"), [0; 7]).unwrap();
        let usage = usage(&s.store).unwrap();
        assert_eq!(usage.layer_bytes, 20);
        let of_a = usage
            .images
            .iter()
            .find(|u| u.image.id == a.config)
            .unwrap();
        assert_eq!(
            (of_a.bytes, of_a.shared_bytes, of_a.containers),
            (20, 10, 1)
        );
        assert_eq!((usage.volumes[0].bytes, usage.volumes[0].links), (7, 0));
        assert_eq!(usage.containers.len(), 1);
    }
}
