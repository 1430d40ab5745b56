//! What the README shows works as it stands there.

mod common;

use std::fs;
use std::process::Command;

#[test]
fn first_program() {
    let readme = fs::read_to_string(common::root().join("README.md")).unwrap();
    let (_, from) = readme.split_once("```c\n").expect("a C program in the README");
    let (program, _) = from.split_once("```").unwrap();
    let source = common::scratch("first.c");
    fs::write(&source, program).unwrap();
    let output = Command::new(common::compile(&source, &["-std=c99"])).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with("I am in user namespace 40265"), "{printed}");
}
