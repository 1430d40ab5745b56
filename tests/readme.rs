//! The documents: what the README shows works as it stands there, and links lead somewhere.

mod common;

use common::{library, root, scratch, skip, userns_inspect, userns_tree};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The C program of the README, and the block of commands that builds and runs it.
fn program_and_commands() -> (String, String) {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, from) = readme.split_once("\n```c\n").expect("a program in C");
    let (program, rest) = from.split_once("```").unwrap();
    let commands = rest.lines().skip_while(|line| !line.starts_with("    "));
    let commands = commands.map_while(|line| line.strip_prefix("    ")).collect::<Vec<_>>().join("\n");
    (program.to_string(), commands)
}

#[test]
fn first_program_runs() {
    let (program, commands) = program_and_commands();
    // A directory like the top one after the release build, with the library that `cargo test` built.
    let top = scratch("readme");
    let _ = fs::remove_dir_all(&top);
    fs::create_dir_all(top.join("target/release")).unwrap();
    symlink(library().join("libuserns.so"), top.join("target/release/libuserns.so")).unwrap();
    symlink(root().join("include"), top.join("include")).unwrap();
    fs::write(top.join("first.c"), program).unwrap();
    let commands = commands
        .replace("cargo build --release && ", "")
        .replace(" -Iinclude", " -Wall -Wextra -Wpedantic -Werror -Iinclude");
    let mut shell = Command::new("sh");
    shell.args(["-ec", &commands]).current_dir(&top).env_remove("LD_LIBRARY_PATH");
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{commands}\n{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with("I am in user namespace 40265"), "{printed}");
}

/// All Markdown files of the project, by path from the top directory.
fn documents() -> Vec<PathBuf> {
    let mut documents = Vec::new();
    let mut directories: Vec<PathBuf> =
        ["docs", "tests", "bindings"].iter().map(|name| root().join(name)).filter(|path| path.exists()).collect();
    documents.extend(markdown_in(root()).0);
    while let Some(directory) = directories.pop() {
        let (files, subdirectories) = markdown_in(&directory);
        documents.extend(files);
        directories.extend(subdirectories);
    }
    documents
}

/// The Markdown files and the subdirectories of a directory.
fn markdown_in(directory: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    (files.into_iter().filter(|path| path.extension().is_some_and(|name| name == "md")).collect(), directories)
}

/// The text of a document without code.
fn prose(text: &str) -> String {
    let outside = text.split("```").step_by(2).collect::<String>();
    outside.lines().filter(|line| !line.starts_with("    ")).map(|line| format!("{line}\n")).collect()
}

/// The targets of headings, as Markdown renderers name them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings =
        text.lines().filter_map(|line| line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim()));
    let is_kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    headings
        .map(|heading| heading.to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-"))
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let documents = documents();
    let (mut links, mut broken) = (0, Vec::new());
    for document in &documents {
        let text = prose(&fs::read_to_string(document).unwrap());
        let targets = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
        for target in targets.filter(|target| !target.contains("://")) {
            links += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            let is_there = path.exists();
            let has_anchor = || anchors(&prose(&fs::read_to_string(&path).unwrap())).contains(anchor);
            if !is_there || !anchor.is_empty() && !has_anchor() {
                broken.push(format!("{}: {target}", document.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(links > 40, "only {links} links were found in {documents:?}");
    assert!(broken.is_empty(), "links that lead nowhere: {broken:#?}");
}

/// Each command that the README and CONTRIBUTING.md give for cargo and make exists: the test, the target, the script.
#[test]
fn commands_exist() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let mut commands = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for line in text.lines().filter_map(|line| line.strip_prefix("    ")) {
            let outside_quotes: String = line.split('\'').step_by(2).collect();
            let words = outside_quotes.split_whitespace().take_while(|word| !word.starts_with('#'));
            let words: Vec<&str> = words.collect();
            let words = &words[words.iter().take_while(|word| word.contains('=')).count()..];
            let exists = match words {
                ["cargo", "test", "--test", test, ..] => {
                    let tests = root().join("tests");
                    tests.join(format!("{test}.rs")).exists() || tests.join(test).join("main.rs").exists()
                }
                ["make", "-C", directory, target @ ..] => {
                    let makefile = fs::read_to_string(root().join(directory).join("Makefile")).unwrap();
                    target.iter().all(|target| makefile.contains(&format!("\n{target}:")))
                }
                ["make", targets @ ..] => {
                    let mut targets = targets.iter().filter(|word| !word.contains('=') && **word != "\\");
                    targets.all(|target| makefile.contains(&format!("\n{target}:")))
                }
                _ => continue,
            };
            commands += 1;
            assert!(exists, "{}: {line}", document.display());
        }
    }
    assert!(commands > 5, "only {commands} commands were found");
}

/// Text in which every number is 0, without 64-bit ids: inode numbers differ from host to host, and ids need Linux 6.18.
fn without_numbers(text: &str) -> String {
    let mut result = String::new();
    for c in text.chars() {
        match c.is_ascii_digit() {
            true if result.ends_with('0') => {}
            true => result.push('0'),
            false => result.push(c),
        }
    }
    result.replace(" id 0", "")
}

/// Runs `docs/tree.sh`. Returns `None` and reports a skip if it cannot run.
fn draw(what: &str, options: &[&str]) -> Option<String> {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root || fs::read_link("/proc/self/ns/user").unwrap() != Path::new("user:[4026531837]") {
        skip(what, "the scene needs root in the initial user namespace");
        return None;
    }
    let programs = scratch(&format!("readme-{what}"));
    fs::create_dir_all(&programs).unwrap();
    for (name, program) in [("userns_tree", userns_tree()), ("userns_inspect", userns_inspect())] {
        fs::copy(program, programs.join(name)).unwrap();
    }
    let output = Command::new("bash").arg(root().join("docs/tree.sh")).args(options).arg(&programs).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && errors.contains("unshare: ") {
        skip(what, &errors);
        return None;
    }
    assert!(output.status.success(), "{errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The picture in the README is what `docs/tree.sh` draws, except for numbers.
#[test]
fn picture_is_current() {
    let Some(drawn) = draw("picture_is_current", &[]) else { return };
    let committed = fs::read_to_string(root().join("docs/tree.svg")).unwrap();
    assert_eq!(without_numbers(&committed), without_numbers(&drawn), "run docs/tree.sh, see there");
}

/// The words of the graph in the README are those of the scene. Where they are depends on the version of Graphviz and on fonts.
#[test]
fn graph_is_current() {
    if Command::new("dot").arg("-V").output().is_err() {
        return skip("graph_is_current", "dot(1) of Graphviz is missing");
    }
    let Some(drawn) = draw("graph_is_current", &["--graph"]) else { return };
    let committed = fs::read_to_string(root().join("docs/graph.svg")).unwrap();
    let words = |picture: &str| -> BTreeSet<String> {
        let texts = picture.lines().filter(|line| line.starts_with("<text"));
        texts.map(|line| without_numbers(line.split_once('>').unwrap().1)).collect()
    };
    assert_eq!(words(&committed), words(&drawn), "run docs/tree.sh --graph, see there");
    assert!(words(&committed).len() > 10);
}
