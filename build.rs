//! Generates `include/userns.h` from the C documentation in `src/ffi`, and names the shared library.

use cbindgen::{Builder, Config, DocumentationStyle, Language, Style};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Whose items follow each other in the header, in this order.
const SOURCES: [&str; 5] = ["version.rs", "scan.rs", "snapshot.rs", "node.rs", "pin.rs"];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rerun-if-changed=include/userns.h");
    write_header(&root.join("include/userns.h"), &header(&root.join("src/ffi")));

    // Programs record this name, so that a later incompatible library cannot be loaded for them. The library stays in
    // memory after dlclose(3), because Rust's standard library can have left destructors for thread-local data.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libuserns.so.{}", env::var("CARGO_PKG_VERSION_MAJOR").unwrap());
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete,-z,relro,-z,now");
}

/// Leaves a current header alone, so that nothing is rebuilt for it and a read-only source tree does no harm.
fn write_header(path: &Path, header: &str) {
    if fs::read_to_string(path).is_ok_and(|current| current == header) {
        return;
    }
    // Made aside and moved into place, because another build can be reading it.
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
        ..Config::default()
    };
    let mut builder = Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(sources.join(source));
    }
    let mut header = Vec::new();
    builder.generate().expect("src/ffi has a C interface").write(&mut header);
    lift_headings(&String::from_utf8(header).unwrap().replace("\n\n\n", "\n\n"))
}

/// The comment that opens the header: the module's own.
fn contract(module: &Path) -> String {
    let source = fs::read_to_string(module).unwrap();
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let comment: String = lines.map(|line| format!(" *{line}\n")).collect();
    format!("/*\n{comment} */\n\n/* Generated from src/ffi by cbindgen. SPDX-License-Identifier: MIT OR Apache-2.0 */")
}

/// What cbindgen has no way to express.
fn macros() -> String {
    let part = |name: &str| -> u8 { env::var(format!("CARGO_PKG_VERSION_{name}")).unwrap().parse().unwrap() };
    let (major, minor, patch) = (part("MAJOR"), part("MINOR"), part("PATCH"));
    format!(
        "
/**
 * == Constants and types ==
 *
 * The version of this header as 0xMMmmpp: major, minor and patch number in eight bits each.
 * That of the library which is in use can be another; userns_version_number() tells it.
 */
#define USERNS_VERSION_NUMBER 0x{major:02x}{minor:02x}{patch:02x}

/**
 * What a struct userns_options begins as: it asks for a plain scan of /proc.
 */
#define USERNS_OPTIONS_INIT {{ sizeof(struct userns_options), NULL, 0 }}
"
    )
}

/// Gives constants the type of what they are combined with.
fn type_constant(line: &str) -> String {
    match line.strip_prefix("#define USERNS_").and_then(|rest| rest.split_once(' ')) {
        Some((name, value)) if name.starts_with("SCAN_") => format!("#define USERNS_{name} UINT64_C({value})"),
        Some((name, value)) if ["GAP_", "NODE_", "PIN_", "SOURCE_"].iter().any(|kind| name.starts_with(kind)) => {
            format!("#define USERNS_{name} {value}u")
        }
        _ => line.to_string(),
    }
}

/// Comments of the kind that the rest of the header has.
fn restyle_comment(line: &str) -> String {
    match line.split_once("// ") {
        Some((code, comment)) => format!("{} /* {comment} */", code.trim_end()),
        None => line.to_string(),
    }
}

/// Turns a first line `== Heading ==` of a comment into a comment of its own.
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
