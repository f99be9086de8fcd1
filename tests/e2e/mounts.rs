//! Binds and tmpfs: what of the host a container sees.

use std::os::unix::fs::MetadataExt;

#[test]
fn a_bind_is_the_hosts_folder_and_its_files_are_the_users() {
    busybox!(sandbox, image);
    let work = sandbox.work();
    std::fs::create_dir(work.join("d")).unwrap();
    std::fs::write(work.join("d/in"), "from the host").unwrap();
    let bind = format!("{}/d:/d", work.display());
    let out = sandbox
        .coracle([
            "run",
            "--rm",
            "-v",
            &bind,
            &image,
            "sh",
            "-c",
            "cat /d/in; echo back >/d/out",
        ])
        .ok();
    assert_eq!(out, "from the host");
    let meta = std::fs::metadata(work.join("d/out")).unwrap();
    assert_eq!(meta.uid(), nix::unistd::getuid().as_raw());
    assert_eq!(
        std::fs::read_to_string(work.join("d/out")).unwrap(),
        "back\n"
    );
}

#[test]
fn a_read_only_bind_is_one_and_a_file_may_be_bound() {
    busybox!(sandbox, image);
    let work = sandbox.work();
    std::fs::write(work.join("f"), "f").unwrap();
    let file = format!("{}/f:/etc/bound:ro", work.display());
    let script = "cat /etc/bound; echo x 2>/dev/null >/etc/bound || echo refused";
    assert_eq!(
        sandbox
            .coracle(["run", "--rm", "-v", &file, &image, "sh", "-c", script])
            .ok(),
        "frefused\n"
    );
    let mount = format!("type=bind,source={},target=/m,readonly", work.display());
    let script = "cat /m/f; touch /m/x 2>/dev/null || echo refused";
    assert_eq!(
        sandbox
            .coracle(["run", "--rm", "--mount", &mount, &image, "sh", "-c", script])
            .ok(),
        "frefused\n"
    );
    // the container cannot take the protection away
    let script = "mount -o remount,rw,bind /m 2>/dev/null; touch /m/x 2>/dev/null || echo refused";
    assert_eq!(
        sandbox
            .coracle(["run", "--rm", "--mount", &mount, &image, "sh", "-c", script])
            .ok(),
        "refused\n"
    );
}

#[test]
fn a_missing_source_of_v_is_made() {
    busybox!(sandbox, image);
    let bind = format!("{}/new/folder:/d", sandbox.work().display());
    sandbox
        .coracle(["run", "--rm", "-v", &bind, &image, "touch", "/d/x"])
        .ok();
    assert!(sandbox.work().join("new/folder/x").exists());
    // a relative source is taken from the working folder, as docker does since 23
    sandbox
        .coracle(["run", "--rm", "-v", "./rel:/d", &image, "touch", "/d/y"])
        .ok();
    assert!(sandbox.work().join("rel/y").exists());
}

#[test]
fn a_mount_onto_a_symbolic_link_stays_inside() {
    busybox!(sandbox, image);
    let work = sandbox.work();
    std::fs::create_dir(work.join("d")).unwrap();
    std::fs::write(work.join("d/f"), "bound").unwrap();
    sandbox
        .coracle([
            "run",
            "--name",
            "c1",
            &image,
            "ln",
            "-s",
            "/../../../../tmp/coracle-esc",
            "/esc",
        ])
        .ok();
    // the same shape within one container: the link is in a volume that is mounted first
    let bind = format!("{}/d:/var/link/x", work.display());
    sandbox
        .coracle([
            "run",
            "--rm",
            "-v",
            "vol:/var/link",
            &image,
            "ln",
            "-s",
            "/etc",
            "/var/link/x",
        ])
        .ok();
    let out = sandbox
        .coracle([
            "run",
            "--rm",
            "-v",
            "vol:/var/link",
            "-v",
            &bind,
            &image,
            "cat",
            "/etc/f",
        ])
        .output();
    assert!(out.stdout == "bound" || out.code != 0, "{out:?}");
    assert!(!std::path::Path::new("/etc/f").exists());
}
