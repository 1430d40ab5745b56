//! The manual: the pages of section 3 are made from the comments of the header, one for each function, and kept in
//! `man/man3`. Those that are not current are written anew, so that running this test brings them up to date.

mod common;

use common::header::{Item, header, items};
use common::{root, skip};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

/// The date of the pages in section 3: that of the last change to what they say.
const DATE: &str = "November 24, 2026";

/// The page on which a constant or struct is described, if it is one of section 3.
fn page_of(item: &Item) -> Option<&str> {
    let comment = item.comment[0].as_str();
    match item.name() {
        name if item.is_function() => Some(name),
        "userns_options" | "USERNS_OPTIONS_INIT" => Some("userns_scan"),
        "USERNS_VERSION_NUMBER" => Some("userns_version_number"),
        _ if comment.starts_with("options->flags:") => Some("userns_scan"),
        _ if item.is_constant() => Some(comment.split_once("()").expect("the function of a constant").0),
        _ => None,
    }
}

/// A paragraph of a comment.
enum Block {
    Text(String),
    /// Lines that stand as they are.
    Code(Vec<String>),
    /// Errors or parameters, and what there is to say of each.
    List(Vec<(String, String)>),
}

/// Takes a comment apart at its empty lines.
fn blocks(comment: &[String], parameters: &[&str]) -> Vec<Block> {
    let paragraphs = comment.split(|line| line.is_empty()).filter(|lines| !lines.is_empty());
    paragraphs.map(|lines| block(lines, parameters)).collect()
}

fn block(lines: &[String], parameters: &[&str]) -> Block {
    // "    -EINVAL  why", or "parameter: what".
    let entry = |line: &str| match line.strip_prefix("    -") {
        Some(error) => error.split_once("  ").map(|(term, text)| (format!("-{term}"), text.trim().to_string())),
        None => line
            .split_once(": ")
            .filter(|(term, _)| parameters.contains(term))
            .map(|(term, text)| (term.to_string(), text.to_string())),
    };
    if entry(&lines[0]).is_some() {
        let mut list: Vec<(String, String)> = Vec::new();
        for line in lines {
            match (entry(line), list.last_mut()) {
                (None, Some((_, text))) => *text = format!("{text} {}", line.trim()),
                (entry, _) => list.extend(entry),
            }
        }
        return Block::List(list);
    }
    match lines.iter().map(|line| line.strip_prefix("    ")).collect::<Option<Vec<_>>>() {
        Some(code) => Block::Code(code.into_iter().map(String::from).collect()),
        None => Block::Text(lines.join(" ")),
    }
}

/// A page in mdoc(7).
struct Page<'a> {
    name: &'a str,
    text: String,
    /// Section and name of each page that this one speaks of.
    references: BTreeSet<(&'a str, String)>,
}

impl<'a> Page<'a> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// Text with names marked as what they are. Each sentence begins on a line of its own, as mdoc(7) wants it.
    fn prose(&mut self, text: &str) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            match self.marked(word) {
                Some(marked) => {
                    self.flush(&mut line);
                    self.line(marked);
                }
                None => {
                    if line.len() + word.len() > 76 {
                        self.flush(&mut line);
                    }
                    let space = if line.is_empty() { "" } else { " " };
                    let guard = if line.is_empty() && word.starts_with(['.', '\'']) { "\\&" } else { "" };
                    line.push_str(&format!("{space}{guard}{}", escaped(word)));
                    if word.trim_end_matches([')', '"']).ends_with(['.', '?', '!']) {
                        self.flush(&mut line);
                    }
                }
            }
        }
        self.flush(&mut line);
    }

    fn flush(&mut self, line: &mut String) {
        if !line.is_empty() {
            self.line(&*line);
            line.clear();
        }
    }

    /// The macro for a word that is the name of something, with the punctuation around it.
    fn marked(&mut self, word: &str) -> Option<String> {
        let body = word.trim_start_matches(['(', '"']);
        let opening = &word[..word.len() - body.len()];
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = body.find(|c| !is_part(c)).unwrap_or(body.len());
        let (name, rest) = body.split_at(end);
        let section = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let (mark, after) = match section {
            Some(("", after)) if name == self.name => (format!("Fn {name}"), after),
            Some(("", after)) if name.starts_with("userns_") => (self.reference(name, "3"), after),
            Some((section, after)) if section.len() == 1 && section.as_bytes()[0].is_ascii_digit() => {
                (self.reference(name, section), after)
            }
            _ => self.marked_constant(body, name, rest)?,
        };
        let closing = after.trim_start_matches(['.', ',', ';', ':', ')', '?', '!']);
        let punctuation =
            after[..after.len() - closing.len()].chars().fold(String::new(), |all, c| format!("{all} {c}"));
        let opening = if opening.is_empty() { String::new() } else { format!("No {} Ns ", escaped(opening)) };
        let closing = if closing.is_empty() { String::new() } else { format!(" Ns {}", escaped(closing)) };
        Some(format!(".{opening}{mark}{punctuation}{closing}"))
    }

    fn marked_constant<'w>(&self, body: &'w str, name: &'w str, rest: &'w str) -> Option<(String, &'w str)> {
        let is_constant = |name: &str| {
            name == "NULL"
                || name.contains('_') && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        };
        let ends_at = |end: usize, mark: &str| Some((format!("{mark} {}", escaped(&body[..end])), &body[end..]));
        let length = |body: &str| body.trim_end_matches(['.', ',', ';', ':', ')', '"']).len();
        if is_constant(name) {
            Some((format!("Dv {name}"), rest))
        } else if body.starts_with("-E") {
            ends_at(length(body), "Er")
        } else if body.starts_with('/') && body.len() > 1 {
            ends_at(length(body), "Pa")
        } else if body.starts_with('*') && body.len() > 1 || body.contains("->") || name == "proc_path" {
            ends_at(length(body), "Fa")
        } else {
            None
        }
    }

    fn reference(&mut self, name: &str, section: &str) -> String {
        const SECTIONS: [&str; 8] = ["1", "2", "3", "4", "5", "6", "7", "8"];
        let section = SECTIONS.into_iter().find(|known| *known == section).expect("a section of the manual");
        self.references.insert((section, name.to_string()));
        format!("Xr {name} {section}")
    }

    fn blocks(&mut self, blocks: &[Block]) {
        for (n, block) in blocks.iter().enumerate() {
            match block {
                Block::Text(text) => {
                    if n > 0 {
                        self.line(".Pp");
                    }
                    self.prose(text);
                }
                Block::Code(lines) => self.code(lines),
                Block::List(list) => {
                    self.line(".Bl -tag -width Ds");
                    for (term, text) in list {
                        let mark = if term.starts_with('-') { "Er" } else { "Fa" };
                        self.line(format!(".It {mark} {}", escaped(&term.replace(", ", " , "))));
                        self.prose(text);
                    }
                    self.line(".El");
                }
            }
        }
    }

    fn code(&mut self, lines: &[String]) {
        self.line(".Bd -literal -offset indent");
        for line in lines {
            self.line(escaped(line));
        }
        self.line(".Ed");
    }

    /// Constants, and what there is to say of each.
    fn constants(&mut self, constants: &[&Item]) {
        if constants.is_empty() {
            return;
        }
        self.line(".Bl -tag -width Ds");
        for item in constants {
            self.line(format!(".It Dv {}", item.name()));
            let mut blocks = blocks(&item.comment, &[]);
            if let Some(Block::Text(text)) = blocks.first_mut() {
                *text = without_place(text);
            }
            self.blocks(&blocks);
        }
        self.line(".El");
    }

    /// A struct: its comment, its fields, and the comment of each.
    fn structure(&mut self, item: &Item) {
        let mut blocks = blocks(&item.comment, &[]);
        blocks.pop(); // since when it is there
        self.line(format!(".Ss struct {}", item.name()));
        self.blocks(&blocks);
        let code = item.declaration.iter().filter(|line| !line.trim_start().starts_with(['/', '*']));
        self.code(&code.cloned().collect::<Vec<_>>());
        self.line(".Bl -tag -width Ds");
        let mut comment = String::new();
        for line in item.declaration.iter().map(|line| line.trim()) {
            if let Some(text) = line.strip_prefix("* ") {
                comment = format!("{comment} {text}");
            } else if let Some((_, field)) =
                line.trim_end_matches(';').rsplit_once([' ', '*']).filter(|_| !comment.is_empty() && line != "*/")
            {
                self.line(format!(".It Fa {field}"));
                self.prose(&std::mem::take(&mut comment));
            }
        }
        self.line(".El");
    }

    fn returns(&mut self, block: &Block) {
        if let Block::Text(text) = block {
            self.prose(&format!("{}() {}", self.name, small(text)));
        }
    }

    fn see_also(&mut self) {
        self.line(".Sh SEE ALSO");
        self.references.remove(&("3", self.name.to_string()));
        let references: Vec<String> =
            self.references.iter().map(|(section, name)| format!(".Xr {name} {section}")).collect();
        self.line(references.join(" ,\n"));
    }
}

/// What follows the place where a constant is used: "userns_gaps(), with USERNS_SCAN_PINNED: some …" or
/// "options->flags: also …".
fn without_place(text: &str) -> String {
    match text.split_once(": ") {
        Some((place, what)) if place.ends_with("()") || place.starts_with("options->") => capital(what),
        Some((place, what)) if place.contains("(), ") => {
            format!("{}: {what}", capital(place.split_once("(), ").unwrap().1))
        }
        _ => text.to_string(),
    }
}

/// Text in which nothing is special to roff(7).
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e");
    if text.starts_with('-') { text.replace('-', "\\-") } else { text }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A sentence without its capital, unless its first word has more of these.
fn small(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !letters.as_str().starts_with(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_string(),
    }
}

/// What stands behind the name of a function in the first lines of its page.
fn summary(text: &str) -> String {
    let text = match text.strip_prefix("With ") {
        Some(condition) => condition.split_once(", ").expect("what is under this condition").1,
        None => text,
    };
    let end = text.find([':', ';']).into_iter().chain(text.find(". ")).min().unwrap_or(text.len() - 1);
    let end = if end > 60 { text[..end].find([',', '(']).unwrap_or(end) } else { end };
    small(text[..end].trim_end())
}

/// A function, and what its page is made of.
struct Source<'a> {
    function: &'a Item,
    /// Constants and structs that the page describes.
    others: Vec<&'a Item>,
    example: Vec<String>,
}

fn page(source: &Source) -> String {
    let name = source.function.name();
    let mut page = Page { name, text: String::new(), references: BTreeSet::from([("7", "userns".to_string())]) };
    let declaration = source.function.declaration.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let (result, rest) = declaration.split_once(name).unwrap();
    let parameters: Vec<&str> = rest.trim_start_matches('(').trim_end_matches(");").split(", ").collect();
    let names: Vec<&str> = parameters.iter().map(|parameter| parameter.rsplit([' ', '*']).next().unwrap()).collect();

    let mut blocks = blocks(&source.function.comment, &names);
    let since = blocks.pop().and_then(|block| match block {
        Block::Text(text) => text.strip_prefix("Since ").map(String::from),
        _ => None,
    });
    let is_return = |block: &Block| matches!(block, Block::Text(text) if text.starts_with("Returns "));
    let is_errors = |block: &Block| matches!(block, Block::List(list) if list[0].0.starts_with('-'));
    let (returns, blocks): (Vec<Block>, Vec<Block>) = blocks.into_iter().partition(is_return);
    let (errors, mut blocks): (Vec<Block>, Vec<Block>) = blocks.into_iter().partition(is_errors);
    let Some(Block::Text(first)) = blocks.first_mut() else { panic!("{name}: what does it do?") };
    let summary = summary(first);
    *first = with_subject(name, first);
    let (constants, options): (Vec<&Item>, Vec<&Item>) = source.others.iter().partition(|item| item.is_constant());
    let (returned, constants): (Vec<&Item>, Vec<&Item>) =
        constants.iter().partition(|item| item.comment[0].starts_with(&format!("{name}()")));

    page.line(".\\\" Made from include/userns.h by tests/manual.rs. SPDX-License-Identifier: MIT OR Apache-2.0");
    page.line(format!(".Dd {DATE}\n.Dt {} 3\n.Os \"libuserns {}\"", name.to_uppercase(), env!("CARGO_PKG_VERSION")));
    page.line(format!(".Sh NAME\n.Nm {name}\n.Nd {summary}\n.Sh LIBRARY\nlibuserns, \\-luserns"));
    page.line(format!(".Sh SYNOPSIS\n.In userns.h\n.Ft {}\n.Fo {name}", result.trim()));
    parameters.iter().for_each(|parameter| page.line(format!(".Fa \"{parameter}\"")));
    page.line(".Fc\n.Sh DESCRIPTION");
    page.blocks(&blocks);
    options.iter().for_each(|item| page.structure(item));
    page.constants(&constants);
    if !returns.is_empty() {
        page.line(".Sh RETURN VALUES");
        returns.iter().for_each(|block| page.returns(block));
        page.constants(&returned);
    }
    if !source.example.is_empty() {
        page.line(".Sh EXAMPLES");
        page.code(&source.example);
    }
    if !errors.is_empty() {
        page.line(".Sh ERRORS");
        page.blocks(&errors);
    }
    page.see_also();
    let since = since.expect("a comment ends with the version since which there is the function");
    page.line(format!(".Sh HISTORY\n.Fn {name}\nfirst appeared in libuserns {since}"));
    page.text
}

/// The first sentence of a comment, which has no subject, with the function as that.
fn with_subject(name: &str, sentence: &str) -> String {
    let is_verb = ["Observes", "Releases"].iter().any(|verb| sentence.starts_with(verb));
    let verb = if is_verb {
        ""
    } else if sentence.starts_with("With ") {
        " tells,"
    } else {
        " tells"
    };
    format!("{name}(){verb} {}", small(sentence))
}

/// The pages of section 3 by the name of their file.
fn pages() -> BTreeMap<String, String> {
    let header = header();
    let items = items(&header);
    let introduction = header.split("*/").next().unwrap();
    let example: Vec<String> =
        introduction.lines().filter_map(|line| line.strip_prefix(" *     ")).map(String::from).collect();
    let functions = items.iter().filter(|item| item.is_function());
    functions
        .map(|function| {
            let name = function.name();
            let is_here = |item: &&Item| !item.is_function() && page_of(item) == Some(name);
            let others = items.iter().filter(is_here).collect();
            let example = if name == "userns_scan" { example.clone() } else { Vec::new() };
            (format!("{name}.3"), page(&Source { function, others, example }))
        })
        .collect()
}

#[test]
fn section_3_is_current() {
    let directory = root().join("man/man3");
    let pages = pages();
    let mut stale = Vec::new();
    for (file, page) in &pages {
        if fs::read_to_string(directory.join(file)).is_ok_and(|current| current == *page) {
            continue;
        }
        stale.push(file);
        fs::write(directory.join(file), page).expect("a page that is not current can be written");
    }
    assert!(stale.is_empty(), "commit these pages, which were written anew: {stale:?}");
    let found = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = found.filter(|file| !pages.contains_key(file)).collect();
    assert!(left.is_empty(), "these are pages of no function: {left:?}");
}
