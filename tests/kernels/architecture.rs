//! What the situations are built for, other than this machine and its libc: compilers, and the machines that QEMU emulates.

pub struct Architecture {
    pub name: &'static str,
    /// For rustc.
    pub target: &'static str,
    /// For clang; part of the paths of libraries.
    pub triple: &'static str,
    pub libc: Libc,
    pub machine: Machine,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Libc {
    /// Of Debian.
    Gnu,
    /// Of this machine, for its own architecture.
    Musl,
}

pub struct Machine {
    /// What Debian calls the architecture.
    pub debian: &'static str,
    /// The end of the names of the smallest kernels.
    pub flavour: &'static str,
    pub qemu: &'static str,
    /// Emulation takes one thread, since as many machines run at a time as there are processors.
    pub arguments: &'static [&'static str],
    /// One where emulated processors wait for each other long: they take turns on one thread.
    pub processors: &'static str,
    /// The first serial port.
    pub console: &'static str,
    /// Programs, and the packages of Debian that have them.
    pub tools: &'static [(&'static str, &'static str)],
}

pub const X86_64: Machine = Machine {
    debian: "amd64",
    flavour: "-cloud-amd64",
    qemu: "qemu-system-x86_64",
    // Newer processors have features that make emulation slower. With cx16, a kernel crashed under load. With a thread for
    // each processor, one can execute an instruction that another one replaces, and the kernel crashes ("Oops: int3").
    arguments: &["-accel", "tcg,thread=single", "-cpu", "qemu64,-cx16"],
    processors: "2",
    console: "ttyS0",
    tools: &[("qemu-system-x86_64", "qemu-system-x86")],
};

pub static ALL: [Architecture; 5] = [
    Architecture {
        name: "i686",
        target: "i686-unknown-linux-gnu",
        triple: "i386-linux-gnu",
        libc: Libc::Gnu,
        machine: Machine {
            debian: "i386",
            flavour: "-686",
            qemu: "qemu-system-x86_64",
            arguments: &["-accel", "tcg,thread=single", "-cpu", "qemu64"],
            processors: "2",
            console: "ttyS0",
            tools: &[("qemu-system-x86_64", "qemu-system-x86"), ("clang", "clang")],
        },
    },
    Architecture {
        name: "aarch64",
        target: "aarch64-unknown-linux-gnu",
        triple: "aarch64-linux-gnu",
        libc: Libc::Gnu,
        machine: Machine {
            debian: "arm64",
            flavour: "-cloud-arm64",
            qemu: "qemu-system-aarch64",
            arguments: &["-accel", "tcg,thread=single", "-machine", "virt", "-cpu", "cortex-a72"],
            processors: "2",
            console: "ttyAMA0",
            tools: &[
                ("qemu-system-aarch64", "qemu-system-arm"),
                ("clang", "clang"),
                ("aarch64-linux-gnu-ld", "binutils-aarch64-linux-gnu"),
            ],
        },
    },
    Architecture {
        name: "s390x",
        target: "s390x-unknown-linux-gnu",
        triple: "s390x-linux-gnu",
        libc: Libc::Gnu,
        machine: Machine {
            debian: "s390x",
            flavour: "-s390x",
            qemu: "qemu-system-s390x",
            arguments: &["-accel", "tcg,thread=single"],
            processors: "1",
            console: "ttysclp0",
            tools: &[
                ("qemu-system-s390x", "qemu-system-misc"),
                ("clang", "clang"),
                ("s390x-linux-gnu-ld", "binutils-s390x-linux-gnu"),
            ],
        },
    },
    Architecture {
        name: "riscv64",
        target: "riscv64gc-unknown-linux-gnu",
        triple: "riscv64-linux-gnu",
        libc: Libc::Gnu,
        machine: Machine {
            debian: "riscv64",
            flavour: "-riscv64",
            qemu: "qemu-system-riscv64",
            arguments: &["-accel", "tcg,thread=single", "-machine", "virt"],
            processors: "1",
            console: "ttyS0",
            tools: &[
                ("qemu-system-riscv64", "qemu-system-misc"),
                ("clang", "clang"),
                ("riscv64-linux-gnu-ld", "binutils-riscv64-linux-gnu"),
            ],
        },
    },
    Architecture {
        name: "musl",
        target: "x86_64-unknown-linux-musl",
        triple: "x86_64-linux-musl",
        libc: Libc::Musl,
        machine: Machine { tools: &[X86_64.tools[0], ("musl-gcc", "musl-tools")], ..X86_64 },
    },
];
