//! `save` and `load` of an image of three layers (with peers: dev:1, 440 MB), and `push` to its own registry.

use super::{Bench, line, time};

const ROUNDS: usize = 7;

impl Bench {
    pub(super) fn archives(&self) {
        if !self.wants("save load push") {
            return;
        }
        let base = &self.image;
        let image = match self.peers {
            Some(_) => base.replace("debian:12", "dev:1"),
            None => base.clone(),
        };
        self.ok(&["pull", "-q", &image]);
        let file = self.home.join("saved.tar");
        let file = file.to_str().expect("a plain path").to_owned();
        // where both worlds may write
        let theirs = |name: &str| match name {
            "podman" => "/var/tmp/oracle/alice/bench-saved.tar",
            _ => "/var/tmp/bench-saved-docker.tar",
        };
        for name in ["podman", "docker"] {
            self.peer(name, "true", &format!("{name} pull -q {image}"), "true");
        }
        let (mut saves, mut loads, mut pushes) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
        let mut peers: Vec<(&str, [Vec<f64>; 2])> = vec![
            ("podman", Default::default()),
            ("docker", Default::default()),
        ];
        let repository = image
            .rsplit_once(':')
            .map_or(&image[..], |(name, _)| name)
            .to_owned();
        for round in 0..ROUNDS {
            saves.push(time(&mut self.ours(&["save", "-o", &file, &image])));
            if image != *base {
                self.ok(&["rmi", &image]);
            }
            loads.push(time(&mut self.ours(&["load", "-q", "-i", &file])));
            for (n, times) in pushes.iter_mut().enumerate() {
                let target = format!("{repository}-bench{n}:{round}");
                self.ok(&["tag", &image, &target]);
                times.push(time(&mut self.ours(&["push", "-q", &target])));
                // else the next load would find all layers
                self.ok(&["rmi", &target]);
            }
            for (name, [saved, loaded]) in &mut peers {
                let path = theirs(name);
                let save = format!("{name} save -o {path} {image}");
                saved.extend(self.peer(name, &format!("rm -f {path}"), &save, "true"));
                let load = format!("{name} load -q -i {path}");
                loaded.extend(self.peer(name, &format!("{name} rmi {image}"), &load, "true"));
            }
        }
        let least = |times: &[f64]| times.iter().copied().fold(f64::NAN, f64::min);
        for (name, [saved, loaded]) in &peers {
            line(
                &format!("save {image} (minimum of {ROUNDS})"),
                least(&saves),
                name,
                least(saved),
            );
            line(
                &format!("load of it, its base there (minimum of {ROUNDS})"),
                least(&loads),
                name,
                least(loaded),
            );
        }
        line(
            "push of it to another repository",
            least(&pushes[1]),
            "the first one",
            least(&pushes[0]),
        );
    }
}
