//! The members of a namespace: containers and units, kernel threads, and what is folded.

use crate::common::{compile, root};
use crate::{MANY, inspect, result, script, shown, skip, waiting};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ID: &str = "9c1b2d3e4f50123456789abcdef0123456789abcdef0123456789abcdef01234";

/// The engines and names that the table finds for paths of cgroups.
fn units(paths: &[String], whole: bool) -> Vec<String> {
    let table = root().join("examples-c/inspect/unit.c");
    let program = compile(
        &root().join("tests/inspect/units.c"),
        &["-std=c99", "-D_POSIX_C_SOURCE=200809L", table.to_str().unwrap()],
    );
    let mut command = Command::new(program);
    let mut child =
        command.args(whole.then_some("whole")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all((paths.join("\n") + "\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect()
}

#[test]
fn patterns() {
    let cases = [
        // Engines. The innermost container counts.
        ("/system.slice/docker-ID.scope", "docker|9c1b2d3e4f50"),
        ("/system.slice/docker-ID.scope/system.slice/nginx.service", "docker|9c1b2d3e4f50"),
        ("/docker/ID", "docker|9c1b2d3e4f50"),
        ("/../docker/ID (deleted)", "docker|9c1b2d3e4f50"),
        ("/machine.slice/libpod-ID.scope/container", "podman|9c1b2d3e4f50"),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope", "podman|9c1b2d3e4f50"),
        ("/libpod_parent/libpod-ID", "podman|9c1b2d3e4f50"),
        ("/system.slice/web.service/libpod-payload-ID", "podman|9c1b2d3e4f50"),
        ("/machine.slice/libpod-conmon-ID.scope", "podman monitor|9c1b2d3e4f50"),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12_34.slice/cri-containerd-ID.scope",
            "containerd|9c1b2d3e4f50",
        ),
        ("/kubepods.slice/kubepods-pod12_34.slice/crio-ID.scope/container", "cri-o|9c1b2d3e4f50"),
        ("/kubepods.slice/kubepods-pod12_34.slice/crio-conmon-ID.scope", "cri-o monitor|9c1b2d3e4f50"),
        ("/kubepods/besteffort/pod12-34/crio-ID", "cri-o|9c1b2d3e4f50"),
        ("/kubepods/besteffort/pod12-34/crio-conmon-ID", "cri-o monitor|9c1b2d3e4f50"),
        ("/kubepods/besteffort/pod12-34/ID", "kubernetes|9c1b2d3e4f50"),
        ("/system.slice/nerdctl-ID.scope", "nerdctl|9c1b2d3e4f50"),
        ("/lxc.payload.web/system.slice/nginx.service", "lxc|web"),
        ("/lxc.payload/web", "lxc|web"),
        ("/lxc/101/ns", "lxc|101"),
        ("/lxc.monitor.web", "lxc monitor|web"),
        ("/lxc.payload.host/system.slice/docker-ID.scope", "docker|9c1b2d3e4f50"),
        ("/machine.slice/systemd-nspawn@web.service/payload", "nspawn|web"),
        ("/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/vcpu0", "machine|qemu-1-web"),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-flatpak-org.example.App-1234.scope",
            "flatpak|org.example.App",
        ),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-77.scope", "app|gnome-firefox"),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.example.App@12ab.service",
            "app|org.example.App",
        ),
        // Units. The outermost counts: the others are its own.
        ("/system.slice/nginx.service", "|nginx.service"),
        ("/system.slice/system-getty.slice/getty@tty1.service", "|getty@tty1.service"),
        ("/system.slice/web\\x2dapp.service/worker", "|web-app.service"),
        ("/user.slice/user-1000.slice/user@1000.service/session.slice/pipewire.service", "|user@1000.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "|session-3.scope"),
        ("/init.scope", "|init.scope"),
        ("/system.slice/app-server.service", "|app-server.service"),
        // Neither.
        ("/", "cgroup|/"),
        ("/work/jobs", "cgroup|/work/jobs"),
        ("/user.slice", "cgroup|/user.slice"),
        ("", "cgroup|unknown"),
        ("/docker/9c1b", "cgroup|/docker/9c1b"),
        ("/docker/IDa", "cgroup|/docker/IDa"),
        ("/system.slice/docker-9c1b.scope", "|docker-9c1b.scope"),
        ("/dockers/ID", "cgroup|/dockers/ID"),
        ("/lxc.payload.", "cgroup|/lxc.payload."),
        ("/.scope", "|.scope"),
        ("/machine.slice/machine-.scope", "|machine-.scope"),
        ("/a\\x00b.service", "|a\\x00b.service"),
        ("/a\\xzz.service\\x", "cgroup|/a\\xzz.service\\x"),
    ];
    let paths: Vec<String> = cases.iter().map(|(path, _)| path.replace("ID", ID)).collect();
    for (found, (path, expected)) in units(&paths, false).iter().zip(cases) {
        assert_eq!(*found, expected.replace("ID", ID), "{path}");
    }
    assert_eq!(units(&paths[..1], true), [format!("docker|{ID}")]);
    // No path is too long.
    let long = format!("/{}.service", "a/".repeat(2000));
    let name = format!("/{}.service", "a".repeat(247));
    assert_eq!(units(&[long, name.clone()], false)[1], format!("|{}", &name[1..]));
}

/// A new cgroup below this program's own.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(name: &str) -> Option<Cgroup> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let root =
            mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|words| words[2] == "cgroup2")?;
        let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap();
        let own = cgroups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let directory = Path::new(root[1]).join(own).join(name);
        fs::create_dir(&directory).ok()?;
        Some(Cgroup(directory))
    }

    fn add(&self, pid: &str) -> bool {
        fs::write(self.0.join("cgroup.procs"), pid).is_ok()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        while fs::remove_dir(&self.0).is_err_and(|error| error.raw_os_error() == Some(libc::EBUSY)) {}
    }
}

/// A process with a child in the same namespace.
const PAIR: &str = "exec 3<&0; cat <&3 >/dev/null & while ! [ \"$(cat /proc/$!/comm)\" = cat ]; do :; done
    echo $!; exec cat";

#[test]
fn real_cgroups() {
    let Some((parent, child)) = script("real_cgroups", &["-Ur"], PAIR, OsStr::new("")) else { return };
    parent.wait_until_cat();
    let (Some(docker), Some(podman)) =
        (Cgroup::new(&format!("docker-{ID}.scope")), Cgroup::new(&format!("libpod-{ID}.scope")))
    else {
        return skip("real_cgroups", "cannot create cgroups");
    };
    // The processes end before the cgroups are removed.
    let (docker, podman, parent) = (docker, podman, parent);
    if !docker.add(&parent.pid()) || !docker.add(&child) {
        return skip("real_cgroups", "cannot move processes to cgroups");
    }
    let output = shown(&[&parent.pid()]);
    assert!(output.contains("\n   part of  docker 9c1b2d3e4f50\n   members  2: cat "), "{output}");
    assert!(shown(&["--all", &parent.pid()]).contains(&format!("\n   part of  docker {ID}\n")));
    assert!(podman.add(&child));
    let output = shown(&[&parent.pid()]);
    let expected = format!(
        "\n   members  2 in 2 cgroups:\n            docker 9c1b2d3e4f50: cat {}\n            podman 9c1b2d3e4f50: cat {child}\n",
        parent.pid()
    );
    assert!(output.contains(&expected) && !output.contains("part of"), "{output}");
}

/// All kernel threads are in one line, unless that is asked for.
#[test]
fn kernel_threads() {
    if fs::read_to_string("/proc/2/comm").ok().as_deref() != Some("kthreadd\n")
        || fs::read_link("/proc/2/ns/user").is_err()
    {
        return skip("kernel_threads", "kernel threads are not visible");
    }
    let output = shown(&["2"]);
    let line = output.lines().find(|line| line.contains("members  ")).unwrap();
    assert!(line.ends_with(" kernel threads") && !output.contains("kthreadd"), "{output}");
    let count: usize = line.split_whitespace().rev().nth(2).unwrap().parse().unwrap();
    let threads = |number: &str| {
        number.parse::<u32>().is_ok()
            && fs::read_to_string(format!("/proc/{number}/cmdline")).is_ok_and(|text| text.is_empty())
    };
    let most = fs::read_dir("/proc")
        .unwrap()
        .filter(|entry| threads(entry.as_ref().unwrap().file_name().to_str().unwrap()))
        .count();
    assert!(count > 5 && count <= most + 20, "{count} {most}");
    let output = shown(&["--all", "2"]);
    assert!(output.contains(" kernel threads: ") && output.contains(" kthreadd 2"), "{output}");
    // A name does not make one.
    let Some(child) = waiting("kernel_threads", libc::CLONE_NEWUSER) else { return };
    assert!(!shown(&[&child.pid()]).contains("kernel thread"));
}

#[test]
fn many_processes_are_folded() {
    let Some((parent, _)) = script("many_processes_are_folded", &["-Ur"], MANY, OsStr::new("")) else { return };
    parent.wait_until_cat();
    let line = |options: &[&str]| {
        let output = result(inspect(options).arg(parent.pid()).env("COLUMNS", "9999").output().unwrap()).1;
        output.lines().find(|line| line.contains("members  ")).unwrap().to_string()
    };
    let folded = line(&[]);
    assert!(folded.starts_with("   members  61: cat ") && folded.ends_with(" and 53 more"), "{folded}");
    assert_eq!(folded.split_whitespace().count(), 2 + 1 + 8 + 3, "{folded}");
    assert_eq!(line(&["--all"]).split_whitespace().count(), 2 + 1 + 61);
    assert_eq!(line(&["--no-pids"]), "   members  61: cat (61)");
}
