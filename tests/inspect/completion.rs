//! Completion in shells: it offers exactly the options of `--help`.

use crate::common::{root, skip, userns_check, userns_inspect, userns_tree};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn programs() -> [(&'static str, PathBuf); 3] {
    [("userns_inspect", userns_inspect()), ("userns_tree", userns_tree()), ("userns_check", userns_check())]
}

fn completions(file: &str) -> PathBuf {
    root().join("packaging/completions").join(file)
}

/// What the help names: `-h`, `--help`.
fn options(program: &Path) -> BTreeSet<String> {
    let output = Command::new(program).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    // Two blanks end the options of a line.
    let lines = help.lines().map(|line| line.trim_start()).filter(|line| line.starts_with('-'));
    let words = lines.flat_map(|line| line.split("  ").next().unwrap().split([' ', ',']));
    words.filter(|word| word.starts_with('-') && word.len() > 1).map(String::from).collect()
}

/// The columns that the help names.
fn columns() -> BTreeSet<String> {
    let output = Command::new(userns_inspect()).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let lines = help.lines().skip_while(|line| !line.starts_with("The columns")).skip(1);
    lines.map(|line| line.split_whitespace().next().unwrap().to_string()).collect()
}

/// The lines that a shell prints. Returns `None` and reports a skip if it is missing.
fn lines(shell: &str, arguments: &[&str], file: &str) -> Option<BTreeSet<String>> {
    let Ok(output) = Command::new(shell).args(arguments).arg(completions(file)).output() else {
        skip(file, &format!("{shell} is missing"));
        return None;
    };
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect())
}

/// What bash offers for the last word of a command line.
fn by_bash(program: &str, words: &str) -> Option<BTreeSet<String>> {
    let script = format!(
        "source \"$0\"; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _{program}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    lines("bash", &["-c", &script], &format!("{program}.bash"))
}

#[test]
fn bash() {
    for (name, program) in programs() {
        let Some(offered) = by_bash(name, &format!("{name} -")) else { return };
        assert_eq!(offered, options(&program), "{name}");
    }
    let set = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<BTreeSet<_>>();
    assert_eq!(by_bash("userns_inspect", "userns_inspect --sort p").unwrap(), set(&["pid", "processes"]));
    assert_eq!(by_bash("userns_inspect", "userns_inspect --sort = o").unwrap(), set(&["owner"]));
    assert_eq!(by_bash("userns_inspect", "userns_inspect -lo +NS,PI").unwrap(), set(&["+NS,PID", "+NS,PINS"]));
    assert_eq!(by_bash("userns_inspect", "userns_inspect -o ''").unwrap(), columns());
    assert!(by_bash("userns_inspect", "userns_inspect --from ''").unwrap().contains("1"));
    assert_eq!(by_bash("userns_tree", "userns_tree -p /pro").unwrap(), set(&["/proc"]));
}

/// zsh completes in its line editor only, so this reads what the file says to `_arguments`.
#[test]
fn zsh() {
    for (name, program) in programs() {
        let script = "_arguments() { print -l -- $@; return 0 }; source \"$0\"";
        let Some(specifications) = lines("zsh", &["-fc", script], &format!("_{name}")) else { return };
        let option = |line: &String| {
            let excluded = line.starts_with('(').then(|| line.split_once(')').unwrap());
            excluded.map_or(&**line, |(_, rest)| rest).split_once('[').map(|(option, _)| option.to_string())
        };
        assert_eq!(specifications.iter().filter_map(option).collect::<BTreeSet<_>>(), options(&program), "{name}");
        if name == "userns_inspect" {
            let values = specifications.iter().find(|line| line.contains("--output[")).unwrap();
            let values = values.split_once(" column ").unwrap().1;
            assert_eq!(values.split(' ').map(String::from).collect::<BTreeSet<_>>(), columns());
        }
    }
}

#[test]
fn fish() {
    let offered = |name: &str, line: &str| {
        let script = format!("source $argv[1]; complete -C '{line}'");
        let lines = lines("fish", &["--no-config", "-c", &script], &format!("{name}.fish"))?;
        Some(lines.iter().map(|line| line.split('\t').next().unwrap().to_string()).collect::<BTreeSet<_>>())
    };
    for (name, program) in programs() {
        // One dash offers the options with one letter and with several.
        let Some(found) = offered(name, &format!("{name} -")) else { return };
        assert_eq!(found, options(&program), "{name}");
    }
    for line in ["userns_inspect ", "userns_inspect --from ", "userns_inspect --map 0 --to "] {
        let (all, files) = (offered("userns_inspect", line), offered("userns_inspect", &format!("{line}/pro")));
        assert!(["self", "1"].iter().all(|word| all.as_ref().unwrap().contains(*word)), "{line}: {all:?}");
        assert!(files.as_ref().unwrap().contains("/proc/"), "{line}: {files:?}");
    }
    let found = offered("userns_inspect", "userns_inspect -l -o NS,PI").unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["NS,PID", "NS,PINS"]);
}
