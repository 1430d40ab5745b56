//! The machines: its file system, and what `init.c` tells from within.

use crate::architecture::{Machine, X86_64};
use crate::common::{self, SKIPPED};
use crate::debian::Kernel;
use crate::{Selection, output};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{fs, thread};

/// Arguments for QEMU, and the environment variable for `tests/c/process.h`.
const KVM: (&[&str], &str) = (&["-accel", "kvm", "-cpu", "max"], "TIME_FACTOR=1");
/// Without KVM everything is much slower.
const EMULATED: &str = "TIME_FACTOR=20";
/// MiB of a machine.
const MEMORY: usize = 2048;
/// Seconds after which a machine is ended.
const LIMIT: &str = "7200";

/// The file system of a machine.
pub struct Image {
    machine: &'static Machine,
    directory: PathBuf,
    /// How many situations it runs.
    pub tests: usize,
    tree: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    Skipped,
}

pub struct TestResult {
    pub name: String,
    pub outcome: Outcome,
    pub output: String,
}

pub struct Run {
    pub version: String,
    pub features: Vec<String>,
    pub results: Vec<TestResult>,
    /// Whether the machine has run everything, and told so.
    pub is_complete: bool,
}

impl Run {
    pub fn count(&self, outcome: Outcome) -> usize {
        self.results.iter().filter(|result| result.outcome == outcome).count()
    }

    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|name| name == feature)
    }
}

/// Builds programs for another machine: is given the directory that becomes its root, and their paths there.
pub type Replace<'r> = &'r dyn Fn(&Path, &[PathBuf]) -> Result<(), String>;

/// Makes an archive of the file system with these situations. The programs are those of this machine, unless `replace` builds
/// others in their place, and then there is no shell.
pub fn build_image(
    directory: &Path,
    selection: &Selection,
    machine: &'static Machine,
    replace: Option<Replace>,
) -> Result<Image, String> {
    let tree = common::userns_tree();
    let init = common::compile(&common::root().join("tests/kernels/init.c"), &["-std=gnu11"]);
    let nothing = common::compile(&common::root().join("tests/kernels/nothing.c"), &["-std=c99"]);
    let mut programs = vec![tree.clone(), init.clone(), nothing.clone()];
    let mut tests = Vec::new();
    for (file, program) in build_programs(selection)? {
        for situation in common::situations_of(&program)? {
            let modes = [Some((file.clone(), 0)), situation.by_bpf.then(|| (format!("{file}_by_bpf"), 1))];
            for (module, by_bpf) in modes.into_iter().flatten() {
                let name = format!("{module}::{}", situation.name);
                if selection.has(&name) {
                    tests.push(format!("{name} {} {} {by_bpf}\n", program.display(), situation.name));
                }
            }
        }
        programs.push(program);
    }
    let is_idle = |text: &&String| !tests.iter().any(|line| line.split(' ').next().unwrap().contains(&***text));
    if let Some(text) = selection.only.iter().find(is_idle) {
        return Err(format!("no situation matches {text}"));
    }
    let root = directory.join("root");
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).map_err(|error| error.to_string())?;
    let libraries = match replace {
        Some(_) => BTreeSet::new(),
        None => {
            // Some situations run scripts, or skip.
            programs.push("/bin/sh".into());
            libraries(&programs)?
        }
    };
    output(Command::new("cp").args(["-L", "--parents"]).args(&programs).args(&libraries).arg(&root))?;
    if let Some(replace) = replace {
        replace(&root, &programs)?;
    }
    fs::write(root.join("situations"), tests.concat()).map_err(|error| error.to_string())?;
    let script = "ln -s .$0 init; mkdir -p bin etc usr/bin; ln -s ..$1 bin/true; find . | cpio --quiet -o -H newc -R 0:0 >../image";
    output(Command::new("sh").current_dir(&root).args(["-ec", script]).args([init, nothing]))?;
    Ok(Image { machine, directory: directory.to_path_buf(), tests: tests.len(), tree })
}

/// The programs of situations, by the names of their files.
fn build_programs(selection: &Selection) -> Result<Vec<(String, PathBuf)>, String> {
    let mut files = common::situation_files();
    files.retain(|file| selection.may_have(file));
    let half = |files: &[String]| -> Result<Vec<_>, String> {
        files.iter().map(|file| Ok((file.clone(), common::build_situations(file)?))).collect()
    };
    let (first, second) = files.split_at(files.len() / 2);
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| half(first));
        (half(second), first.join().unwrap())
    });
    Ok([first?, second?].concat())
}

/// The libraries that the dynamic loader loads for these programs, and the loader.
fn libraries(programs: &[PathBuf]) -> Result<BTreeSet<PathBuf>, String> {
    let lines = output(Command::new("ldd").args(programs))?;
    let path = |line: &str| {
        line.split_whitespace().find(|word| word.starts_with('/') && !word.ends_with(':')).map(PathBuf::from)
    };
    Ok(lines.lines().filter(|line| line.starts_with('\t')).filter_map(path).collect())
}

/// For how many machines there is memory, at least one.
pub fn room() -> usize {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB"));
    // QEMU takes some itself.
    let machines = available.and_then(|kib| kib.parse::<usize>().ok()).map(|kib| kib / 1024 / (MEMORY + 512));
    machines.unwrap_or(1).max(1)
}

/// Runs the situations on a kernel. What it says stays in the directory. A kernel that crashes before `init.c` has said anything
/// is booted once more: emulators have faults.
pub fn run(kernel: &Kernel, image: &Image) -> Run {
    match run_once(kernel, image) {
        run if run.results.is_empty() && run.features.is_empty() => {
            println!("kernel {} is booted once more", kernel.version);
            run_once(kernel, image)
        }
        run => run,
    }
}

fn run_once(kernel: &Kernel, image: &Image) -> Run {
    let mut run =
        Run { version: kernel.version.clone(), features: Vec::new(), results: Vec::new(), is_complete: false };
    let answers = image.directory.join(format!("{}.answers", kernel.version));
    let mut log = fs::File::create(&answers).unwrap();
    let mut machine = match boot(kernel, image) {
        Ok(machine) => machine,
        Err(message) => {
            println!("kernel {}: {message}", kernel.version);
            return run;
        }
    };
    let mut text = String::new();
    for line in BufReader::new(machine.stdout.take().unwrap()).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_string();
        writeln!(log, "{line}").unwrap();
        read_line(&line, &mut text, &mut run);
    }
    let _ = machine.wait();
    run.is_complete &= run.results.len() == image.tests;
    if !run.is_complete {
        let answers = fs::read(&answers).unwrap_or_default();
        let end = answers.len().saturating_sub(4000);
        println!("kernel {} ended early:\n{}", kernel.version, String::from_utf8_lossy(&answers[end..]));
    }
    run
}

/// A line of the answers of `init.c`; `text` is the output of a test so far.
fn read_line(line: &str, text: &mut String, run: &mut Run) {
    if let Some(feature) = line.strip_prefix("feature ") {
        run.features.push(feature.to_string());
    } else if let Some(end) = line.strip_prefix("end ") {
        let mut words = end.split(' ');
        let status = words.next().and_then(|status| status.parse().ok());
        let outcome = match status {
            Some(0) => Outcome::Passed,
            Some(SKIPPED) => Outcome::Skipped,
            _ => Outcome::Failed,
        };
        let name = words.nth(1).unwrap_or_default().to_string();
        run.results.push(TestResult { name, outcome, output: text.trim().to_string() });
    } else if line.starts_with("problem: ") && run.results.is_empty() {
        println!("kernel {}: {line}", run.version); // situations can be skipped for it
    } else if line == "begin" {
        text.clear();
    } else if line == "done" {
        run.is_complete = true;
    } else {
        *text += line;
        text.push('\n');
    }
}

/// Whether this machine can run a kernel. Without these flags of its processor, it can have a /dev/kvm that cannot.
fn has_kvm(machine: &Machine) -> bool {
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let is_virtual = flags.split_whitespace().any(|flag| flag == "vmx" || flag == "svm");
    let kvm = fs::OpenOptions::new().read(true).write(true).open("/dev/kvm");
    machine.debian == X86_64.debian && is_virtual && kvm.is_ok()
}

/// Starts the machine; its standard output is the serial port.
fn boot(kernel: &Kernel, image: &Image) -> Result<Child, String> {
    let directory = image.directory.join(format!("{}.boot", kernel.version));
    let (more, initrd) = (directory.join("more"), directory.join("initrd"));
    let _ = fs::remove_dir_all(&directory);
    for (name, files) in [("modules", &kernel.modules), ("policies", &kernel.policies)] {
        fs::create_dir_all(more.join(name)).map_err(|error| error.to_string())?;
        for file in files {
            fs::copy(file, more.join(name).join(file.file_name().unwrap())).map_err(|error| error.to_string())?;
        }
    }
    // Linux unpacks one archive after the other.
    let script = "(cat ../../image; find . | cpio --quiet -o -H newc -R 0:0) >../initrd";
    output(Command::new("sh").current_dir(&more).args(["-c", script]))?;
    let machine = image.machine;
    let (arguments, time_factor) = if has_kvm(machine) { KVM } else { (machine.arguments, EMULATED) };
    // No message of the kernel is between the answers, unless it is the last one.
    let parameters = format!(
        "console={} loglevel=1 nowatchdog panic=-1 {} {time_factor} USERNS_TREE={}",
        machine.console,
        kernel.parameters,
        image.tree.display()
    );
    Command::new("timeout")
        .args([LIMIT, machine.qemu])
        .args(arguments)
        .args(["-smp", machine.processors, "-m", &MEMORY.to_string()])
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(initrd)
        .args(["-append", &parameters, "-serial", "stdio"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("timeout: {error}"))
}
