//! The manual in `man`. The pages of section 3 are generated from the comments of the header, one for each function, with
//! the programs in `examples`. The others are written by hand.
//!
//! A test fails if a page is not current. This command generates them:
//!
//! ```text
//! USERNS_UPDATE=1 cargo test --test manual section_3
//! ```

#[path = "../common/mod.rs"]
mod common;
mod mdoc;
mod section3;

use common::header::header;
use common::{compile, root, scratch, skip, userns_inspect, userns_tree};
use section3::{declarations, pages};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// The programs in `examples`, by the function that each is an example of.
fn examples() -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(root().join("tests/manual/examples")).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_string(), path)).collect()
}

/// The current pages of section 3, with the date of userns(7).
fn section_3() -> BTreeMap<String, String> {
    let concepts = fs::read_to_string(root().join("man/man7/userns.7")).unwrap();
    let date = concepts.lines().find_map(|line| line.strip_prefix(".Dd ")).expect("a date");
    let programs = examples().into_iter().map(|(name, path)| (name, fs::read_to_string(path).unwrap()));
    let mut programs: BTreeMap<String, String> = programs.collect();
    let header = header();
    let contract = header.split("*/").next().unwrap();
    let example = contract.lines().filter_map(|line| line.strip_prefix(" *     ")).collect::<Vec<_>>().join("\n");
    programs.insert("userns_scan".to_string(), example);
    let pages = pages(&header, date, &programs);
    for function in programs.keys() {
        assert!(pages.contains_key(&format!("{function}.3")), "the example of {function} belongs to no function");
    }
    pages
}

#[test]
fn section_3_is_current() {
    let directory = root().join("man/man3");
    let current = section_3();
    let files = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let obsolete: Vec<String> = files.filter(|file| !current.contains_key(file)).collect();
    let is_stale = |(file, page): &(&String, &String)| {
        fs::read_to_string(directory.join(file)).map_or(true, |committed| committed != **page)
    };
    let stale: Vec<&String> = current.iter().filter(is_stale).map(|(file, _)| file).collect();
    if env::var_os("USERNS_UPDATE").is_some() {
        obsolete.iter().for_each(|file| fs::remove_file(directory.join(file)).unwrap());
        stale.iter().for_each(|file| fs::write(directory.join(file), &current[*file]).unwrap());
        return;
    }
    assert!(
        stale.is_empty() && obsolete.is_empty(),
        "run USERNS_UPDATE=1 cargo test --test manual section_3\nnot current: {stale:?}\nof no function: {obsolete:?}"
    );
}

/// The text of a page as a reader sees it, without formatting; `None` without mandoc.
fn formatted(page: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("mandoc");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut mandoc = match command.spawn() {
        Ok(mandoc) => mandoc,
        Err(error) => {
            skip("the format of the manual", &format!("mandoc: {error}"));
            return None;
        }
    };
    mandoc.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = mandoc.wait_with_output().unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// The generator expects nothing of a sentence but that it ends with a full stop: this one has a verb, constants, an
/// enum and errors that the header does not have.
#[test]
fn any_comment_makes_a_page() {
    const HEADER: &str = r#"
/**
 * How a UID was translated.
 */
enum userns_route {
    /**
     * Through the maps of both
     * namespaces.
     */
    USERNS_ROUTE_MAPS = 1,
    /**
     * Not at all: both are the same.
     */
    USERNS_ROUTE_NONE = 2,
};

/**
 * userns_translate_uid(): stop at the first map that is unknown.
 */
#define USERNS_TRANSLATE_STOP 0x1u

/**
 * Translate a UID (or the overflow UID) from one user namespace to another, as the kernel
 * does; see user_namespaces(7). It can take 33 maps.
 *
 * from: the node that uid belongs to;
 * NULL fails.
 *
 *     userns_translate_uid(self, 0, NULL);
 *
 * Returns a route, see userns_maps().
 *
 *     -ENOENT            uid is not mapped
 *     -ENODATA, -EINVAL  a map is unknown; or
 *                        from is NULL
 *
 * Since 0.2.
 */
USERNS_NODISCARD
enum userns_route userns_translate_uid(const struct userns_node *from, uid_t uid,
                                       uint32_t *reason);

/**
 * Open it, without USERNS_ROUTE_MAPS.
 *
 * Since 0.2.
 */
int userns_open(const struct userns_node *node);
"#;
    let pages = pages(HEADER, "November 25, 2026", &BTreeMap::new());
    assert_eq!(pages.keys().collect::<Vec<_>>(), ["userns_open.3", "userns_translate_uid.3"]);
    let page = &pages["userns_translate_uid.3"];
    let (_, from_name) = page.split_once(".Sh NAME\n").unwrap();
    let expected = r#".Nm userns_translate_uid
.Nd translate a UID from one user namespace to another
.Sh LIBRARY
libuserns, \-luserns
.Sh SYNOPSIS
.In userns.h
.Ft enum userns_route
.Fo userns_translate_uid
.Fa "const struct userns_node *from"
.Fa "uid_t uid"
.Fa "uint32_t *reason"
.Fc
.Sh DESCRIPTION
Translate a UID (or the overflow UID) from one user namespace to another, as
the kernel does; see
.Xr user_namespaces 7 .
It can take 33 maps.
.Bl -tag -width Ds
.It Fa from
the node that uid belongs to;
.Dv NULL
fails.
.El
.Sh RETURN VALUES
Returns a route, see
.Xr userns_maps 3 .
.Bl -tag -width Ds
.It Dv USERNS_TRANSLATE_STOP
Stop at the first map that is unknown.
.El
.Pp
How a UID was translated.
.Bl -tag -width Ds
.It Dv USERNS_ROUTE_MAPS
Through the maps of both namespaces.
.It Dv USERNS_ROUTE_NONE
Not at all: both are the same.
.El
.Sh EXAMPLES
.Bd -literal -offset indent
userns_translate_uid(self, 0, NULL);
.Ed
.Sh ERRORS
.Bl -tag -width Ds
.It Er \-ENOENT
uid is not mapped
.It Er \-ENODATA , \-EINVAL
a map is unknown; or from is
.Dv NULL
.El
.Sh SEE ALSO
.Xr userns_maps 3 ,
.Xr userns_open 3 ,
.Xr user_namespaces 7 ,
.Xr userns 7
.Sh HISTORY
.Fn userns_translate_uid
first appeared in libuserns 0.2.
"#;
    assert_eq!(from_name, expected);
    assert!(pages["userns_open.3"].contains("\n.Xr userns_translate_uid 3 ,\n"));
    assert!(pages["userns_open.3"].contains("\n.Nd open it, without USERNS_ROUTE_MAPS\n"));
    let warnings = formatted(page, &["-T", "lint", "-W", "warning"]);
    assert_eq!(warnings.unwrap_or_default(), "");
}

/// All pages, by their path from the top directory.
fn manual() -> BTreeMap<String, String> {
    let sections = ["man1", "man3", "man5", "man7"].map(|section| format!("man/{section}"));
    let entries = sections.iter().flat_map(|section| fs::read_dir(root().join(section)).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let page = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root()).unwrap().to_str().unwrap().to_string(), page)
    };
    paths.map(read).collect()
}

#[test]
fn formats_without_a_warning() {
    for (path, page) in manual() {
        let Some(warnings) = formatted(&page, &["-T", "lint", "-W", "warning"]) else { return };
        assert!(warnings.is_empty(), "{path}: {warnings}");
    }
}

/// Every page has the version of the crate, one date, and only references to pages that exist.
#[test]
fn pages_belong_together() {
    let manual = manual();
    let version = format!(".Os \"libuserns {}\"", env!("CARGO_PKG_VERSION"));
    let date = manual["man/man7/userns.7"].lines().find(|line| line.starts_with(".Dd ")).unwrap();
    for (path, page) in &manual {
        for expected in [&version, date] {
            assert!(page.lines().any(|line| line == expected), "{path} does not contain {expected}");
        }
        let references = page.lines().filter_map(|line| line.split_once("Xr userns"));
        for (_, reference) in references {
            let mut words = reference.split(' ');
            let (name, section) = (words.next().unwrap(), words.next().unwrap());
            let target = format!("man/man{section}/userns{name}.{section}");
            assert!(manual.contains_key(&target), "{path} refers to {target}");
        }
    }
}

/// userns(7) mentions every struct, enum and scan flag. Gaps are in userns_gaps(3), which is generated.
#[test]
fn concepts_are_complete() {
    let page = &manual()["man/man7/userns.7"];
    for item in declarations(&header()).iter().filter(|item| !item.is_function()) {
        let name = item.name();
        if item.is_constant() && !name.starts_with("USERNS_SCAN_") {
            continue;
        }
        assert!(page.contains(name), "userns.7 does not mention {name}");
    }
}

/// Compiles a C program of the manual.
fn example(source: &Path) -> Command {
    Command::new(compile(source, &["-std=c99", "-D_POSIX_C_SOURCE=200809L"]))
}

#[test]
fn examples_run() {
    let manual = manual();
    let (_, from) = manual["man/man7/userns.7"].split_once(".Bd -literal -offset indent\n#include").unwrap();
    let program = from.split_once(".Ed").unwrap().0.replace("\\e", "\\").replace("\\-", "-");
    let source = scratch("manual.c");
    fs::write(&source, format!("#include{program}")).unwrap();
    let output = example(&source).output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"40265"), "{output:?}");

    let own_name = fs::read_to_string("/proc/self/comm").unwrap();
    let pid = std::process::id().to_string();
    // SAFETY: it has no preconditions.
    let uid = unsafe { libc::geteuid() }.to_string();
    let saved = scratch("manual.json");
    for (function, source) in examples() {
        if function == "userns_open" {
            enter_a_namespace(&source);
            continue;
        }
        let arguments: &[&str] = match function.as_str() {
            "userns_process_name" => &[own_name.trim_end()],
            "userns_find_pid" | "userns_capable" | "userns_process_uid" => &[&pid],
            "userns_translate_uid" => &[&pid, &uid],
            "userns_save" => &[saved.to_str().unwrap()],
            _ => &[],
        };
        let output = example(&source).args(arguments).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{function}: {output:?}");
        match function.as_str() {
            "userns_process_name" => assert!(printed.contains(&format!("process {pid} is in 40265")), "{printed}"),
            "userns_find_pid" => assert_eq!(printed, "in my user namespace\n"),
            "userns_process_uid" => assert!(printed.contains(&format!("effective UID {uid}\n")), "{printed}"),
            "userns_translate_uid" => assert_eq!(printed, format!("user {uid}\n")),
            "userns_uid_map" => assert!(printed.contains(" are "), "{printed}"),
            "userns_nonuser_open" => assert!(printed.contains(": open\n"), "{printed}"),
            "userns_parent" => assert!(printed.starts_with("40265"), "{printed}"),
            "userns_probe" => assert!(printed.contains("work") || printed.contains("reason: "), "{printed}"),
            "userns_save" => assert!(printed.ends_with(" user namespaces\n"), "{printed}"),
            // The others print what the host has, which can be nothing.
            _ => {}
        }
    }
}

/// The program runs readlink(1) in the namespace of a process.
fn enter_a_namespace(source: &Path) {
    let link = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/user")).ok();
    let Ok(mut inside) = Command::new("unshare").args(["-r", "sleep", "60"]).spawn() else {
        return skip("the example of userns_open", "there is no unshare");
    };
    let pid = inside.id().to_string();
    let has_entered = || fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n");
    for _ in 0..500 {
        if has_entered() || inside.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let result = has_entered().then(|| {
        let output = example(source).args([&pid, "readlink", "/proc/self/ns/user"]).output().unwrap();
        (output, link(&pid))
    });
    let _ = inside.kill();
    inside.wait().unwrap();
    let Some((output, expected)) = result else {
        return skip("the example of userns_open", "unshare made no user namespace");
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(expected, Some(printed.trim_end().into()), "{output:?}");
    assert_ne!(expected, link("self"));
}

#[test]
fn commands_have_all_their_options_explained() {
    for (name, program) in [("userns_tree", userns_tree()), ("userns_inspect", userns_inspect())] {
        let help = Command::new(program).arg("-h").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let page = &manual()[&format!("man/man1/{name}.1")];
        let explained: BTreeSet<&str> =
            page.lines().filter_map(|line| line.strip_prefix(".It Fl ")).flat_map(|line| line.split(' ')).collect();
        let options = help.split_whitespace().map(|word| word.trim_end_matches(','));
        let options: Vec<&str> = options.filter_map(|word| word.strip_prefix('-')).collect();
        assert!(options.len() >= 3, "{help}");
        for option in options {
            assert!(explained.contains(option), "{name}.1 does not explain -{option}");
        }
    }
}
