//! The tables of SECURITY.md about what each feature needs: capabilities and system calls, as `tests/c/needs.c` finds them.
//!
//! A test fails if a table is not current. This command writes them, as root:
//!
//! ```text
//! USERNS_UPDATE=1 cargo test --test security
//! ```

mod common;

use common::{SKIPPED, build_situations, cc, root, skip};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::{Command, Output, Stdio};
use std::{env, fs};

const PAGE: &str = "SECURITY.md";
const BEGIN: &str = "<!-- begin: written by USERNS_UPDATE=1 cargo test --test security -->\n";
const END: &str = "<!-- end: written by USERNS_UPDATE=1 cargo test --test security -->\n";

/// A feature and the source of its data.
type Key = (String, String);

#[derive(Default)]
struct Needs {
    /// In the order in which they were found.
    features: Vec<Key>,
    calls: BTreeMap<Key, BTreeSet<String>>,
    /// Each with what is not seen without it.
    capabilities: BTreeMap<Key, Vec<(String, String)>>,
}

/// Calls that are newer than the headers of many C libraries; the numbers are those of all machines.
const NEW_CALLS: [(usize, &str); 3] = [(457, "statmount"), (458, "listmount"), (470, "listns")];

/// The names of system calls by number, as the C library numbers them.
fn call_names() -> BTreeMap<usize, String> {
    let mut compiler = cc();
    compiler.args(["-E", "-dM", "-x", "c", "-include", "sys/syscall.h", "-"]).stdin(Stdio::null());
    let macros = String::from_utf8(compiler.output().unwrap().stdout).unwrap();
    let parse = |line: &str| {
        let (name, number) = line.strip_prefix("#define __NR_")?.split_once(' ')?;
        Some((number.parse().ok()?, name.to_string()))
    };
    macros.lines().filter_map(parse).chain(NEW_CALLS.map(|(number, name)| (number, name.to_string()))).collect()
}

/// What the situations find; and whether all could run.
fn find() -> (Needs, bool) {
    let program = build_situations("needs").unwrap();
    let names = call_names();
    let name = |number: &str| names.get(&number.parse().unwrap()).cloned().unwrap_or(number.to_string());
    let (mut needs, mut is_complete) = (Needs::default(), true);
    for situation in ["scans_of_procfs", "scans_by_bpf", "scans_of_host", "actions"] {
        let Output { status, stdout, stderr } = Command::new(&program).arg(situation).output().unwrap();
        let errors = String::from_utf8_lossy(&stderr);
        if status.code() == Some(SKIPPED) {
            skip(&format!("security: {situation}"), &errors);
            is_complete = false;
            continue;
        }
        assert!(status.success(), "{situation}: {status}\n{errors}");
        for line in String::from_utf8(stdout).unwrap().lines() {
            let columns: Vec<&str> = line.split('\t').collect();
            let key = (columns[1].to_string(), columns[2].to_string());
            match columns[..] {
                ["calls", .., numbers] => {
                    needs.features.push(key.clone());
                    needs.calls.insert(key, numbers.split_whitespace().map(name).collect());
                }
                ["capability", .., capability, loss] => {
                    let lost = (capability.to_string(), loss.trim().replace(' ', ", "));
                    needs.capabilities.entry(key).or_default().push(lost);
                }
                _ => panic!("{line}"),
            }
        }
    }
    (needs, is_complete)
}

/// The kernel and the machine, of which the calls depend.
fn machine() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let version: Vec<&str> = release.split('.').take(2).collect();
    format!("Linux {}, {}", version.join("."), env::consts::ARCH)
}

fn title((feature, source): &Key) -> String {
    let feature = match feature.split_once(' ') {
        Some((flag, rest)) if flag.starts_with("USERNS_") => format!("`{flag}` {rest}"),
        None if feature.starts_with("USERNS_") => format!("`{feature}`"),
        _ => feature.clone(),
    };
    if source == "BPF" { format!("{feature} with `USERNS_SCAN_BPF`") } else { feature }
}

/// The scan without flags, of a scan with one.
fn base(key: &Key) -> Option<Key> {
    key.0.starts_with("USERNS_").then(|| ("a scan".to_string(), key.1.clone()))
}

/// A table has a row for each of these texts, with the rest of the row.
type Rows = Vec<(String, String)>;

/// Of scans with a flag only what the scan without flags does not need.
fn capability_rows(needs: &Needs) -> Rows {
    let none = Vec::new();
    let of = |key: &Key| needs.capabilities.get(key).unwrap_or(&none);
    let row = |key: &Key| {
        let others = base(key).map_or(&none, |base| of(&base));
        let more = of(key).iter().filter(|each| !others.contains(each));
        more.map(|(name, loss)| (title(key), format!("`{name}` | {loss} |"))).collect::<Rows>()
    };
    needs.features.iter().flat_map(row).collect()
}

/// The same.
fn call_rows(needs: &Needs) -> Rows {
    let none = BTreeSet::new();
    let row = |key: &Key| {
        let others = base(key).map_or(&none, |base| &needs.calls[&base]);
        let more: Vec<_> = needs.calls[key].difference(others).map(|name| format!("`{name}`")).collect();
        (!more.is_empty()).then(|| (title(key), format!("{} |", more.join(", "))))
    };
    needs.features.iter().filter_map(row).collect()
}

fn table(head: &str, rule: &str, rows: &Rows) -> String {
    rows.iter().fold(format!("{head}\n{rule}\n"), |mut text, (title, rest)| {
        writeln!(text, "| {title} | {rest}").unwrap();
        text
    })
}

fn capability_table(needs: &Needs) -> String {
    table("| feature | capability | without it |", "|:--|:--|:--|", &capability_rows(needs))
}

fn text(needs: &Needs) -> String {
    let calls = table("| feature | system calls |", "|:--|:--|", &call_rows(needs));
    format!("{}\n\n{}\n{calls}", machine(), capability_table(needs))
}

/// The calls in the table of the page, by the title of the row.
fn documented_calls(table: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (_, calls) = table.split_once("| feature | system calls |").expect("a table of system calls");
    let row = |line: &str| {
        let (title, names) = line.strip_prefix("| ")?.split_once(" | ")?;
        let names = names.split('`').skip(1).step_by(2).map(str::to_string);
        Some((title.to_string(), names.collect()))
    };
    calls.lines().filter_map(row).collect()
}

#[test]
fn situations_of_the_threat_model_exist() {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("| an attacker can |")).skip(2);
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
    assert!(!rows.is_empty());
    for row in rows {
        let names: Vec<_> = row.split('`').filter_map(|word| word.split_once("::")).collect();
        assert!(!names.is_empty(), "no situation shows this: {row}");
        for (file, name) in names {
            let source = fs::read_to_string(root().join(format!("tests/c/{file}.c"))).unwrap();
            let is_there = source.split("SITUATION(").any(|rest| rest.trim_start().starts_with(&format!("{name},")));
            assert!(is_there, "{file}::{name}");
        }
    }
}

#[test]
fn needs_are_documented() {
    let (needs, is_complete) = find();
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the first line of the tables");
    let (documented, after) = rest.split_once(END).expect("the last line of the tables");
    if env::var_os("USERNS_UPDATE").is_some() {
        assert!(is_complete, "{PAGE} needs all of them");
        fs::write(path, format!("{before}{BEGIN}\n{}\n{END}{after}", text(&needs))).unwrap();
        return;
    }
    if documented.trim().lines().next() != Some(&machine()) {
        return skip("security: needs_are_documented", "the tables are of another kernel or machine");
    }
    let capabilities = capability_table(&needs);
    let is_current = !is_complete || documented.contains(&capabilities);
    assert!(is_current, "{PAGE} is not current; the capabilities are\n{capabilities}");
    // A call that depends on chance can be missing in this run, but not in the table.
    let rows = documented_calls(documented);
    for key in &needs.features {
        let mut known = rows.get(&title(key)).cloned().unwrap_or_default();
        known.extend(base(key).and_then(|base| rows.get(&title(&base)).cloned()).unwrap_or_default());
        let missing: Vec<_> = needs.calls[key].difference(&known).collect();
        assert!(missing.is_empty(), "{PAGE} is not current: {} needs {missing:?}", title(key));
    }
}
