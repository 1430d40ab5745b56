//! `--openmetrics`: what Prometheus accepts, and what the numbers mean.

use crate::common::skip;
use crate::{inspect, result, shown, unshare, waiting};
use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

fn value(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// Standard output of a program with this input, or its messages; `None` and a skip if it does not exist.
fn filter(test: &str, command: &mut Command, input: &str) -> Option<Result<String, String>> {
    let mut child = match command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skip(test, &format!("{} is missing", command.get_program().to_string_lossy()));
            return None;
        }
        child => child.unwrap(),
    };
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let messages = text(output.stderr);
    Some(if output.status.success() && messages.is_empty() { Ok(text(output.stdout)) } else { Err(messages) })
}

#[test]
fn prometheus_accepts_it() {
    let metrics = shown(&["--openmetrics"]);
    let check = |metrics: &str| filter("promtool", Command::new("promtool").args(["check", "metrics"]), metrics);
    if let Some(answer) = check(&metrics) {
        answer.unwrap();
        assert!(check(&metrics.replace("# HELP userns_namespaces ", "# ")).unwrap().is_err());
    }
    // The reference parser of OpenMetrics, from the Python package prometheus-client.
    const PARSE: &str = "import sys\ntry:\n    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
                         except ImportError:\n    sys.exit('no parser')\nprint(sum(len(f.samples) for f in parse(sys.stdin.read())))";
    match filter("openmetrics", Command::new("/usr/bin/python3").args(["-c", PARSE]), &metrics) {
        Some(Err(message)) if message.trim() == "no parser" => skip("openmetrics", "prometheus-client is missing"),
        Some(answer) => {
            let samples = metrics.lines().filter(|line| !line.starts_with('#')).count();
            assert_eq!(answer.unwrap().trim(), samples.to_string());
        }
        None => {}
    }
}

/// What both formats demand: each sample follows its description, no name twice, a last line.
#[test]
fn each_metric_is_described() {
    let metrics = shown(&["--openmetrics"]);
    let (mut described, mut samples) = (BTreeSet::new(), BTreeSet::new());
    for line in metrics.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(kind == "gauge" && metrics.contains(&format!("# HELP {name} ")), "{line}");
            assert!(described.insert(name.to_string()), "{name} is described twice");
        } else if !line.starts_with('#') {
            let (key, number) = line.rsplit_once(' ').unwrap();
            let name = key.split('{').next().unwrap();
            assert!(described.contains(name) && number.parse::<f64>().is_ok(), "{line}");
            assert!(samples.insert(key.to_string()), "{key} is there twice");
        }
    }
    assert!(metrics.ends_with("\n# EOF\n"), "{metrics}");
    let names: BTreeSet<&str> = samples.iter().map(|key| key.split('{').next().unwrap()).collect();
    assert_eq!(names.len(), described.len(), "{metrics}");
}

#[test]
fn what_is_counted() {
    let before = shown(&["--openmetrics"]);
    let (Some(child), Some(other)) =
        (waiting("what_is_counted", libc::CLONE_NEWUSER), waiting("what_is_counted", libc::CLONE_NEWUSER))
    else {
        return;
    };
    let (inode, held) = (other.inode("user"), other.open("user"));
    drop(other);
    let metrics = shown(&["--openmetrics"]);
    // Other tests create namespaces at the same time, so these are lower bounds.
    assert!(value(&metrics, "userns_namespaces") >= Some(3.0), "{metrics}");
    assert!(value(&metrics, "userns_empty_namespaces") >= Some(1.0), "{inode}: {metrics}");
    assert!(value(&metrics, "userns_processes") >= Some(2.0), "{metrics}");
    assert!(value(&metrics, "userns_snapshot_timestamp_seconds") > value(&before, "userns_snapshot_timestamp_seconds"));
    // SAFETY: the call has no arguments and cannot fail.
    let uid = unsafe { libc::geteuid() };
    let charge = metrics.lines().find(|line| line.starts_with(&format!("userns_charged_namespaces{{uid=\"{uid}\",")));
    let count: u64 = charge.expect(&metrics).rsplit_once(' ').unwrap().1.parse().unwrap();
    assert!(count >= 2, "{metrics}");
    let limit = fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap();
    assert_eq!(value(&metrics, "userns_max_namespaces"), limit.trim().parse().ok());
    assert!(metrics.contains("userns_gap_things{gap=\"mount_namespaces\"} "), "{metrics}");
    drop((held, child));
}

/// Gaps have the number that the library counts.
#[test]
fn gaps() {
    if waiting("gaps", libc::CLONE_NEWUSER).is_none() {
        return;
    }
    let mut command = inspect(&["--openmetrics"]);
    let (status, metrics, errors) = result(unshare(&mut command, libc::CLONE_NEWUSER).output().unwrap());
    assert_eq!(status, Some(0), "{errors}");
    assert_eq!(value(&metrics, "userns_gap_things{gap=\"nested\"}"), Some(1.0), "{metrics}");
    let unreadable =
        errors.lines().find_map(|line| line.strip_prefix("userns_inspect: processes that could not be read: "));
    let unreadable = unreadable.map_or(0.0, |count| count.parse().unwrap());
    assert_eq!(value(&metrics, "userns_gap_things{gap=\"unreadable\"}"), Some(unreadable), "{metrics}");
}
