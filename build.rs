//! Generates `include/userns.h` from the C documentation in `src/ffi`, and sets the SONAME.

/// The number in the SONAME, libuserns.so.ABI. It changes only if the C ABI breaks, whatever the version of the crate.
/// The Makefile reads this line.
const ABI: u32 = 0;

fn main() {
    #[cfg(feature = "capi")]
    header::generate();
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libuserns.so.{ABI}");
    // dlclose(3) leaves the library mapped: Rust's standard library may have registered thread-local destructors.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete,-z,relro,-z,now");
}

/// The C header.
#[cfg(feature = "capi")]
mod header {
    use cbindgen::{Builder, Config, DocumentationStyle, ExportConfig, FunctionConfig, Language, Style};
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    /// The files with the C interface, in the order of the header.
    const SOURCES: [&str; 15] = [
        "version.rs",
        "scan.rs",
        "snapshot.rs",
        "gap.rs",
        "node.rs",
        "maps.rs",
        "process.rs",
        "capability.rs",
        "limits.rs",
        "nonuser.rs",
        "pin.rs",
        "changes.rs",
        "open.rs",
        "saved.rs",
        "probe.rs",
    ];

    pub fn generate() {
        let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
        println!("cargo:rerun-if-changed=src/ffi");
        println!("cargo:rerun-if-changed=include/userns.h");
        write(&root.join("include/userns.h"), &header(&root.join("src/ffi")));
    }

    /// Does not touch a current header: nothing is rebuilt, and the source tree may be read-only.
    fn write(path: &Path, header: &str) {
        if fs::read_to_string(path).is_ok_and(|current| current == header) {
            return;
        }
        // Renamed into place, since another build can be reading it.
        let aside = path.with_extension(format!("h.{}", std::process::id()));
        if let Err(error) = fs::write(&aside, header).and_then(|()| fs::rename(&aside, path)) {
            println!("cargo:warning={} is not current and cannot be written: {error}", path.display());
        }
    }

    fn header(sources: &Path) -> String {
        let config = Config {
            language: Language::C,
            style: Style::Tag,
            cpp_compat: true,
            documentation_style: DocumentationStyle::Doxy,
            usize_is_size_t: true,
            line_length: 92,
            tab_width: 4,
            no_includes: true,
            sys_includes: ["stdbool.h", "stddef.h", "stdint.h", "sys/types.h"].map(String::from).to_vec(),
            include_guard: Some("USERNS_H".to_string()),
            header: Some(contract(&sources.join("mod.rs"))),
            after_includes: Some(macros()),
            // No function has a parameter or result of this type.
            export: ExportConfig { include: vec!["userns_why".to_string()], ..ExportConfig::default() },
            function: FunctionConfig { must_use: Some("USERNS_NODISCARD".to_string()), ..FunctionConfig::default() },
            ..Config::default()
        };
        let mut builder = Builder::new().with_config(config);
        for source in SOURCES {
            builder = builder.with_src(sources.join(source));
        }
        let mut header = Vec::new();
        builder.generate().expect("src/ffi has a C interface").write(&mut header);
        lift_headings(&permit_names(&String::from_utf8(header).unwrap()).replace("\n\n\n", "\n\n"))
    }

    /// Lets functions have the name of a struct, of which g++ -Wshadow warns: `userns_changes`, `userns_probe`.
    fn permit_names(header: &str) -> String {
        let before =
            "#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored \"-Wshadow\" // a struct and a function";
        let (opening, closing) = ("extern \"C\" {\n", "}  // extern \"C\"\n");
        assert!(header.contains(opening) && header.contains(closing), "cbindgen prints it in another way");
        header.replacen(opening, &format!("{before}\n{opening}"), 1).replacen(
            closing,
            &format!("{closing}#pragma GCC diagnostic pop\n"),
            1,
        )
    }

    /// The comment at the top of the header: that of the module.
    fn contract(module: &Path) -> String {
        let source = fs::read_to_string(module).unwrap();
        let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
        let comment: String = lines.map(|line| format!(" *{line}\n")).collect();
        format!(
            "/*\n{comment} */\n\n/* Generated from src/ffi by cbindgen. SPDX-License-Identifier: MIT OR Apache-2.0 */"
        )
    }

    /// The macros, which cbindgen cannot express.
    fn macros() -> String {
        let part = |name: &str| -> u8 { env::var(format!("CARGO_PKG_VERSION_{name}")).unwrap().parse().unwrap() };
        let (major, minor, patch) = (part("MAJOR"), part("MINOR"), part("PATCH"));
        format!(
            "
/**
 * == Constants and types ==
 *
 * The version of this header as 0xMMmmpp: major, minor and patch number, eight bits each. The
 * library in use can have another version, see userns_version_number().
 */
#define USERNS_VERSION_NUMBER 0x{major:02x}{minor:02x}{patch:02x}

/**
 * The initial value of a struct userns_options: a plain scan of /proc.
 */
#define USERNS_OPTIONS_INIT {{ sizeof(struct userns_options), NULL, 0, 0 }}

/**
 * The initial value of a struct userns_info.
 */
#define USERNS_INFO_INIT {{ sizeof(struct userns_info), 0, 0, 0, 0, 0, 0, 0, 0 }}

/**
 * The initial value of a struct userns_probe_options: all steps, tried by one call.
 */
#define USERNS_PROBE_OPTIONS_INIT {{ sizeof(struct userns_probe_options), 0, UINT64_C(0x3f) }}

/**
 * Makes the compiler warn if the result of a function is ignored.
 */
#if defined(__GNUC__)
#define USERNS_NODISCARD __attribute__((warn_unused_result))
#else
#define USERNS_NODISCARD
#endif
"
        )
    }

    /// Prints the constants, all of which are bits, in hexadecimal and with the type of the set that they belong to.
    fn type_constant(line: &str) -> String {
        let constant = line.strip_prefix("#define USERNS_").and_then(|rest| rest.split_once(' '));
        let Some((name, value)) = constant.and_then(|(name, value)| Some((name, value.parse::<u64>().ok()?))) else {
            return line.to_string();
        };
        match name.starts_with("SCAN_") || name.starts_with("STEP_") {
            true => format!("#define USERNS_{name} UINT64_C({value:#x})"),
            false => format!("#define USERNS_{name} {value:#x}u"),
        }
    }

    /// Converts comments at the end of a line.
    fn restyle_comment(line: &str) -> String {
        match line.split_once("// ") {
            Some((code, comment)) => format!("{} /* {comment} */", code.trim_end()),
            None => line.to_string(),
        }
    }

    /// Moves a first line `== Heading ==` out of a comment.
    fn lift_headings(header: &str) -> String {
        let mut lifted = String::new();
        let mut lines = header.lines().peekable();
        while let Some(line) = lines.next() {
            let heading = lines.peek().and_then(|next| next.strip_prefix(" * == ")?.strip_suffix(" =="));
            if let Some(heading) = heading {
                let rule = "-".repeat(85 - heading.len());
                lifted.push_str(&format!("/* {heading} {rule} */\n\n"));
                lines.next();
                lines.next();
            }
            lifted.push_str(&restyle_comment(&type_constant(line)));
            lifted.push('\n');
        }
        lifted
    }
}
