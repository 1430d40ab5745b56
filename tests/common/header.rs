//! What is declared in the header, with the comment of each.

use super::root;
use std::collections::BTreeSet;
use std::fs;

/// A constant, a struct or a function.
pub struct Item {
    /// The lines of its comment.
    pub comment: Vec<String>,
    /// The lines of the declaration.
    pub declaration: Vec<String>,
}

impl Item {
    pub fn is_function(&self) -> bool {
        self.declaration.last().is_some_and(|line| line.ends_with(");"))
    }

    pub fn is_constant(&self) -> bool {
        self.declaration[0].starts_with("#define ")
    }

    /// What stands before the parenthesis, or after `#define` or `struct`.
    pub fn name(&self) -> &str {
        let first = &self.declaration[0];
        let words = if self.is_function() { first.split_once('(').expect("a parenthesis").0 } else { first };
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut words = words.split(|c| !is_part(c)).filter(|word| !word.is_empty());
        if self.is_function() { words.next_back() } else { words.nth(1) }.expect("a name")
    }
}

pub fn header() -> String {
    fs::read_to_string(root().join("include/userns.h")).unwrap()
}

/// The items in their order; each has a comment that begins with a line `/**`.
pub fn items(header: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut lines = header.lines();
    while lines.by_ref().any(|line| line == "/**") {
        let comment = lines.by_ref().take_while(|line| *line != " */");
        let comment = comment.map(|line| line.strip_prefix(" * ").unwrap_or("").to_string()).collect();
        let mut declaration: Vec<String> = Vec::new();
        for line in lines.by_ref() {
            declaration.push(line.to_string());
            if line.starts_with("#define") || line.ends_with(';') && !line.starts_with(' ') || line.ends_with(");") {
                break;
            }
        }
        items.push(Item { comment, declaration });
    }
    items
}

/// The functions that the header declares.
pub fn functions() -> BTreeSet<String> {
    let items = items(&header());
    items.iter().filter(|item| item.is_function()).map(|item| item.name().to_string()).collect()
}
