//! Builds the library and the programs for another architecture with clang and libc of Debian; or for musl, with musl-gcc.
//! For that the library is static, see docs/install.md.

use crate::architecture::{Architecture, Libc};
use crate::{common, output};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

/// The suites that the packages can be from. Both have those of `packages()`.
pub const SUITES: [&str; 2] = ["trixie", "sid"];

/// Packages that a C compiler needs to link programs.
pub fn packages(libc: Libc) -> &'static [&'static str] {
    match libc {
        Libc::Gnu => &["linux-libc-dev", "libc6", "libc6-dev", "libgcc-s1", "libgcc-14-dev"],
        Libc::Musl => &["linux-libc-dev"],
    }
}

pub struct Foreign<'f> {
    pub architecture: &'static Architecture,
    /// The files of the packages.
    pub files: &'f Path,
}

impl Foreign<'_> {
    /// Builds the programs with these paths, and what they load, into `root`.
    pub fn build(&self, root: &Path, programs: &[PathBuf]) -> Result<(), String> {
        let libraries = root.join("lib");
        fs::create_dir_all(&libraries).map_err(|error| error.to_string())?;
        let ours = self.build_library()?;
        let script = match self.architecture.libc {
            Libc::Gnu => {
                "cp -L $0/usr/lib/ld*.so.* $0/usr/lib/$1/libc.so.6 $0/usr/lib/$1/libgcc_s.so.1 .; cp $2 libuserns.so.0"
            }
            Libc::Musl => "cp -L /lib/ld-musl-*.so.1 .",
        };
        let mut copy = Command::new("sh");
        copy.current_dir(&libraries).args(["-ec", script]).arg(self.files).arg(self.architecture.triple).arg(&ours);
        output(&mut copy)?;
        let linked = self.linked(ours)?;
        let (waiting, messages) = (Mutex::new(programs.iter()), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    while let Some(program) = { waiting.lock().unwrap().next() } {
                        messages.lock().unwrap().extend(self.compile(program, root, &linked).err());
                    }
                });
            }
        });
        let messages = messages.into_inner().unwrap().concat();
        if messages.is_empty() { Ok(()) } else { Err(messages) }
    }

    /// Compiles the program that has this path on this machine.
    fn compile(&self, program: &Path, root: &Path, libraries: &[PathBuf]) -> Result<(), String> {
        let name = program.file_name().unwrap().to_str().unwrap();
        let directories = ["tests/c", "tests/kernels", "examples-c"];
        let sources = directories.map(|directory| common::root().join(directory).join(format!("{name}.c")));
        let source = sources.iter().find(|path| path.exists()).ok_or(format!("no source of {name}"))?;
        let mut compiler = self.compiler();
        compiler.args(["-std=gnu11", "-g", "-pthread", "-I"]).arg(common::root().join("include"));
        compiler.arg("-o").arg(root.join(program.strip_prefix("/").unwrap())).arg(source);
        output(compiler.args(libraries)).map(drop)
    }

    fn compiler(&self) -> Command {
        let (name, arguments) = match self.architecture.libc {
            Libc::Gnu => ("clang", self.flags()),
            // It does not find the headers of Linux.
            Libc::Musl => {
                let directory = |end| format!("-idirafter{}/usr/include{end}", self.files.display());
                ("musl-gcc", [directory(""), directory("/x86_64-linux-gnu")])
            }
        };
        let mut compiler = Command::new(name);
        compiler.args(arguments);
        compiler
    }

    fn flags(&self) -> [String; 2] {
        [format!("--target={}", self.architecture.triple), format!("--sysroot={}", self.files.display())]
    }

    /// What programs are linked with. The unwinder of musl-gcc needs glibc.
    fn linked(&self, ours: PathBuf) -> Result<Vec<PathBuf>, String> {
        if self.architecture.libc == Libc::Gnu {
            return Ok(vec![ours]);
        }
        let mut rustc = Command::new("rustc");
        let directory = output(rustc.args(["--print", "target-libdir", "--target", self.architecture.target]))?;
        Ok(vec![ours, Path::new(directory.trim_end()).join("self-contained/libunwind.a")])
    }

    fn build_library(&self) -> Result<PathBuf, String> {
        let Architecture { target, libc, .. } = *self.architecture;
        let directory = common::scratch(target);
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(common::root());
        let (kind, file) = match libc {
            Libc::Gnu => ("cdylib", "libuserns.so"),
            Libc::Musl => ("staticlib", "libuserns.a"),
        };
        if libc == Libc::Gnu {
            let variable = format!("CARGO_TARGET_{}", target.to_uppercase().replace('-', "_"));
            let flags = self.flags().map(|flag| format!("-Clink-arg={flag}")).join(" ");
            cargo.env(format!("{variable}_LINKER"), "clang").env(format!("{variable}_RUSTFLAGS"), flags);
        }
        cargo.args(["rustc", "--release", "--locked", "--lib", "--crate-type", kind]);
        output(cargo.args(["--target", target, "--target-dir"]).arg(&directory))?;
        Ok(directory.join(target).join("release").join(file))
    }
}
