//! `--dot`: graphs that Graphviz accepts.

use crate::common::{scratch, skip};
use crate::{FAMILY, inspect, named, result, script, shown, waiting};
use std::ffi::OsStr;
use std::fs;
use std::process::Command;

/// The picture of a graph as SVG, drawn with ten seconds of CPU time: the time of day also depends on other tests. Returns
/// `None` and reports a skip without Graphviz.
fn drawn(test: &str, graph: &str) -> Option<String> {
    let file = scratch(&format!("{test}.dot"));
    fs::write(&file, graph).unwrap();
    if Command::new("dot").arg("-V").output().is_err() {
        skip(test, "dot(1) of Graphviz is missing");
        return None;
    }
    let output = Command::new("sh").args(["-c", "ulimit -t 10; exec dot -Tsvg \"$0\""]).arg(file).output().unwrap();
    let (picture, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}\n{graph}", output.status);
    Some(picture.into_owned())
}

/// Boxes are in the boxes of their parents.
#[test]
fn boxes_are_nested() {
    let Some((parent, _)) = script("boxes_are_nested", &["-Ur"], FAMILY, OsStr::new("")) else { return };
    let graph = shown(&["--dot", &parent.pid()]);
    assert!(graph.contains(&format!("subgraph cluster_{} {{", parent.inode("user"))), "{graph}");
    assert_eq!(graph.matches("subgraph cluster_").count(), 3, "{graph}");
    // The first box ends after the last one has begun.
    let first_end = graph.find("\n}\n").unwrap();
    assert!(graph[..first_end].matches("subgraph").count() == 2, "{graph}");
    assert_eq!(graph.matches(" [style=invis]").count(), 2, "{graph}");
    let Some(picture) = drawn("boxes_are_nested", &graph) else { return };
    assert_eq!(picture.matches("class=\"cluster\"").count(), 3, "{picture}");
    assert!(picture.contains(&parent.inode("user")) && picture.contains("1 process: cat"), "{picture}");
}

/// Names with all that has a meaning for Graphviz.
#[test]
fn hostile_names() {
    let names: [&[u8]; 6] =
        [b"<|td>&amp;\"", b"\\N\\n\\", b"a]}\n;{[<b>", b"\xff\xc3(", b"-->\x1b[1m", "é&#0;".as_bytes()];
    for name in names {
        let Some(child) = named("hostile_names", name) else { return };
        for locale in ["C", "C.UTF-8"] {
            let (status, graph, errors) =
                result(inspect(&["--dot", &child.pid()]).env("LC_ALL", locale).output().unwrap());
            assert_eq!(status, Some(0), "{errors}");
            assert!(!graph.contains(|c: char| c.is_control() && c != '\n'), "{graph:?}");
            let Some(picture) = drawn("hostile_names", &graph) else { return };
            assert_eq!(picture.matches("class=\"cluster\"").count(), 1, "{graph}\n{picture}");
            assert!(picture.contains("1 process: "), "{graph}\n{picture}");
        }
    }
    let Some(child) = named("hostile_names", b"<i>&x;\\") else { return };
    let Some(picture) = drawn("hostile_names", &shown(&["--dot", &child.pid()])) else { return };
    assert!(picture.contains(r"1 process: &lt;i&gt;&amp;x;\x5c<"), "{picture}");
}

/// A pin is a dashed arrow from the box of the process that holds it.
#[test]
fn pins_are_arrows() {
    let (Some(child), Some(net)) = (
        waiting("pins_are_arrows", libc::CLONE_NEWUSER),
        waiting("pins_are_arrows", libc::CLONE_NEWUSER | libc::CLONE_NEWNET),
    ) else {
        return;
    };
    let (inode, net_inode) = (child.inode("user"), net.inode("net"));
    let own = shown(&["-lnr", "-o", "ns", "self"]).lines().next().unwrap().to_string();
    let held = (child.open("user"), net.open("net"));
    drop((child, net));
    let graph = shown(&["--dot", "--pinned"]);
    let arrow = format!("n{own} -> n{inode} [label=<descriptor<br/>");
    assert!(graph.contains(&arrow) && graph.contains(&format!(" fd {}", held_number(&held.0))), "{graph}");
    assert!(graph.contains(&format!("lhead=cluster_{inode}]")), "{graph}");
    assert!(graph.contains(&format!("net{net_inode} [label=\"net {net_inode}\"")), "{graph}");
    assert!(graph.contains(&format!("n{own} -> net{net_inode} [label=<descriptor<br/>")), "{graph}");
    let Some(picture) = drawn("pins_are_arrows", &graph) else { return };
    assert!(picture.contains("stroke-dasharray"), "{picture}");
    // The process of an arrow can be outside the graph.
    let graph = shown(&["--dot", "--pinned", &inode]);
    assert!(!graph.contains(&format!("n{own}")) && graph.contains(&format!(" -> n{inode} [lhead=")), "{graph}");
    drawn("pins_are_arrows", &graph);
    assert!(!shown(&["--dot"]).contains("lhead"), "arrows without --pinned");
    drop(held);
}

/// During a scan, a namespace can end and one of another type get its number.
#[test]
fn one_number_for_several_types() {
    let file = scratch("types.json");
    let owned = ["net", "mnt"].map(|name| format!(r#"{{"type":"{name}","inode":6,"owner":5}}"#)).join(",");
    let text = format!(r#"{{"format":{{"major":1}},"nodes":[{{"inode":5}}],"nonusers":[{owned}]}}"#);
    fs::write(&file, text).unwrap();
    let graph = shown(&["--dot", "--pinned", "--load", file.to_str().unwrap()]);
    for name in ["mnt", "net"] {
        assert!(graph.contains(&format!("\n{name}6 [label=\"{name} 6\"")), "{graph}");
    }
}

fn held_number(file: &fs::File) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(file)
}

/// Chains of namespaces: the first argument is their number, the second their length. Each has a process.
const CHAINS: &str = "exec 3<&0; i=0
    down='n=$1; [ $n -gt 0 ] || { echo >>\"$2\"; exec cat >/dev/null; }; unshare -Ur sh -ec \"$0\" \"$0\" $((n - 1)) \"$2\"'
    : >\"$1.ends\"
    while [ $i -lt COUNT ]; do sh -ec \"$down\" \"$down\" LENGTH \"$1.ends\" <&3 & i=$((i + 1)); done
    until [ $(wc -l <\"$1.ends\") = COUNT ]; do sleep 0.1; done
    echo ready; exec cat";

/// Graphviz draws 1,000 namespaces in time, whether they are wide or deep.
#[test]
fn a_thousand_namespaces() {
    for (count, length) in [(1000, 1), (40, 25)] {
        let chains = CHAINS.replace("COUNT", &count.to_string()).replace("LENGTH", &length.to_string());
        let file = scratch(&format!("chains-{count}"));
        let Some((parent, _)) = script("a_thousand_namespaces", &["-Ur"], &chains, file.as_os_str()) else { return };
        let graph = shown(&["--dot", "--pinned", &parent.pid()]);
        assert_eq!(graph.matches("subgraph cluster_").count(), 1001, "{count} chains");
        let Some(picture) = drawn("a_thousand_namespaces", &graph) else { return };
        assert_eq!(picture.matches("class=\"cluster\"").count(), 1001);
    }
}
