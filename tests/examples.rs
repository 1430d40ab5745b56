//! Every public item of the crate has an example in its documentation, which `cargo test` runs.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The names behind `pub use` in the crate's root.
fn exported(root: &str) -> BTreeSet<&str> {
    let uses = root.lines().filter_map(|line| line.strip_prefix("pub use ")?.strip_suffix(';'));
    let names = uses.flat_map(|path| path.rsplit("::").next().unwrap().trim_matches(['{', '}']).split(", "));
    names.collect()
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let of_entry = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.flat_map(of_entry).collect()
}

/// The name that an item of the crate's interface declares in this line, if it is one.
fn declares<'l>(line: &'l str, types: &BTreeSet<&str>, in_type: bool, in_root: bool) -> Option<&'l str> {
    let (rest, is_there) = match line.trim_start().strip_prefix("pub ")?.split_once(' ')? {
        ("fn", rest) => (rest, in_type || in_root && !line.starts_with(' ')),
        ("struct" | "enum", rest) => (rest, true),
        _ => return None,
    };
    let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
    let is_type = line.contains("pub struct") || line.contains("pub enum");
    (is_there && (!is_type || types.contains(name))).then_some(name)
}

#[test]
fn every_public_item_has_one() {
    let root = fs::read_to_string(common::root().join("src/lib.rs")).unwrap();
    let types = exported(&root);
    assert!(types.contains("Snapshot") && types.contains("Gaps"), "{types:?}");
    let (mut items, mut without) = (0, Vec::new());
    for path in sources(&common::root().join("src")) {
        let source = fs::read_to_string(&path).unwrap();
        let (mut in_type, mut has_example) = (false, false);
        for line in source.lines() {
            if line.starts_with("impl") && line.ends_with('{') && !line.contains(" for ") {
                let name = line.trim_end_matches(['{', ' ']).rsplit(' ').next().unwrap();
                in_type = types.contains(name.split('<').next().unwrap());
            } else if line == "}" {
                in_type = false;
            }
            if let Some(name) = declares(line, &types, in_type, path.ends_with("lib.rs")) {
                items += 1;
                without.extend((!has_example).then(|| format!("{}: {name}", path.display())));
            }
            let text = line.trim_start();
            has_example = text.starts_with("/// ```") || has_example && text.starts_with(['/', '#']);
        }
    }
    assert!(items > 50, "only {items} items were found");
    assert!(without.is_empty(), "without an example: {without:?}");
}
