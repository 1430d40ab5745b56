//! Other programs read saved snapshots: jq, Python, and a validator of the JSON Schema in `docs`.

mod common;

use common::{NOT_SAVED, SKIPPED, build_situations, root, scratch, situation_files, situations_of, skip, userns_tree};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Files whose situations scan seldom or never, or so often that this test would take minutes.
const LEFT_OUT: [&str; 11] = [
    "bpf_answers",
    "bpf_threads",
    "descriptor_tables",
    "duplicates",
    "hangs",
    "limits",
    "mount_views",
    "open",
    "stuck",
    "threads",
    "translation",
];

/// The snapshots of all other situations, one after the other.
static SNAPSHOTS: LazyLock<PathBuf> = LazyLock::new(|| {
    let log = scratch("snapshots.json");
    fs::copy(root().join("tests/snapshot.json"), &log).unwrap();
    let files = situation_files().into_iter().filter(|file| ![&NOT_SAVED[..], &LEFT_OUT].concat().contains(&&**file));
    for file in files {
        let program = build_situations(&file).unwrap();
        for situation in situations_of(&program).unwrap() {
            save_snapshots(&program, &situation.name, &log);
        }
    }
    log
});

/// In this mode, a situation appends its snapshots to standard input, see `tests/c/saved.h`.
fn save_snapshots(program: &Path, situation: &str, log: &Path) {
    let mut command = Command::new(program);
    command.arg(situation).env("SAVED", "log").env("USERNS_TREE", userns_tree()).env_remove("BY_BPF");
    command.stdin(OpenOptions::new().append(true).read(true).open(log).unwrap());
    let output = command.output().unwrap();
    let passed = output.status.success() || output.status.code() == Some(SKIPPED);
    assert!(passed, "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs a program that reads all snapshots from standard input. `None`: it does not exist.
fn read(command: &mut Command) -> Option<String> {
    let output = command.stdin(File::open(&*SNAPSHOTS).unwrap()).stderr(Stdio::piped()).output().ok()?;
    let (text, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {errors}");
    Some(text)
}

#[test]
fn jq() {
    // Whatever jq does with numbers: those that it wrote again are the same.
    let program =
        "[.nodes[] | [.inode, .id, .limit]], .time, ([.. | numbers] | map(. == floor and . < 9007199254740992) | all)";
    match read(Command::new("jq").args(["-c", program])) {
        None => skip("jq", "there is no jq"),
        Some(text) => {
            let lines: Vec<&str> = text.lines().collect();
            assert!(lines.len() > 100 && lines.len() % 3 == 0, "{}", lines.len());
            assert!(lines.iter().skip(2).step_by(3).all(|exact| *exact == "true"));
        }
    }
}

const VALIDATE: &str = r#"
import json, sys

def no_duplicates(members):
    assert len(members) == len(dict(members)), members
    return dict(members)

decoder = json.JSONDecoder(object_pairs_hook=no_duplicates)
text, at, snapshots = sys.stdin.buffer.read().decode("utf-8"), 0, []
while at < len(text):
    snapshot, at = decoder.raw_decode(text, at)
    at += 1  # a newline
    snapshots.append(snapshot)

parts = [part for each in snapshots for process in each["processes"] for part in process.get("name", "")]
assert any(isinstance(part, int) and part >= 128 for part in parts), "no name is not UTF-8"
assert any(isinstance(part, str) and part < " " for part in parts), "no name has a control character"

if len(sys.argv) == 1:
    print(len(snapshots))
    sys.exit()
try:
    import jsonschema
    validator = jsonschema.Draft202012Validator
except (ImportError, AttributeError):
    sys.exit(print("none"))
schema = json.load(open(sys.argv[1]))
validator.check_schema(schema)
for snapshot in snapshots:
    validator(schema).validate(snapshot)

# And the schema can reject.
snapshot = snapshots[0]
def rejects(place, member, value):
    kept = place.get(member)
    place[member] = value
    is_rejected = not validator(schema).is_valid(snapshot)
    place[member] = kept
    return is_rejected
node = snapshot["nodes"][0]
assert all(rejects(node, "inode", value) for value in (-1, 1.5, "x", 2**53, None))
assert all(rejects(node, "id", value) for value in (1, "", "x", "-1"))
assert all(rejects(snapshot, member, []) for member in ("format", "time", "gaps", "source"))
assert all(rejects(snapshot["processes"][0], "name", value) for value in (1, [], [1], "\0"))
print(len(snapshots))
"#;

#[test]
fn python() {
    match read(Command::new("python3").args(["-c", VALIDATE])) {
        None => skip("python", "there is no Python"),
        Some(count) => assert!(count.trim().parse::<u32>().unwrap() > 50, "{count}"),
    }
}

#[test]
fn json_schema() {
    // That of the system has the package of the system.
    let python = ["/usr/bin/python3", "python3"].into_iter().find(|python| {
        Command::new(python).args(["-c", "import jsonschema"]).output().is_ok_and(|output| output.status.success())
    });
    let Some(python) = python else { return skip("json_schema", "there is no Python with jsonschema") };
    let count = read(Command::new(python).args(["-c", VALIDATE]).arg(root().join("docs/userns.schema.json"))).unwrap();
    match count.trim() {
        "none" => skip("json_schema", "jsonschema is too old for the version 2020-12"),
        count => assert!(count.parse::<u32>().unwrap() > 50, "{count}"),
    }
}
