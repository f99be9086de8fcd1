//! `images`, `tag`, `rmi`.

use crate::support::masked;

#[test]
fn an_image_is_listed_tagged_and_removed() {
    busybox!(sandbox, image);
    let (repository, tag) = image.rsplit_once(':').unwrap();
    let line = "{{.Repository}} {{.Tag}} {{.ID}}";
    assert_eq!(
        masked(&sandbox.coracle(["images", "--format", line]).ok()),
        format!("{repository} {tag} <id>\n")
    );
    let id = sandbox.coracle(["images", "-q"]).ok();
    assert_eq!(id.trim().len(), 12);

    assert_eq!(sandbox.coracle(["tag", &image, "mine:2"]).ok(), "");
    let told = sandbox.coracle(["tag", &image, "sha256:1"]).fails(1);
    let want = "refusing to create an ambiguous tag using digest algorithm as name\n";
    assert_eq!(told, format!("Error response from daemon: {want}"));
    assert_eq!(sandbox.coracle(["images", "-q", "mine"]).ok(), id);
    assert_eq!(
        sandbox.coracle(["run", "--rm", "mine:2", "echo", "x"]).ok(),
        "x\n"
    );
    assert_eq!(
        sandbox
            .coracle(["run", "--rm", id.trim(), "echo", "y"])
            .ok(),
        "y\n"
    );

    assert_eq!(
        sandbox.coracle(["rmi", "mine:2"]).ok(),
        "Untagged: mine:2\n"
    );
    sandbox.coracle(["create", "--name", "c1", &image]).ok();
    let text = sandbox.docker(["rmi", &image]).fails(1);
    assert!(
        text.starts_with(
            "Error response from daemon: conflict: unable to remove repository reference"
        ),
        "{text}"
    );
    assert!(
        text.contains("(must force) - container ")
            && text.contains("is using its referenced image"),
        "{text}"
    );
    sandbox.coracle(["rm", "c1"]).ok();
    let removed = sandbox.coracle(["rmi", &image]).ok();
    assert!(
        removed.starts_with(&format!("Untagged: {image}\n"))
            && removed.contains("Deleted: sha256:"),
        "{removed}"
    );
    assert_eq!(sandbox.coracle(["images", "-aq"]).ok(), "");
    // and its layer is gone
    let layers = sandbox.data().join("layers");
    let left = std::fs::read_dir(layers).map(|d| d.count()).unwrap_or(0);
    assert_eq!(left, 0);
}
