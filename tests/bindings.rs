//! The library in other languages: `include/userns.hpp`, and `tests/ffi` for Python and Go. Each has the whole interface,
//! shows what programs in C show, and keeps what it promises in its own ways.

mod common;

use common::header::{functions, header, items};
use common::{library, root, scratch, situation_with, skip, userns_tree};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, fs};

/// A face, and how its source names what is in the header.
const FACES: [(&str, &str, &str); 3] =
    [("include/userns.hpp", "", ""), ("tests/ffi/python/userns.py", "\"", "\""), ("tests/ffi/go/userns.go", "C.", "")];

/// Whether a name stands there, not as a part of another one.
fn names(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part))
}

/// The text of a face without comments between `/*` and `*/`, where functions are only spoken of.
fn code_of(face: &str) -> String {
    let text = fs::read_to_string(root().join(face)).unwrap();
    let parts = text.split("/*").enumerate();
    parts.map(|(n, part)| if n == 0 { part } else { part.split_once("*/").map_or("", |(_, code)| code) }).collect()
}

#[test]
fn each_has_every_function() {
    let functions = functions();
    assert!(functions.len() > 40, "{functions:?}");
    for (face, before, after) in FACES {
        let code = code_of(face);
        let lacks = functions.iter().filter(|name| !names(&code, &format!("{before}{name}{after}")));
        let lacks: Vec<&String> = lacks.collect();
        assert!(lacks.is_empty(), "{face} lacks {lacks:?}");
    }
}

/// Python has numbers instead, which its own test compares with the header.
#[test]
fn each_has_every_constant() {
    let items = items(&header());
    let constants = items.iter().filter(|item| item.is_constant()).map(|item| item.name());
    let made_by_c = ["USERNS_VERSION_NUMBER", "USERNS_OPTIONS_INIT"];
    let constants: Vec<&str> = constants.filter(|name| !made_by_c.contains(name)).collect();
    assert!(constants.len() > 20, "{constants:?}");
    for face in ["include/userns.hpp", "tests/ffi/go/userns.go"] {
        let code = code_of(face);
        let lacks: Vec<&&str> = constants.iter().filter(|name| !names(&code, name)).collect();
        assert!(lacks.is_empty(), "{face} lacks {lacks:?}");
    }
}

#[test]
fn each_is_short() {
    for (face, ..) in FACES {
        let lines = fs::read_to_string(root().join(face)).unwrap().lines().count();
        assert!(lines <= 300, "{face} has {lines} lines");
    }
}

/// The two programs that each language has, like `userns_tree` and `tests/c/facts.c`.
struct Programs {
    tree: PathBuf,
    facts: PathBuf,
}

impl Programs {
    /// A situation of `tests/c/display.c` with this program.
    fn display(&self, situation: &str) {
        situation_with("display", situation, &[("USERNS_TREE", self.tree.clone())]);
    }

    /// A situation of `tests/c/faces.c`.
    fn compare(&self, situation: &str) {
        let facts = common::compile(&root().join("tests/c/facts.c"), &["-std=gnu11"]);
        let in_c = [("USERNS_TREE", userns_tree()), ("USERNS_FACTS", facts)];
        let like = [("FACE_TREE", self.tree.clone()), ("FACE_FACTS", self.facts.clone())];
        situation_with("faces", situation, &[in_c, like].concat());
    }
}

/// The tests that a language has in common with the others, given the function that makes its programs.
macro_rules! shows_what_c_shows {
    () => {
        #[test]
        fn tree() {
            programs("tree").inspect(|programs| programs.compare("tree"));
        }

        #[test]
        fn tree_of_its_own_procfs() {
            programs("tree_of_its_own_procfs").inspect(|programs| {
                ["example", "generated", "unmounted_procfs"].iter().for_each(|name| programs.display(name));
            });
        }

        #[test]
        fn facts() {
            programs("facts").inspect(|programs| programs.compare("facts"));
        }

        #[test]
        fn failure() {
            programs("failure").inspect(|programs| programs.compare("failure"));
        }
    };
}

/// Whether a command is there; else the test that needs it is reported.
fn is_there(test: &str, command: &str, argument: &str) -> bool {
    let output = Command::new(command).arg(argument).output();
    let there = output.as_ref().is_ok_and(|output| output.status.success());
    if !there {
        skip(test, &format!("there is no {command}"));
    }
    there
}

fn expect_success(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}{stderr}", output.status);
    output
}

/// The library of this build before all others, see ld.so(8).
fn library_path() -> OsString {
    let others = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    env::join_paths([library()].into_iter().chain(env::split_paths(&others))).unwrap()
}

/// A command that is process 1 of a PID namespace where that may be made, so that little is there to scan.
fn in_room(program: &Path) -> Command {
    let rooms = [&["--pid", "--fork", "--mount-proc"][..], &["-Ur", "--pid", "--fork", "--mount-proc"]];
    let may = |room: &&&[&str]| {
        Command::new("unshare").args(**room).arg("true").output().is_ok_and(|output| output.status.success())
    };
    let mut command = match rooms.iter().find(may) {
        Some(room) => {
            let mut command = Command::new("unshare");
            command.args(*room).arg("--kill-child").arg(program);
            command
        }
        None => Command::new(program),
    };
    command.env("LD_LIBRARY_PATH", library_path());
    command
}

mod cpp {
    use super::*;

    const STANDARDS: [&str; 3] = ["-std=c++17", "-std=c++20", "-std=c++2b"];
    const WARNINGS: [&str; 6] = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"];

    fn compilers(test: &str) -> impl Iterator<Item = &'static str> {
        ["g++", "clang++"].into_iter().filter(move |compiler| is_there(test, compiler, "--version"))
    }

    /// A compiler that is there, with what every compilation needs.
    fn compiler(name: &str, standard: &str) -> Command {
        let mut command = Command::new(name);
        command.args(WARNINGS).arg(standard).arg("-I").arg(root().join("include"));
        command
    }

    fn build(compiler_name: &str, standard: &str, source: &str, flags: &[&str]) -> PathBuf {
        let source = root().join(source);
        let stem = source.file_stem().unwrap().to_str().unwrap();
        let program = scratch(&format!("{stem}{standard}-{compiler_name}"));
        let library = library();
        let rpath = format!("-Wl,--disable-new-dtags,-rpath,{}", library.display());
        let mut command = compiler(compiler_name, standard);
        command
            .args(flags)
            .arg("-g")
            .arg("-o")
            .arg(&program)
            .arg(source)
            .arg("-L")
            .arg(library)
            .args([&rpath, "-luserns"]);
        expect_success(&mut command);
        program
    }

    fn programs(test: &str) -> Option<&'static Programs> {
        static BUILT: OnceLock<Option<Programs>> = OnceLock::new();
        let make = || {
            let compiler = compilers(test).next()?;
            let tree = build(compiler, "-std=c++17", "examples-c/userns_tree_cpp.cpp", &[]);
            Some(Programs { tree, facts: build(compiler, "-std=c++17", "tests/ffi/cpp/facts.cpp", &[]) })
        };
        let built = BUILT.get_or_init(make).as_ref();
        if built.is_none() {
            skip(test, "there is no C++ compiler");
        }
        built
    }

    shows_what_c_shows!();

    #[test]
    fn promises() {
        for compiler in compilers("promises") {
            for standard in STANDARDS {
                let program = build(compiler, standard, "tests/ffi/cpp/face.cpp", &[]);
                expect_success(&mut in_room(&program));
            }
        }
    }

    /// Compiles functions; says how many errors there are that speak of something.
    fn count_errors(compiler_name: &str, functions: impl Iterator<Item = String>, what: &str) -> usize {
        let source = scratch(&format!("functions-{compiler_name}.cpp"));
        let functions: Vec<String> = functions.collect();
        fs::write(&source, format!("#include <userns.hpp>\n{}\n", functions.join("\n"))).unwrap();
        let output = compiler(compiler_name, "-std=c++17").arg("-fsyntax-only").arg(&source).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        message.lines().filter(|line| line.contains("error: ") && line.contains(what)).count()
    }

    #[test]
    fn what_outlives_its_snapshot_is_noticed() {
        let questions = ["get()", "root()", "roots()", "nodes()", "self()", "find(1)", "find_id(1)", "find_pid(1)"];
        let questions = || questions.iter().chain(&["namespaces()"]).enumerate();
        for compiler in compilers("what_outlives_its_snapshot_is_noticed") {
            let held = questions().map(|(n, q)| format!("void f{n}() {{ auto s = userns::scan(); (void)s.{q}; }}"));
            assert_eq!(count_errors(compiler, held, ""), 0, "{compiler}");
            let temporary = questions().map(|(n, q)| format!("void f{n}() {{ (void)userns::scan().{q}; }}"));
            assert_eq!(count_errors(compiler, temporary, "deleted"), questions().count(), "{compiler}");
            let local = questions().map(|(n, q)| format!("auto f{n}() {{ userns::snapshot s; return s.{q}; }}"));
            let noticed = count_errors(compiler, local, "-Wreturn-stack-address");
            assert!(noticed == questions().count() || compiler != "clang++", "{compiler}: {noticed}");
            let copied = ["void f(userns::snapshot &a, userns::snapshot &b) { a = b; }".to_string()];
            assert!(count_errors(compiler, copied.into_iter(), "deleted") > 0, "{compiler}");
        }
    }

    /// What no compiler notices.
    #[test]
    fn valgrind_notices_the_rest() {
        let test = "valgrind_notices_the_rest";
        let Some(compiler) = compilers(test).next() else { return };
        if !is_there(test, "valgrind", "--version") {
            return;
        }
        let program = build(compiler, "-std=c++17", "tests/ffi/cpp/late.cpp", &[]);
        let output = Command::new("valgrind").arg("--error-exitcode=99").arg(program).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(99) && message.contains("Invalid read"), "{message}");
    }

    /// The instructions of each function in the assembly that a compiler puts out.
    fn instructions(assembly: &str) -> BTreeMap<&str, Vec<&str>> {
        let mut functions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut function = None;
        for line in assembly.lines() {
            let label = line.split_once(':').map(|(label, _)| label);
            if let Some(name) = label.filter(|label| label.ends_with("_cpp") || label.ends_with("_c")) {
                function = Some(functions.entry(name).or_default());
            } else if line.starts_with("\t.size") {
                function = None;
            } else if let (Some(function), Some(text)) = (&mut function, line.strip_prefix('\t')) {
                function.extend(Some(text).filter(|text| text.starts_with(|c: char| c.is_ascii_alphabetic())));
            }
        }
        functions
    }

    /// Which functions are called, in this order.
    fn calls<'a>(instructions: &[&'a str]) -> Vec<&'a str> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = instructions.iter().flat_map(|line| line.split(|c| !is_part(c)));
        words.filter(|word| word.starts_with("userns_") || word.starts_with('_')).collect()
    }

    #[test]
    fn costs_what_c_costs() {
        for compiler_name in compilers("costs_what_c_costs") {
            let assembly = scratch(&format!("cost-{compiler_name}.s"));
            let source = root().join("tests/ffi/cpp/cost.cpp");
            let mut command = compiler(compiler_name, "-std=c++17");
            expect_success(command.args(["-O2", "-S", "-o"]).arg(&assembly).arg(source));
            let assembly = fs::read_to_string(assembly).unwrap();
            let functions = instructions(&assembly);
            let names: Vec<&str> = functions.keys().filter_map(|name| name.strip_suffix("_cpp")).collect();
            assert_eq!(names.len(), 6, "{names:?}");
            for name in names {
                let (cpp, c) = (&functions[&*format!("{name}_cpp")], &functions[&*format!("{name}_c")]);
                let called = calls(c);
                assert!(called.iter().all(|name| name.starts_with("userns_")) && !called.is_empty(), "{called:?}");
                let mut calls = calls(cpp);
                // clang has code for an exception out of C, which there never is: two instructions for each such place.
                let before = calls.len();
                calls.retain(|name| *name != "__clang_call_terminate");
                let pads = before - calls.len();
                assert_eq!(calls, called, "{compiler_name}: {name}");
                let more = (cpp.len() - 2 * pads).saturating_sub(c.len());
                assert!(more <= 5, "{compiler_name}: {name}: {more} instructions more:\n{cpp:#?}\n{c:#?}");
            }
        }
    }
}

mod python {
    use super::*;

    fn interpreter() -> OsString {
        env::var_os("PYTHON").unwrap_or("python3".into())
    }

    /// The interpreter is there, and the library that it is to load.
    fn is_python_there(test: &str) -> bool {
        is_there(test, interpreter().to_str().unwrap(), "--version")
    }

    /// A command of its own for a program in Python, which leaves no compiled files behind.
    fn wrap(name: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let program = scratch(&format!("{name}-python"));
        let source = root().join(format!("tests/ffi/python/{name}.py"));
        let [library, interpreter] = [library_path(), interpreter()].map(|text| text.into_string().unwrap());
        let command = format!("LD_LIBRARY_PATH='{library}' exec '{interpreter}' -B '{}' \"$@\"", source.display());
        let script = format!("#!/bin/sh\n{command}\n");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    fn programs(test: &str) -> Option<&'static Programs> {
        static WRAPPED: OnceLock<Programs> = OnceLock::new();
        let make = || Programs { tree: wrap("userns_tree"), facts: wrap("facts") };
        is_python_there(test).then(|| WRAPPED.get_or_init(make))
    }

    shows_what_c_shows!();

    #[test]
    fn promises() {
        if is_python_there("promises") {
            expect_success(in_room(&wrap("test_userns")).env("USERNS_H", root().join("include/userns.h")));
        }
    }

    #[test]
    fn types() {
        if is_there("types", "mypy", "--version") {
            let mut command = Command::new("mypy");
            command.args(["--strict", "--cache-dir=/dev/null", "."]).current_dir(root().join("tests/ffi/python"));
            expect_success(&mut command);
        }
    }
}

mod go {
    use super::*;

    fn go(arguments: &[&str]) -> Command {
        let mut command = Command::new("go");
        let library = library();
        let linker = format!("'-L{0}' '-Wl,-rpath,{0}'", library.display());
        command
            .args(arguments)
            .current_dir(root().join("tests/ffi/go"))
            .env("CGO_CFLAGS", format!("'-I{}'", root().join("include").display()))
            .env("CGO_LDFLAGS", linker)
            .env("CGO_ENABLED", "1")
            // Of this module alone, with this compiler, and nothing from elsewhere.
            .envs([("GOWORK", "off"), ("GOPROXY", "off"), ("GOTOOLCHAIN", "local"), ("GOFLAGS", "")])
            .env("GOCACHE", env::var_os("GOCACHE").unwrap_or(scratch("go-build").into()));
        command
    }

    /// Builds a program with `go build` or `go test -c`.
    fn build(arguments: &[&str], package: &str) -> PathBuf {
        let name = Path::new(package).file_name().map_or("test".into(), |name| name.to_string_lossy());
        let program = scratch(&format!("{name}-go"));
        expect_success(go(arguments).arg("-o").arg(&program).arg(package));
        program
    }

    fn programs(test: &str) -> Option<&'static Programs> {
        static BUILT: OnceLock<Programs> = OnceLock::new();
        let make = || Programs { tree: build(&["build"], "./tree"), facts: build(&["build"], "./facts") };
        is_there(test, "go", "version").then(|| BUILT.get_or_init(make))
    }

    shows_what_c_shows!();

    #[test]
    fn promises() {
        if is_there("promises", "go", "version") {
            expect_success(&mut in_room(&build(&["test", "-c"], ".")));
        }
    }

    #[test]
    fn vet() {
        if is_there("vet", "go", "version") {
            expect_success(&mut go(&["vet", "./..."]));
        }
        if is_there("vet", "gofmt", "-h") {
            let output =
                expect_success(Command::new("gofmt").args(["-l", "."]).current_dir(root().join("tests/ffi/go")));
            assert!(output.stdout.is_empty(), "gofmt: {}", String::from_utf8_lossy(&output.stdout));
        }
    }
}
