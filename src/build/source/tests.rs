use super::*;

/// What docker 26 (BuildKit 0.13) made of them.
#[test]
fn a_wildcard_in_a_folder_that_is_not_there_is_an_error() {
    let root = std::env::temp_dir().join(format!("source-head-{}", std::process::id()));
    fs_err::create_dir_all(root.join("dir")).unwrap();
    fs_err::write(root.join("f"), "f").unwrap();
    let says = |tree: &Tree, word: &str| match tree.resolve(word, false) {
        Ok(found) => found.len().to_string(),
        Err(e) => e.to_string(),
    };
    let context = |words: &[&str]| {
        let mut tree = Tree::folder(&root, Patterns::default());
        let words = words.iter().map(|w| (*w).to_owned()).collect();
        tree.host.as_mut().unwrap().words = words;
        tree
    };
    let missing = |path: &str| format!("lstat {path}: no such file or directory");
    for (word, others, want) in [
        ("nodir/*", &[][..], missing("/nodir")),
        ("./nodir/a/b*", &[], missing("/nodir/a")),
        ("nodir/[a]", &["."], missing("/nodir")),
        ("dir/*.zip", &["f"], missing("/dir")),
        ("dir/*.zip", &["."], "0".to_owned()),
        ("dir/*.zip", &["dir"], "0".to_owned()),
        ("dir/*.zip", &["dir/a"], "0".to_owned()),
        ("no*/a", &[], "0".to_owned()),
        ("f*", &[], "1".to_owned()),
    ] {
        let all: Vec<&str> = others.iter().copied().chain([word]).collect();
        assert_eq!(says(&context(&all), word), want, "{word} beside {others:?}");
    }
    let stage = Tree::layers(vec![root.clone()]);
    for (word, want) in [
        ("/nodir/*", missing("/nodir")),
        ("/dir/*.zip", "0".to_owned()),
        ("f/*", "0".to_owned()),
    ] {
        assert_eq!(says(&stage, word), want, "{word} of a stage");
    }
    fs_err::remove_dir_all(&root).unwrap();
}
