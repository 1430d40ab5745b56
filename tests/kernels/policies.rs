//! Machines with security modules, or Debian's sysctl, that restrict user namespaces: `make check-policies`. The policies, in
//! the directory `policies`, are compiled here, and loaded by `init.c`.

use crate::architecture::X86_64;
use crate::debian::{Kernel, Pool};
use crate::emulator::{self, Outcome};
use crate::{Selection, common, output, run_all};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A module or sysctl, the parameters of the kernel that select it, and the file of `tests/c` about it.
const POLICIES: [(&str, &str, &str); 3] = [
    ("apparmor", "security=apparmor", "probe_apparmor"),
    ("selinux", "security=selinux selinux=1 enforcing=1", "probe_selinux"),
    ("sysctl", "", "probe_sysctl"),
];

/// The versions of kernels of which the newest build is taken: AppArmor restricts user namespaces since Linux 6.7.
const KERNELS: [((u32, u32), (u32, u32)); 2] = [((6, 12), (6, 12)), ((7, 0), (u32::MAX, 0))];

/// The compilers, of this suite of Debian, with all that they load: they are newer than this machine may be.
const SUITE: &str = "trixie";
const PACKAGES: [&str; 4] = ["apparmor", "secilc", "libsepol2", "libc6"];

/// Runs all situations about them. False if one failed or was skipped, or a kernel cannot be had.
pub fn check(pool: &Pool) -> Result<bool, String> {
    let directory = &pool.directory;
    let policies = compile(&pool.files("tools", &[SUITE], &PACKAGES)?, directory)?;
    let mut passed = true;
    for (module, parameters, file) in POLICIES {
        let selection = Selection { only: vec![format!("{file}::")], skip: Vec::new() };
        let image = emulator::build_image(directory, &selection, &X86_64, None)?;
        let mut kernels: Vec<Kernel> = KERNELS.into_iter().filter_map(|versions| pool.newest(versions).0).collect();
        for kernel in &mut kernels {
            kernel.version += &format!("-{module}");
            kernel.parameters = parameters;
            kernel.policies = policies.to_vec();
        }
        if kernels.len() < KERNELS.len() {
            println!("the mirror does not have a kernel for each of {KERNELS:?}");
            passed = false;
        }
        for run in run_all(&kernels.iter().collect::<Vec<_>>(), &image, |_| ()) {
            passed &= run.is_complete && image.tests > 0 && run.count(Outcome::Passed) == image.tests;
        }
    }
    Ok(passed)
}

/// The files that the kernel loads: /policies/apparmor and /policies/selinux in the machine.
fn compile(tools: &Path, directory: &Path) -> Result<[PathBuf; 2], String> {
    let source = |name: &str| common::root().join("tests/kernels/policies").join(name);
    let compiled = directory.join("policies");
    fs::create_dir_all(&compiled).map_err(|error| error.to_string())?;
    let (profiles, policy) = (compiled.join("apparmor"), compiled.join("selinux"));
    let base = tools.join("etc/apparmor.d");
    output(
        program(tools, "usr/sbin/apparmor_parser")
            .args(["--skip-kernel-load", "--skip-cache", "--config-file=/dev/null", "--base"])
            .arg(&base)
            .arg("--kernel-features")
            .arg(base.join("abi/4.0"))
            .arg("--ofile")
            .arg(&profiles)
            .arg(source("apparmor")),
    )?;
    output(
        program(tools, "usr/bin/secilc")
            .args(["--policyvers=33", "--filecontext=/dev/null", "--output"])
            .arg(&policy)
            .arg(source("selinux.cil")),
    )?;
    Ok([profiles, policy])
}

/// A program of another Debian, with its own libraries.
fn program(tools: &Path, path: &str) -> Command {
    let mut command = Command::new(tools.join("usr/lib64/ld-linux-x86-64.so.2"));
    command.arg("--library-path").arg(tools.join("usr/lib/x86_64-linux-gnu")).arg(tools.join(path));
    command
}
