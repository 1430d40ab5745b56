//! Parsers for `include/userns.h`, the declarations with their comments, and `include/libuserns.map`.

use super::root;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// A constant or macro, a struct, an enum or a function.
pub struct Item {
    /// The lines of the comment.
    pub comment: Vec<String>,
    /// The lines of the declaration, without `USERNS_NODISCARD`.
    pub declaration: Vec<String>,
}

impl Item {
    pub fn is_function(&self) -> bool {
        self.declaration.last().is_some_and(|line| line.ends_with(");"))
    }

    pub fn is_constant(&self) -> bool {
        self.declaration[0].starts_with("#define ")
    }

    pub fn is_enum(&self) -> bool {
        !self.is_function() && self.declaration[0].starts_with("enum ")
    }

    /// The word before the parenthesis, or after `#define`, `struct` or `enum`.
    pub fn name(&self) -> &str {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = |line| str::split(line, move |c| !is_part(c)).filter(|word: &&str| !word.is_empty());
        if self.is_function() {
            let (before, _) = self.declaration[0].split_once('(').expect("a parenthesis");
            return words(before).next_back().expect("a name");
        }
        let define = self.declaration.iter().find(|line| line.starts_with("#define "));
        words(define.unwrap_or(&self.declaration[0])).nth(1).expect("a name")
    }

    /// The constants of an enum.
    pub fn enumerators(&self) -> impl Iterator<Item = &str> {
        let lines = self.declaration.iter().filter(|_| self.is_enum());
        lines.filter_map(|line| line.trim().split_once(" = ")).map(|(name, _)| name)
    }
}

pub fn header() -> String {
    fs::read_to_string(root().join("include/userns.h")).unwrap()
}

/// Lists the items in their order. Each has a comment that begins with a line `/**`.
pub fn items(header: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut lines = header.lines();
    while lines.by_ref().any(|line| line == "/**") {
        let comment = lines.by_ref().take_while(|line| *line != " */");
        let comment = comment.map(|line| line.strip_prefix(" * ").unwrap_or("").to_string()).collect();
        let mut declaration: Vec<String> = Vec::new();
        for line in lines.by_ref().filter(|line| *line != "USERNS_NODISCARD") {
            declaration.push(line.to_string());
            if is_last(&declaration[0], line) {
                break;
            }
        }
        items.push(Item { comment, declaration });
    }
    items
}

/// Whether a declaration that begins with the line `first` ends with `line`.
fn is_last(first: &str, line: &str) -> bool {
    if first.starts_with('#') {
        line.starts_with("#define ")
    } else if first.ends_with('{') {
        line == "};"
    } else {
        line.ends_with(';')
    }
}

/// The functions that the header declares.
pub fn functions() -> BTreeSet<String> {
    let items = items(&header());
    items.iter().filter(|item| item.is_function()).map(|item| item.name().to_string()).collect()
}

/// The constants that the header defines, including those of enums. Macros that are no interface are left out.
pub fn constants() -> BTreeSet<String> {
    let items = items(&header());
    let defined = items.iter().filter(|item| item.is_constant()).map(Item::name);
    let enumerators = items.iter().flat_map(Item::enumerators);
    defined.chain(enumerators).map(String::from).collect()
}

/// The functions that the version map lists, with the version of each.
pub fn versions() -> BTreeMap<String, String> {
    let map = fs::read_to_string(root().join("include/libuserns.map")).unwrap();
    let (_comment, nodes) = map.split_once("*/").unwrap();
    let mut versions = BTreeMap::new();
    let mut version = "";
    for line in nodes.lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(" {") {
            version = name;
        } else if let Some(function) = line.strip_suffix(';').filter(|line| line.starts_with("userns_")) {
            versions.insert(function.to_string(), version.to_string());
        }
    }
    versions
}
