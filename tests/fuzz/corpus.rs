//! The checks with all inputs in `corpus`.

use super::TARGETS;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
#[cfg_attr(miri, ignore = "reads files")]
fn all_inputs() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let names = fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| name.to_string()).collect();
    let missing: Vec<String> = names.filter(|name| !known.contains(name)).collect();
    assert!(missing.is_empty() || cfg!(not(feature = "capi")), "{missing:?}: no such targets");
    for (name, check) in TARGETS {
        check(b"");
        let mut count = 0;
        for entry in fs::read_dir(corpus.join(name)).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display()); // the last one, if it fails
            check(&fs::read(&path).unwrap());
            count += 1;
        }
        assert!(count > 0, "{name} has no inputs");
    }
}
