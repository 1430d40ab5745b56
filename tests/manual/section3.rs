//! The pages of section 3, made from the comments of the header.

use crate::common::header::{Item, header, items};
use crate::mdoc::Page;
use std::collections::BTreeMap;

/// The date of these pages: that of the last change to what they say.
const DATE: &str = "November 24, 2026";

/// The pages by the name of their file.
pub fn pages() -> BTreeMap<String, String> {
    let header = header();
    let items = items(&header);
    let introduction = header.split("*/").next().unwrap();
    let example: Vec<&str> = introduction.lines().filter_map(|line| line.strip_prefix(" *     ")).collect();
    let functions = items.iter().filter(|item| item.is_function());
    let page_of_function = |function: &Item| {
        let name = function.name();
        let others = items.iter().filter(|item| !item.is_function() && page_of(item) == Some(name)).collect();
        let example = if name == "userns_scan" { &example[..] } else { &[] };
        (format!("{name}.3"), page(function, others, example))
    };
    functions.map(page_of_function).collect()
}

/// The function on whose page a constant or struct is described; a struct without fields is on none.
fn page_of(item: &Item) -> Option<&str> {
    let comment = item.comment[0].as_str();
    match item.name() {
        "userns_options" | "USERNS_OPTIONS_INIT" => Some("userns_scan"),
        "USERNS_VERSION_NUMBER" => Some("userns_version_number"),
        _ if comment.starts_with("options->flags:") => Some("userns_scan"),
        _ if item.is_constant() => Some(comment.split_once("()").expect("a constant tells of its function").0),
        _ => None,
    }
}

/// A paragraph of a comment.
enum Block {
    Text(String),
    /// Lines that stand as they are.
    Code(Vec<String>),
    /// Parameters, or errors, which begin with a minus sign; and what there is to say of each.
    List(Vec<(String, String)>),
}

impl Block {
    fn is_text_with(&self, start: &str) -> bool {
        matches!(self, Block::Text(text) if text.starts_with(start))
    }

    fn is_errors(&self) -> bool {
        matches!(self, Block::List(list) if list[0].0.starts_with('-'))
    }
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
        None => {
            let (term, text) = line.split_once(": ")?;
            parameters.contains(&term).then(|| (term.to_string(), text.to_string()))
        }
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

/// The page of a function, with the constants and structs that belong to it.
fn page(function: &Item, others: Vec<&Item>, example: &[&str]) -> String {
    let name = function.name();
    let declaration = function.declaration.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let (result, parameters) = declaration.split_once(name).unwrap();
    let parameters: Vec<&str> = parameters.trim_start_matches('(').trim_end_matches(");").split(", ").collect();
    let names: Vec<&str> = parameters.iter().map(|parameter| parameter.rsplit([' ', '*']).next().unwrap()).collect();

    let (since, rest): (Vec<_>, Vec<_>) =
        blocks(&function.comment, &names).into_iter().partition(|block| block.is_text_with("Since "));
    let (returns, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|block| block.is_text_with("Returns "));
    let (errors, mut description): (Vec<_>, Vec<_>) = rest.into_iter().partition(Block::is_errors);
    let Some(Block::Text(first)) = description.first_mut() else { panic!("{name}: what does it do?") };
    let summary = summary(first);
    *first = with_subject(name, first);

    let mut page = Page::new(name);
    page.line(".\\\" Made from include/userns.h by tests/manual. SPDX-License-Identifier: MIT OR Apache-2.0");
    page.line(&format!(".Dd {DATE}\n.Dt {} 3\n.Os \"libuserns {}\"", name.to_uppercase(), env!("CARGO_PKG_VERSION")));
    page.line(&format!(".Sh NAME\n.Nm {name}\n.Nd {summary}\n.Sh LIBRARY\nlibuserns, \\-luserns"));
    page.line(&format!(".Sh SYNOPSIS\n.In userns.h\n.Ft {}\n.Fo {name}", result.trim()));
    parameters.iter().for_each(|parameter| page.line(&format!(".Fa \"{parameter}\"")));
    page.line(".Fc\n.Sh DESCRIPTION");
    write_blocks(&mut page, &description);
    let (returned, others): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|item| item.comment[0].starts_with(&format!("{name}()")));
    write_others(&mut page, &others);
    if !returns.is_empty() {
        page.line(".Sh RETURN VALUES");
        let returns = returns.into_iter().filter_map(|block| match block {
            Block::Text(text) => Some(Block::Text(format!("{name}() {}", small(&text)))),
            _ => None,
        });
        write_blocks(&mut page, &returns.collect::<Vec<_>>());
        write_constants(&mut page, &returned);
    }
    if !example.is_empty() {
        page.line(".Sh EXAMPLES");
        page.code(example.iter().copied());
    }
    if !errors.is_empty() {
        page.line(".Sh ERRORS");
        write_blocks(&mut page, &errors);
    }
    page.see_also();
    let [Block::Text(since)] = &since[..] else { panic!("{name}: since when?") };
    page.line(&format!(".Sh HISTORY\n.Fn {name}\nfirst appeared in libuserns {}", &since["Since ".len()..]));
    page.finish()
}

fn write_blocks(page: &mut Page, blocks: &[Block]) {
    for (n, block) in blocks.iter().enumerate() {
        match block {
            Block::Text(text) => {
                if n > 0 {
                    page.line(".Pp");
                }
                page.prose(text);
            }
            Block::Code(lines) => page.code(lines.iter().map(String::as_str)),
            Block::List(list) => {
                page.line(".Bl -tag -width Ds");
                for (term, text) in list {
                    page.entry(if block.is_errors() { "Er" } else { "Fa" }, term);
                    page.prose(text);
                }
                page.line(".El");
            }
        }
    }
}

/// A struct, if it is among them, and constants that a caller passes or compares with.
fn write_others(page: &mut Page, others: &[&Item]) {
    let (constants, structs): (Vec<&Item>, Vec<&Item>) = others.iter().partition(|item| item.is_constant());
    for item in &structs {
        write_struct(page, item);
        page.line(".Ss Constants");
    }
    write_constants(page, &constants);
}

fn write_struct(page: &mut Page, item: &Item) {
    let mut blocks = blocks(&item.comment, &[]);
    blocks.retain(|block| !block.is_text_with("Since "));
    page.line(&format!(".Ss struct {}", item.name()));
    write_blocks(page, &blocks);
    let is_comment = |line: &&str| line.trim_start().starts_with(['/', '*']);
    let lines = || item.declaration.iter().map(String::as_str);
    page.code(lines().filter(|line| !is_comment(line)));
    page.line(".Bl -tag -width Ds");
    let mut comment = String::new();
    for line in lines() {
        match line.trim().strip_prefix("* ") {
            Some(text) => comment = format!("{comment} {text}"),
            None if is_comment(&line) || comment.is_empty() => {}
            None => {
                page.entry("Fa", line.trim_end_matches(';').rsplit([' ', '*']).next().unwrap());
                page.prose(&std::mem::take(&mut comment));
            }
        }
    }
    page.line(".El");
}

fn write_constants(page: &mut Page, constants: &[&Item]) {
    if constants.is_empty() {
        return;
    }
    page.line(".Bl -tag -width Ds");
    for item in constants {
        page.entry("Dv", item.name());
        let mut blocks = blocks(&item.comment, &[]);
        if let Some(Block::Text(text)) = blocks.first_mut() {
            *text = without_place(text);
        }
        write_blocks(page, &blocks);
    }
    page.line(".El");
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

/// The verb that a sentence begins with which says what a function does. One that says what it tells has none.
fn verb(sentence: &str) -> Option<&'static str> {
    ["Observes", "Releases"].into_iter().find(|verb| sentence.starts_with(verb))
}

/// The first sentence of a comment, which has no subject, with the function as that.
fn with_subject(name: &str, sentence: &str) -> String {
    let tells = match verb(sentence) {
        Some(_) => "",
        None if sentence.starts_with("With ") => " tells,",
        None => " tells",
    };
    format!("{name}(){tells} {}", small(sentence))
}

/// What stands behind the name of a function in the first lines of its page.
fn summary(text: &str) -> String {
    let what = match text.strip_prefix("With ") {
        Some(condition) => condition.split_once(", ").expect("what is under this condition").1,
        None => text,
    };
    let end = what.find([':', ';']).into_iter().chain(what.find(". ")).min().unwrap_or(what.len() - 1);
    let end = if end > 60 { what[..end].find([',', '(']).unwrap_or(end) } else { end };
    let summary = small(what[..end].trim_end());
    match verb(text) {
        Some(verb) => summary.replacen(&small(verb), small(verb).trim_end_matches('s'), 1),
        None => summary,
    }
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
