//! The emulated machine: its file system, and what `init.c` tells from within.

use crate::common::{self, SKIPPED};
use crate::debian::Kernel;
use crate::{Selection, output};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{fs, thread};

/// What emulates the processor, its arguments for QEMU, and the environment variable for `tests/c/process.h`.
const KVM: [&str; 3] = ["kvm", "max", "TIME_FACTOR=1"];
/// Much slower. With cx16, a kernel crashed under load.
const TCG: [&str; 3] = ["tcg", "max,-cx16", "TIME_FACTOR=10"];
/// Seconds after which a machine is ended.
const LIMIT: &str = "7200";

pub struct Image {
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

/// Makes an archive of the file system with these situations.
pub fn build_image(directory: &Path, selection: &Selection) -> Result<Image, String> {
    let tree = common::userns_tree();
    let init = common::compile(&common::root().join("tests/kernels/init.c"), &["-std=gnu11"]);
    let (mut programs, mut tests) = (vec![tree.clone(), init.clone(), "/bin/true".into()], Vec::new());
    for (file, program) in build_programs()? {
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
    let root = directory.join("root");
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(root.join("usr")).map_err(|error| error.to_string())?;
    let files = programs.iter().cloned().chain(libraries(&programs)?).collect::<BTreeSet<_>>();
    output(Command::new("cp").args(["-L", "--parents"]).args(&files).arg(&root))?;
    fs::copy(init, root.join("init")).map_err(|error| error.to_string())?;
    fs::write(root.join("situations"), tests.concat()).map_err(|error| error.to_string())?;
    output(Command::new("sh").current_dir(&root).args(["-c", "find . | cpio --quiet -o -H newc -R 0:0 >../image"]))?;
    Ok(Image { directory: directory.to_path_buf(), tests: tests.len(), tree })
}

/// The programs of situations, by the names of their files.
fn build_programs() -> Result<Vec<(String, PathBuf)>, String> {
    let files = common::situation_files();
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

/// Runs the situations on a kernel. What it says stays in the directory.
pub fn run(kernel: &Kernel, image: &Image) -> Run {
    let mut run =
        Run { version: kernel.version.clone(), features: Vec::new(), results: Vec::new(), is_complete: false };
    let messages = image.directory.join(format!("{}.messages", kernel.version));
    let mut log = fs::File::create(image.directory.join(format!("{}.answers", kernel.version))).unwrap();
    let mut machine = match boot(kernel, image, &messages) {
        Ok(machine) => machine,
        Err(message) => {
            println!("kernel {}: {message}", kernel.version);
            return run;
        }
    };
    let mut text = String::new();
    for line in BufReader::new(machine.stdout.take().unwrap()).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        writeln!(log, "{line}").unwrap();
        read_line(&line, &mut text, &mut run);
    }
    let _ = machine.wait();
    if !run.is_complete {
        let messages = fs::read(&messages).unwrap_or_default();
        let end = messages.len().saturating_sub(4000);
        println!("kernel {} ended early:\n{}", kernel.version, String::from_utf8_lossy(&messages[end..]));
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
    } else if line == "begin" {
        text.clear();
    } else if line == "done" {
        run.is_complete = true;
    } else {
        *text += line;
        text.push('\n');
    }
}

/// A machine without these flags can have a /dev/kvm that cannot run a kernel.
fn accelerator() -> [&'static str; 3] {
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let is_virtual = flags.split_whitespace().any(|flag| flag == "vmx" || flag == "svm");
    let kvm = fs::OpenOptions::new().read(true).write(true).open("/dev/kvm");
    if is_virtual && kvm.is_ok() { KVM } else { TCG }
}

/// Starts the machine; its standard output is the second serial port.
fn boot(kernel: &Kernel, image: &Image, messages: &Path) -> Result<Child, String> {
    let modules = image.directory.join("modules");
    let _ = fs::remove_dir_all(&modules);
    fs::create_dir_all(modules.join("modules")).map_err(|error| error.to_string())?;
    for module in &kernel.modules {
        let name = module.file_name().unwrap();
        fs::copy(module, modules.join("modules").join(name)).map_err(|error| error.to_string())?;
    }
    // Linux unpacks one archive after the other.
    let script = "(cat ../image; find . | cpio --quiet -o -H newc -R 0:0) >../initrd";
    output(Command::new("sh").current_dir(&modules).args(["-c", script]))?;
    let [accelerator, processor, time_factor] = accelerator();
    let parameters =
        format!("console=ttyS0 quiet panic=-1 mitigations=off {time_factor} USERNS_TREE={}", image.tree.display());
    Command::new("timeout")
        .args([LIMIT, "qemu-system-x86_64", "-accel", accelerator, "-cpu", processor, "-smp", "2", "-m", "2048"])
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(image.directory.join("initrd"))
        .args(["-append", &parameters, "-serial", &format!("file:{}", messages.display()), "-serial", "stdio"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("timeout: {error}"))
}
