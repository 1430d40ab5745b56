//! The bindings: `include/userns.hpp` for C++, `bindings/python` and `bindings/go`. Each has all functions and constants,
//! prints what programs in C print, and keeps its own promises.

mod common;

use common::{library, root, scratch, situation_with, situations_of, skip, userns_tree};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, fs};

/// The text of some files without comments between `/*` and `*/`, which only mention functions.
fn code_of<P: AsRef<Path>>(files: impl IntoIterator<Item = P>) -> String {
    let text: String = files.into_iter().map(|file| fs::read_to_string(root().join(file)).unwrap()).collect();
    let parts = text.split("/*").enumerate();
    parts.map(|(n, part)| if n == 0 { part } else { part.split_once("*/").map_or("", |(_, code)| code) }).collect()
}

fn go_code() -> String {
    let entries = fs::read_dir(root().join("bindings/go")).unwrap().map(|entry| entry.unwrap().path());
    code_of(entries.filter(|path| path.extension().is_some_and(|extension| extension == "go")))
}

/// Asserts that a source contains names, between a prefix and a suffix, and not as parts of others.
fn assert_has_all(source: &str, code: &str, names: &[String], prefix: &str, suffix: &str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let contains = |name: &String| {
        let text = format!("{prefix}{name}{suffix}");
        let mut matches = code.match_indices(&text);
        matches.any(|(at, _)| !code[..at].ends_with(is_part) && !code[at + text.len()..].starts_with(is_part))
    };
    let missing: Vec<&String> = names.iter().filter(|name| !contains(name)).collect();
    assert!(missing.is_empty(), "{source} lacks {missing:?}");
}

/// The lines of the header with declarations and constants, without comments.
fn header() -> Vec<String> {
    let header = code_of(["include/userns.h"]);
    header.lines().map(str::to_string).filter(|line| !line.is_empty()).collect()
}

#[test]
fn each_has_every_function() {
    let declares = |line: &String| {
        let before = line.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| line.split_once('('))??.0;
        before.rsplit([' ', '*']).next().filter(|name| name.starts_with("userns_")).map(str::to_string)
    };
    let functions: Vec<String> = header().iter().filter_map(declares).collect();
    assert!(functions.len() > 40, "{functions:?}");
    assert_has_all("userns.hpp", &code_of(["include/userns.hpp"]), &functions, "", "");
    assert_has_all("bindings/go", &go_code(), &functions, "C.", "");
    let python = "bindings/python/src/userns";
    assert_has_all("_library.py", &code_of([format!("{python}/_library.py")]), &functions, "\"", "\": ");
    let modules = ["_snapshot", "_probe"].map(|module| format!("{python}/{module}.py"));
    assert_has_all("_snapshot.py and _probe.py", &code_of(modules), &functions, "library.", "");
}

/// Python has numbers instead, which its own test compares with the header.
#[test]
fn each_has_every_constant() {
    let declares = |line: &String| match line.strip_prefix("#define ") {
        Some(rest) => {
            rest.split_once(' ').filter(|(_, value)| value.starts_with(['0', 'U'])).map(|(name, _)| name.into())
        }
        None => line.strip_prefix("    USERNS_")?.split_once(" = ").map(|(name, _)| format!("USERNS_{name}")),
    };
    let mut constants: Vec<String> = header().iter().filter_map(declares).collect();
    constants.retain(|name| name != "USERNS_VERSION_NUMBER"); // userns_version_number() replaces it
    assert!(constants.len() >= 30, "{constants:?}");
    assert_has_all("userns.hpp", &code_of(["include/userns.hpp"]), &constants, "", "");
    assert_has_all("bindings/go", &go_code(), &constants, "C.", "");
}

/// The examples in a README of a binding: its blocks of code in a language, one after the other.
fn readme_examples(binding: &str, language: &str) -> String {
    let readme = fs::read_to_string(root().join(format!("bindings/{binding}/README.md"))).unwrap();
    let from = format!("```{language}\n");
    let blocks: Vec<&str> = readme.split(&from).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    assert!(blocks.len() > 1, "{binding}: {blocks:?}");
    blocks.concat()
}

/// The programs that each language has, like `userns_tree` and `tests/c/dump.c`.
struct Programs {
    tree: PathBuf,
    dump: PathBuf,
}

impl Programs {
    /// A situation of `tests/c/display.c` with this program.
    fn display(&self, situation: &str) {
        let variables = [("USERNS_TREE", self.tree.clone()), ("WITHOUT_NOTES", PathBuf::from("1"))];
        situation_with("display", situation, &variables);
    }

    /// A situation of `tests/c/bindings.c`.
    fn compare(&self, situation: &str) {
        let dump = common::compile(&root().join("tests/c/dump.c"), &["-std=gnu11"]);
        let in_c = [("USERNS_TREE", userns_tree()), ("USERNS_DUMP", dump)];
        let in_binding = [("BINDING_TREE", self.tree.clone()), ("BINDING_DUMP", self.dump.clone())];
        situation_with("bindings", situation, &[in_c, in_binding].concat());
    }
}

/// Each language runs these, see below.
#[test]
fn no_situation_is_left_out() {
    let program = common::compile(&root().join("tests/c/bindings.c"), &["-std=gnu11"]);
    let mut names: Vec<String> = situations_of(&program).unwrap().into_iter().map(|situation| situation.name).collect();
    names.sort();
    assert_eq!(names, ["dump", "failure", "probe", "tree"]);
}

/// The tests that all languages have, given the function that makes the programs.
macro_rules! prints_what_c_prints {
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
        fn dump() {
            programs("dump").inspect(|programs| programs.compare("dump"));
        }

        #[test]
        fn probe() {
            programs("probe").inspect(|programs| programs.compare("probe"));
        }

        #[test]
        fn failure() {
            programs("failure").inspect(|programs| programs.compare("failure"));
        }
    };
}

/// Whether a command exists; otherwise the test that needs it is reported as skipped.
fn exists(test: &str, command: &str, argument: &str) -> bool {
    let output = Command::new(command).arg(argument).output();
    let exists = output.as_ref().is_ok_and(|output| output.status.success());
    if !exists {
        skip(test, &format!("there is no {command}"));
    }
    exists
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

/// Runs a program as process 1 of a new PID namespace if possible, so that a scan finds few processes.
fn in_sandbox(program: &Path) -> Command {
    let sandboxes = [&["--pid", "--fork", "--mount-proc"][..], &["-Ur", "--pid", "--fork", "--mount-proc"]];
    let may = |sandbox: &&&[&str]| {
        Command::new("unshare").args(**sandbox).arg("true").output().is_ok_and(|output| output.status.success())
    };
    let mut command = match sandboxes.iter().find(may) {
        Some(sandbox) => {
            let mut command = Command::new("unshare");
            command.args(*sandbox).arg("--kill-child").arg(program);
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
        ["g++", "clang++"].into_iter().filter(move |compiler| exists(test, compiler, "--version"))
    }

    /// A compiler with the flags of every compilation.
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
            Some(Programs { tree, dump: build(compiler, "-std=c++17", "tests/cpp/dump.cpp", &[]) })
        };
        let built = BUILT.get_or_init(make).as_ref();
        if built.is_none() {
            skip(test, "there is no C++ compiler");
        }
        built
    }

    prints_what_c_prints!();

    #[test]
    fn promises() {
        for compiler in compilers("promises") {
            for standard in STANDARDS {
                let program = build(compiler, standard, "tests/cpp/promises.cpp", &[]);
                expect_success(&mut in_sandbox(&program));
            }
        }
    }

    /// Compiles functions; counts the errors whose message contains a text.
    fn count_errors(compiler_name: &str, functions: impl Iterator<Item = String>, text: &str) -> usize {
        let source = scratch(&format!("functions-{compiler_name}.cpp"));
        let functions: Vec<String> = functions.collect();
        fs::write(&source, format!("#include <userns.hpp>\n{}\n", functions.join("\n"))).unwrap();
        let output = compiler(compiler_name, "-std=c++17").arg("-fsyntax-only").arg(&source).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        message.lines().filter(|line| line.contains("error: ") && line.contains(text)).count()
    }

    #[test]
    fn compilers_report_dangling_pointers() {
        let calls = [
            "get()",
            "root()",
            "roots()",
            "nodes()",
            "self()",
            "nonusers()",
            "find_inode(1)",
            "find_id(1)",
            "find_pid(1)",
            "process_name(1)",
            "process_cgroup(1)",
            "process_pids(1)",
            "source_log()",
            "boot_id()",
        ];
        let calls = || calls.iter().enumerate();
        for compiler in compilers("compilers_report_dangling_pointers") {
            let held = calls().map(|(n, call)| format!("void f{n}() {{ auto s = userns::scan(); (void)s.{call}; }}"));
            assert_eq!(count_errors(compiler, held, ""), 0, "{compiler}");
            let temporary = calls().map(|(n, call)| format!("void f{n}() {{ (void)userns::scan().{call}; }}"));
            assert_eq!(count_errors(compiler, temporary, "deleted"), calls().count(), "{compiler}");
            let local = calls().map(|(n, call)| format!("auto f{n}() {{ userns::snapshot s; return s.{call}; }}"));
            let reported = count_errors(compiler, local, "-Wreturn-stack-address");
            assert!(reported == calls().count() || compiler != "clang++", "{compiler}: {reported}");
            let compared = [
                "compare(s, userns::scan())",
                "compare(userns::scan(), s)",
                "compare(s, s).all()",
                "compare(s, s).get()",
            ];
            let temporary = compared
                .iter()
                .enumerate()
                .map(|(n, call)| format!("void f{n}() {{ const auto s = userns::scan(); (void)userns::{call}; }}"));
            assert_eq!(count_errors(compiler, temporary, "deleted"), compared.len(), "{compiler}");
            let copied = ["void f(userns::snapshot &a, userns::snapshot &b) { a = b; }".to_string()];
            assert!(count_errors(compiler, copied.into_iter(), "deleted") > 0, "{compiler}");
        }
    }

    /// What compilers cannot see.
    #[test]
    fn valgrind_reports_use_after_free() {
        let test = "valgrind_reports_use_after_free";
        let Some(compiler) = compilers(test).next() else { return };
        if !exists(test, "valgrind", "--version") {
            return;
        }
        let program = build(compiler, "-std=c++17", "tests/cpp/use_after_free.cpp", &[]);
        let output = Command::new("valgrind").arg("--error-exitcode=99").arg(program).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(99) && message.contains("Invalid read"), "{message}");
    }

    /// The instructions of each function in the assembly that a compiler generates.
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

    /// The functions that are called, in this order.
    fn calls<'a>(instructions: &[&'a str]) -> Vec<&'a str> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = instructions.iter().flat_map(|line| line.split(|c| !is_part(c)));
        words.filter(|word| word.starts_with("userns_") || word.starts_with('_')).collect()
    }

    #[test]
    fn costs_what_c_costs() {
        for compiler_name in compilers("costs_what_c_costs") {
            let assembly = scratch(&format!("cost-{compiler_name}.s"));
            let source = root().join("tests/cpp/cost.cpp");
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
                // clang generates a landing pad of two instructions for each call, in case C throws an exception.
                let before = calls.len();
                calls.retain(|name| *name != "__clang_call_terminate");
                let pads = before - calls.len();
                assert_eq!(calls, called, "{compiler_name}: {name}");
                let additional = (cpp.len() - 2 * pads).saturating_sub(c.len());
                assert!(
                    additional <= 5,
                    "{compiler_name}: {name}: {additional} additional instructions:\n{cpp:#?}\n{c:#?}"
                );
            }
        }
    }
}

mod python {
    use super::*;

    const VERSION: &str = env!("CARGO_PKG_VERSION");

    fn interpreter() -> OsString {
        env::var_os("PYTHON").unwrap_or("python3".into())
    }

    fn has_python(test: &str) -> bool {
        exists(test, interpreter().to_str().unwrap(), "--version")
    }

    fn package() -> PathBuf {
        root().join("bindings/python")
    }

    /// Makes an executable of a Python program, which uses the module in the source tree.
    fn wrap(source: &Path) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let name = source.file_stem().unwrap().to_str().unwrap();
        let program = scratch(&format!("{name}-python"));
        let [library, interpreter] = [library_path(), interpreter()].map(|text| text.into_string().unwrap());
        let module = package().join("src");
        let script = format!(
            "#!/bin/sh\nLD_LIBRARY_PATH='{library}' PYTHONPATH='{}' exec '{interpreter}' -B '{}' \"$@\"\n",
            module.display(),
            source.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    fn programs(test: &str) -> Option<&'static Programs> {
        static WRAPPED: OnceLock<Programs> = OnceLock::new();
        let make = || Programs {
            tree: wrap(&package().join("examples/userns_tree.py")),
            dump: wrap(&package().join("tests/dump.py")),
        };
        has_python(test).then(|| WRAPPED.get_or_init(make))
    }

    prints_what_c_prints!();

    #[test]
    fn promises() {
        if has_python("promises") {
            let program = wrap(&package().join("tests/test_userns.py"));
            expect_success(in_sandbox(&program).env("USERNS_H", root().join("include/userns.h")));
        }
    }

    #[test]
    fn build_backend() {
        if has_python("build_backend") {
            let tests = package().join("tests/test_build.py");
            expect_success(Command::new(interpreter()).arg("-B").arg(tests));
        }
    }

    #[test]
    fn examples_of_the_readme() {
        if has_python("examples_of_the_readme") {
            let source = scratch("readme.py");
            fs::write(&source, readme_examples("python", "python")).unwrap();
            let output = expect_success(&mut in_sandbox(&wrap(&source)));
            assert!(!output.stdout.is_empty());
        }
    }

    #[test]
    fn types() {
        if exists("types", "mypy", "--version") {
            let mut command = Command::new("mypy");
            command.args(["--cache-dir=/dev/null", "src", "backend", "tests", "examples"]).current_dir(package());
            expect_success(&mut command);
        }
    }

    #[test]
    fn soname() {
        let build = fs::read_to_string(root().join("build.rs")).unwrap();
        let abi = build.lines().find_map(|line| line.strip_prefix("const ABI: u32 = ")?.strip_suffix(';')).unwrap();
        for file in ["src/userns/_library.py", "backend/userns_build.py"] {
            let text = fs::read_to_string(package().join(file)).unwrap();
            assert!(text.contains(&format!("SONAME = \"libuserns.so.{abi}\"\n")), "{file}: not {abi}");
        }
    }

    /// A new virtual environment, or a report why there is none.
    fn virtual_environment(test: &str) -> Option<PathBuf> {
        if !has_python(test) {
            return None;
        }
        let directory = scratch(&format!("{test}-venv"));
        let _ = fs::remove_dir_all(&directory);
        let output = Command::new(interpreter()).args(["-m", "venv"]).arg(&directory).output().unwrap();
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stdout);
            skip(test, &format!("python -m venv: {reason}{}", String::from_utf8_lossy(&output.stderr)));
            return None;
        }
        Some(directory)
    }

    /// Installs without a package index: the package needs no other one. cargo builds where `make` does.
    fn pip_install(environment: &Path, what: &Path, uses_system_library: bool) {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let mut pip = Command::new(environment.join("bin/pip"));
        pip.args(["install", "--no-index", "--disable-pip-version-check", "--force-reinstall"]).arg(what);
        pip.current_dir("/").env("CARGO_TARGET_DIR", target).env_remove("LD_LIBRARY_PATH");
        pip.env("USERNS_SYSTEM_LIBRARY", if uses_system_library { "1" } else { "" });
        expect_success(&mut pip);
    }

    /// Imports the installed module, outside of the checkout; returns the path of the library that it loaded.
    fn loaded_library(environment: &Path, library_path: Option<&Path>) -> PathBuf {
        let program = "
import importlib.metadata, re, sys, userns
assert userns.scan().self_node is not None
assert userns.__file__.startswith(sys.prefix), userns.__file__
assert importlib.metadata.requires('userns') is None
print(importlib.metadata.version('userns'), userns.version())
print(re.search(r'/.*libuserns.*', open('/proc/self/maps').read())[0])";
        let mut python = Command::new(environment.join("bin/python"));
        python.args(["-I", "-c", program]).current_dir("/").env_remove("LD_LIBRARY_PATH");
        python.envs(library_path.map(|path| ("LD_LIBRARY_PATH", path)));
        let output = String::from_utf8(expect_success(&mut python).stdout).unwrap();
        let (versions, library) = output.trim_end().split_once('\n').unwrap();
        assert_eq!(versions, format!("{VERSION} {VERSION}"));
        library.into()
    }

    #[test]
    fn pip_installs_with_the_library() {
        let Some(environment) = virtual_environment("pip_installs_with_the_library") else { return };
        let environment = fs::canonicalize(environment).unwrap();
        let is_bundled = || {
            // Even if the loader would find another one.
            let loaded = loaded_library(&environment, Some(&library()));
            loaded.starts_with(&environment) && loaded.ends_with("userns/libuserns.so.0")
        };
        pip_install(&environment, &package(), false);
        assert!(is_bundled());

        // The same from an sdist.
        let make_sdist = "import sys; sys.path.insert(0, sys.argv[1]); import userns_build
print(userns_build.build_sdist(sys.argv[2]))";
        let directory = scratch("sdist");
        fs::create_dir_all(&directory).unwrap();
        let mut python = Command::new(interpreter());
        python.args(["-B", "-c", make_sdist]).arg(package().join("backend")).arg(&directory);
        let name = String::from_utf8(expect_success(&mut python).stdout).unwrap();
        assert_eq!(name.trim_end(), format!("userns-{VERSION}.tar.gz"));
        pip_install(&environment, &directory.join(name.trim_end()), false);
        assert!(is_bundled());
    }

    #[test]
    fn pip_installs_for_the_system_library() {
        let Some(environment) = virtual_environment("pip_installs_for_the_system_library") else { return };
        pip_install(&environment, &package(), true);
        let loaded = loaded_library(&environment, Some(&library()));
        assert_eq!(loaded, fs::canonicalize(library().join("libuserns.so")).unwrap());
    }
}

mod go {
    use super::*;

    fn module() -> PathBuf {
        root().join("bindings/go")
    }

    /// A command of the Go that is installed, without access to other modules.
    fn go(arguments: &[&str]) -> Command {
        let mut command = Command::new("go");
        command
            .args(arguments)
            .current_dir(module())
            .env("CGO_ENABLED", "1")
            .envs([("GOWORK", "off"), ("GOPROXY", "off"), ("GOTOOLCHAIN", "local"), ("GOFLAGS", "")])
            .env("GOCACHE", env::var_os("GOCACHE").unwrap_or(scratch("go-build").into()));
        command
    }

    /// The same, with the library of this build.
    fn go_with_library(arguments: &[&str]) -> Command {
        let library = library();
        let mut command = go(arguments);
        command
            .args(["-tags", "no_pkgconfig"])
            .env("CGO_CFLAGS", format!("'-I{}'", root().join("include").display()))
            .env("CGO_LDFLAGS", format!("'-L{0}' '-Wl,-rpath,{0}'", library.display()));
        command
    }

    /// Builds a program with `go build` or `go test -c`.
    fn build(arguments: &[&str], package: &str) -> PathBuf {
        let name = Path::new(package).file_name().map_or("test".into(), |name| name.to_string_lossy());
        let program = scratch(&format!("{name}-go"));
        expect_success(go_with_library(arguments).arg("-o").arg(&program).arg(package));
        program
    }

    fn programs(test: &str) -> Option<&'static Programs> {
        static BUILT: OnceLock<Programs> = OnceLock::new();
        let make = || Programs {
            tree: build(&["build"], "./examples/userns_tree"),
            dump: build(&["build"], "./internal/dump"),
        };
        exists(test, "go", "version").then(|| BUILT.get_or_init(make))
    }

    prints_what_c_prints!();

    #[test]
    fn promises() {
        if exists("promises", "go", "version") {
            expect_success(&mut in_sandbox(&build(&["test", "-c"], ".")));
        }
    }

    #[test]
    fn finds_the_library_by_pkg_config() {
        let test = "finds_the_library_by_pkg_config";
        if !exists(test, "go", "version") || !exists(test, "pkg-config", "--version") {
            return;
        }
        let directory = scratch("pkgconfig");
        fs::create_dir_all(&directory).unwrap();
        let template = fs::read_to_string(root().join("packaging/userns.pc.in")).unwrap();
        let file = template
            .replace("@PREFIX@", root().to_str().unwrap())
            .replace("@LIBDIR@", library().to_str().unwrap())
            .replace("@INCLUDEDIR@", "${prefix}/include")
            .replace("@VERSION@", env!("CARGO_PKG_VERSION"));
        fs::write(directory.join("userns.pc"), file).unwrap();
        let program = scratch("pkgconfig-go");
        let mut command = go(&["build", "-o"]);
        command.arg(&program).arg("./examples/userns_tree").env("PKG_CONFIG_PATH", directory);
        expect_success(&mut command);
        expect_success(&mut in_sandbox(&program));
    }

    /// In a module of its own, which refers to the checkout as the README says.
    #[test]
    fn examples_of_the_readme() {
        if !exists("examples_of_the_readme", "go", "version") {
            return;
        }
        let directory = scratch("readme-go");
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let example = readme_examples("go", "go").replace('\n', "\n\t");
        let imports = "import (\n\t\"fmt\"\n\t\"log\"\n\t\"strings\"\n\n\t\"userns\"\n)";
        let source = format!("package main\n\n{imports}\n\nfunc main() {{\n\t{}\n}}\n", example.trim_end());
        fs::write(directory.join("main.go"), source).unwrap();
        let replace = format!("-replace=userns={}", module().display());
        for arguments in [&["mod", "init", "first"][..], &["mod", "edit", "-require=userns@v0.0.0", &replace]] {
            expect_success(go(arguments).current_dir(&directory));
        }
        let program = directory.join("first");
        expect_success(go_with_library(&["build"]).arg("-o").arg(&program).arg(".").current_dir(&directory));
        let output = expect_success(&mut in_sandbox(&program));
        assert!(String::from_utf8_lossy(&output.stdout).contains("user:["));
    }

    #[test]
    fn vet() {
        if exists("vet", "go", "version") {
            expect_success(go_with_library(&["vet"]).arg("./..."));
        }
        if exists("vet", "gofmt", "-h") {
            let output = expect_success(Command::new("gofmt").args(["-l", "."]).current_dir(module()));
            assert!(output.stdout.is_empty(), "gofmt: {}", String::from_utf8_lossy(&output.stdout));
        }
    }
}
