//! The kernels that Debian has: all suites of the mirror that this machine's apt uses. apt checks what it downloads.

use crate::architecture::Machine;
use crate::output;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Old and new suites. Backports keep many versions.
const SUITES: [&str; 7] =
    ["bullseye", "bookworm", "bookworm-backports", "trixie", "trixie-backports", "sid", "experimental"];
const SECURITY_SUITES: [&str; 3] = ["bullseye-security", "bookworm-security", "trixie-security"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Modules that situations need, where they are not built in.
const MODULES: [&str; 2] = ["fuse", "tun"];

/// `7.3~rc7` is `(7, 3, -1, 7)`.
type Version = (u32, u32, i32, u32);

pub struct Pool {
    pub mirrors: Vec<String>,
    pub directory: PathBuf,
    machine: &'static Machine,
    /// Oldest first: version, release (the name of the package has it), version of the package.
    releases: Vec<(Version, String, String)>,
    /// Names of packages.
    packages: Vec<String>,
}

/// A kernel that has been unpacked.
pub struct Kernel {
    pub version: String,
    pub image: PathBuf,
    pub modules: Vec<PathBuf>,
    /// For its command line.
    pub parameters: &'static str,
    /// Policies for its security modules, see `policies.rs`.
    pub policies: Vec<PathBuf>,
}

impl Pool {
    /// Reads the lists of packages into `directory`. The lists of this machine stay as they are.
    pub fn read(directory: &Path, machine: &'static Machine) -> Result<Self, String> {
        let (mirrors, directory) = (mirrors()?, directory.to_path_buf());
        let mut pool = Pool { mirrors, directory, machine, releases: Vec::new(), packages: Vec::new() };
        pool.configure()?;
        // A suite can be missing, or the network, after an earlier run.
        if let Err(message) = output(pool.apt("apt-get").args(["update", "-qq"])) {
            println!("{}", message.trim());
        }
        let names = output(pool.apt("apt-cache").args(["pkgnames", "linux-"]))?;
        pool.packages = names.lines().filter(|name| name.ends_with(machine.flavour)).map(String::from).collect();
        let images = pool.packages.iter().filter(|name| pool.release(name).is_some());
        let lines = output(pool.apt("apt-cache").arg("madison").args(images))?;
        let mut versions = BTreeMap::new();
        for line in lines.lines() {
            let mut columns = line.split('|').map(str::trim);
            if let (Some(release), Some(package_version)) =
                (columns.next().and_then(|name| pool.release(name)), columns.next())
            {
                if let Some(version) = parse(package_version) {
                    versions.insert((version, release.to_string()), package_version.to_string());
                }
            }
        }
        pool.releases = versions.into_iter().map(|((version, release), package)| (version, release, package)).collect();
        if pool.releases.is_empty() {
            return Err(format!("{} has no kernels", pool.mirrors.join(" or ")));
        }
        Ok(pool)
    }

    fn configure(&self) -> Result<(), String> {
        let path = |name: &str| self.directory.join(name);
        fs::create_dir_all(path("lists/partial")).map_err(|error| error.to_string())?;
        fs::create_dir_all(path("cache/archives/partial")).map_err(|error| error.to_string())?;
        let mut sources = String::new();
        for mirror in &self.mirrors {
            let suites = if mirror.contains("security") { &SECURITY_SUITES[..] } else { &SUITES };
            for suite in suites {
                sources += &format!("deb [arch={} signed-by={KEYRING}] {mirror} {suite} main\n", self.machine.debian);
            }
        }
        let directory = self.directory.display();
        let configuration = format!(
            "Dir::State \"{directory}\"; Dir::State::Lists \"{directory}/lists\"; Dir::Cache \"{directory}/cache\";\n\
             Dir::Etc::SourceList \"{directory}/sources.list\"; Dir::Etc::SourceParts \"/dev/null\";\n\
             Dir::Etc::Preferences \"/dev/null\"; Dir::Etc::PreferencesParts \"/dev/null\";\n\
             Acquire::Languages \"none\"; Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n\
             Acquire::Retries \"5\"; Acquire::Check-Valid-Until \"false\";\n\
             APT::Sandbox::User \"root\"; APT::Architecture \"{}\";\n",
            self.machine.debian
        );
        let write = |name, text| fs::write(path(name), text).map_err(|error| error.to_string());
        write("sources.list", sources)?;
        write("apt.conf", configuration)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.directory.join("apt.conf"));
        command
    }

    /// The newest kernel between two versions, unpacked; and whether all newer builds were no kernels, and not just absent.
    pub fn newest(&self, (first, last): ((u32, u32), (u32, u32))) -> (Option<Kernel>, bool) {
        let is_between = |version: &Version| (first..=last).contains(&(version.0, version.1));
        let releases = self.releases.iter().rev().filter(|(version, ..)| is_between(version));
        let mut is_newest = true;
        // Some are names for other packages, without a kernel. The others go on to an older build.
        let kernel = releases.take(5).find_map(|(_, release, version)| match self.unpack(release, version) {
            Ok(kernel) => kernel,
            Err(message) => {
                println!("kernel {release}: {}", message.trim());
                is_newest = false;
                None
            }
        });
        (kernel, is_newest)
    }

    /// `6.18.15+deb13` for the package that has this kernel, or depends on the one that has it.
    fn release<'n>(&self, package: &'n str) -> Option<&'n str> {
        let release = package.strip_prefix("linux-image-")?.strip_suffix(self.machine.flavour)?;
        release.starts_with(|first: char| first.is_ascii_digit()).then_some(release)
    }

    /// The files of these packages, in a directory of this name that can be the root of a compiler's. They are of the first
    /// of these suites that the mirror has completely: one that is being updated may not.
    pub fn files(&self, name: &str, suites: &[&str], packages: &[&str]) -> Result<PathBuf, String> {
        let directory = self.directory.join(name);
        if directory.exists() {
            return Ok(directory);
        }
        let mut messages = String::new();
        for suite in suites {
            let aside = self.make_aside()?;
            let names = packages.iter().map(|package| format!("{package}/{suite}"));
            match output(self.apt("apt-get").current_dir(&aside).args(["download", "-qq"]).args(names)) {
                Ok(_) => {
                    output(Command::new("sh").current_dir(&aside).args(["-ec", UNPACK_FILES]))?;
                    fs::rename(aside, &directory).map_err(|error| error.to_string())?;
                    return Ok(directory);
                }
                Err(message) => messages += &message,
            }
        }
        Err(messages)
    }

    fn make_aside(&self) -> Result<PathBuf, String> {
        let aside = self.directory.join("unpacking");
        let _ = fs::remove_dir_all(&aside);
        fs::create_dir_all(&aside).map_err(|error| error.to_string())?;
        Ok(aside)
    }

    fn unpack(&self, release: &str, version: &str) -> Result<Option<Kernel>, String> {
        let directory = self.directory.join(format!("{release}_{version}"));
        if !directory.exists() {
            let aside = self.make_aside()?;
            // Since Linux 6.19 the kernel and the modules are in packages of their own; the mirror can lack the modules.
            for kind in ["image", "binary", "modules"] {
                let package = format!("linux-{kind}-{release}{}", self.machine.flavour);
                if self.packages.contains(&package) {
                    output(self.apt("apt-get").current_dir(&aside).args([
                        "download",
                        "-qq",
                        &format!("{package}={version}"),
                    ]))?;
                }
            }
            output(Command::new("sh").current_dir(&aside).args(["-ec", UNPACK, &MODULES.join(" ")]))?;
            fs::rename(aside, &directory).map_err(|error| error.to_string())?;
        }
        let image = directory.join("vmlinuz");
        if !image.exists() {
            return Ok(None);
        }
        let modules = MODULES.iter().map(|name| directory.join(format!("{name}.ko")));
        Ok(Some(Kernel {
            version: version.split('-').next().unwrap_or(version).to_string(),
            image,
            modules: modules.filter(|path| path.exists()).collect(),
            parameters: "",
            policies: Vec::new(),
        }))
    }
}

/// Keeps the kernel and the modules that are named in $0.
const UNPACK: &str = "
    for package in *.deb; do
        dpkg-deb -x $package files
    done
    rm *.deb
    find files -type f -name 'vmlinu[xz]*' -exec mv {} vmlinuz ';'
    for module in $0; do
        find files -type f -name $module.ko -exec mv {} . ';'
        find files -type f -name $module.ko.xz -exec sh -c 'xz -dc $1 >$0' $module.ko {} ';'
    done
    rm -r files";

const UNPACK_FILES: &str = "
    mkdir -p usr/lib
    ln -s usr/lib lib
    for package in *.deb; do
        dpkg-deb --fsys-tarfile $package | tar -x --keep-directory-symlink
    done
    rm *.deb";

/// The mirrors of Debian that apt uses here: the archive, and that of security updates.
fn mirrors() -> Result<Vec<String>, String> {
    let targets =
        output(Command::new("apt-get").args(["indextargets", "--format", "$(SITE)", "Created-By: Packages"]))?;
    let find = |end: &str| targets.lines().map(|site| site.trim_end_matches('/')).find(|site| site.ends_with(end));
    let mirrors = [find("/debian"), find("/debian-security")];
    match mirrors[0] {
        Some(_) => Ok(mirrors.into_iter().flatten().map(String::from).collect()),
        None => Err("apt has no mirror of Debian (…/debian) in its sources".into()),
    }
}

fn parse(package_version: &str) -> Option<Version> {
    let upstream = package_version.split('-').next()?;
    let (upstream, candidate) = match upstream.split_once("~rc") {
        Some((upstream, candidate)) => (upstream, Some(candidate)),
        None => (upstream, None),
    };
    let mut numbers = upstream.split('.').map(|number| number.parse::<u32>().ok());
    let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0));
    Some(match candidate {
        Some(candidate) => (major, minor, -1, candidate.parse().ok()?),
        None => (major, minor, patch as i32, 0),
    })
}
