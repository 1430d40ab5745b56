//! The pages of section 3, one for each function, generated from the comments of the header.
//!
//! A comment becomes a page as it stands. Its first sentence is the summary. Paragraphs are text, code (indented by four
//! spaces), parameters (`name: what it is`) or errors (`    -EINVAL  why`). A paragraph that begins with "Returns" or
//! "Since" moves to its own section of the page.

use crate::common::header::{Item, items};
use crate::mdoc::Page;
use std::collections::{BTreeMap, BTreeSet};

/// The pages of all functions in a header, by file name. A function that `examples` names gets that program as an
/// example.
pub fn pages(header: &str, date: &str, examples: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let items = declarations(header);
    let functions: Vec<Function> = items.iter().filter(|item| item.is_function()).map(Function::new).collect();
    let drafts: Vec<Page> = functions
        .iter()
        .map(|function| {
            let related = items.iter().filter(|item| !item.is_function());
            let related = related.filter(|item| described_with(item, &functions).as_deref() == Some(function.name));
            function.page(date, &related.collect::<Vec<_>>(), examples.get(function.name))
        })
        .collect();

    let constants: Vec<(&str, String)> = items
        .iter()
        .filter_map(|item| Some((item, described_with(item, &functions)?)))
        .flat_map(|(item, function)| names_in(item).into_iter().map(move |name| (name, function.clone())))
        .collect();
    let references = |page: &Page| {
        let mentioned = constants.iter().filter(|(name, _)| page.mentions(name)).map(|(_, function)| function.clone());
        page.functions().into_iter().chain(mentioned).collect::<BTreeSet<String>>()
    };
    let references: Vec<(&str, BTreeSet<String>)> =
        functions.iter().zip(&drafts).map(|(function, page)| (function.name, references(page))).collect();
    let finish = |(function, mut page): (&Function, Page)| {
        // Those that this page refers to, and those that refer to it.
        let to = references.iter().filter(|(name, _)| *name == function.name).flat_map(|(_, to)| to);
        let from = references.iter().filter(|(_, to)| to.contains(function.name)).map(|(name, _)| *name);
        page.see_also(to.map(String::as_str).chain(from));
        page.line(&format!(".Sh HISTORY\n.Fn {}\nfirst appeared in libuserns {}", function.name, function.since));
        (format!("{}.3", function.name), page.finish())
    };
    functions.iter().zip(drafts).map(finish).collect()
}

/// The constants that an item defines.
fn names_in(item: &Item) -> Vec<&str> {
    if item.is_enum() { item.enumerators().collect() } else { vec![item.name()] }
}

/// The items of a header, without the macros that are no part of the documentation.
pub fn declarations(header: &str) -> Vec<Item> {
    let mut items = items(header);
    items.retain(|item| !item.declaration[0].starts_with("#if"));
    items
}

/// The function on whose page a constant, struct or enum is described. A struct without fields is on none.
fn described_with(item: &Item, functions: &[Function]) -> Option<String> {
    let comment = item.comment[0].as_str();
    let returns = |function: &&Function| function.result == format!("enum {}", item.name());
    match item.name() {
        "userns_options" | "USERNS_OPTIONS_INIT" => Some("userns_scan".to_string()),
        "userns_info" | "USERNS_INFO_INIT" => Some("userns_describe".to_string()),
        "userns_probe_options" | "USERNS_PROBE_OPTIONS_INIT" => Some("userns_probe".to_string()),
        "userns_charge" => Some("userns_charges".to_string()),
        "USERNS_VERSION_NUMBER" => Some("userns_version_number".to_string()),
        name if item.is_enum() => {
            // One that no function returns is written through a parameter of a function that its comment names.
            let written = || functions.iter().find(|function| comment.contains(&format!("see {}()", function.name)));
            let function = functions.iter().find(returns).or_else(written);
            Some(function.unwrap_or_else(|| panic!("{name}: no function returns this enum")).name.to_string())
        }
        _ if comment.starts_with("options->flags:") => Some("userns_scan".to_string()),
        name if item.is_constant() => match comment.split_once("()") {
            Some((function, _)) => Some(function.to_string()),
            None => panic!("{name}: the comment does not begin with the function that uses this constant"),
        },
        _ => None,
    }
}

/// A paragraph of a comment.
enum Block {
    Text(String),
    Code(Vec<String>),
    /// Parameters or errors, with the text of each.
    List(Vec<(String, String)>),
}

impl Block {
    fn is_text_with(&self, start: &str) -> bool {
        matches!(self, Block::Text(text) if text.starts_with(start))
    }

    fn is_code(&self) -> bool {
        matches!(self, Block::Code(_))
    }

    fn is_errors(&self) -> bool {
        matches!(self, Block::List(list) if list[0].0.starts_with('-'))
    }
}

/// Splits a comment at its empty lines.
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

/// A function of the header, its declaration and comment taken apart.
struct Function<'a> {
    name: &'a str,
    result: String,
    parameters: Vec<String>,
    since: String,
    summary: String,
    description: Vec<Block>,
    returns: Vec<Block>,
    examples: Vec<Block>,
    errors: Vec<Block>,
}

impl<'a> Function<'a> {
    fn new(item: &'a Item) -> Function<'a> {
        let name = item.name();
        let declaration = item.declaration.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let (result, parameters) = declaration.split_once(&format!("{name}(")).unwrap();
        let parameters: Vec<String> = parameters.trim_end_matches(");").split(", ").map(String::from).collect();
        let names: Vec<&str> = parameters.iter().map(|parameter| variable(parameter)).collect();

        let (since, rest): (Vec<_>, Vec<_>) =
            blocks(&item.comment, &names).into_iter().partition(|block| block.is_text_with("Since "));
        let [Block::Text(since)] = &since[..] else { panic!("{name}: the comment has no line \"Since VERSION.\"") };
        let (returns, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|block| block.is_text_with("Returns "));
        let (errors, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(Block::is_errors);
        let (examples, description): (Vec<_>, Vec<_>) = rest.into_iter().partition(Block::is_code);
        let Some(Block::Text(first)) = description.first() else { panic!("{name}: the comment has no summary") };
        Function {
            name,
            result: result.trim().to_string(),
            since: since["Since ".len()..].to_string(),
            summary: summary(first),
            parameters,
            description,
            returns,
            examples,
            errors,
        }
    }

    /// The page up to its examples and errors, with the constants and types that belong to it.
    fn page(&self, date: &str, related: &[&Item], example: Option<&String>) -> Page<'a> {
        let mut page = Page::new(self.name);
        page.line(".\\\" Generated from include/userns.h by tests/manual. SPDX-License-Identifier: MIT OR Apache-2.0");
        let title = self.name.to_uppercase();
        page.line(&format!(".Dd {date}\n.Dt {title} 3\n.Os \"libuserns {}\"", env!("CARGO_PKG_VERSION")));
        page.line(&format!(".Sh NAME\n.Nm {}\n.Nd {}", self.name, self.summary));
        page.line(".Sh LIBRARY\nlibuserns, \\-luserns");
        page.line(&format!(".Sh SYNOPSIS\n.In userns.h\n.Ft {}\n.Fo {}", self.result, self.name));
        self.parameters.iter().for_each(|parameter| page.line(&format!(".Fa \"{parameter}\"")));
        page.line(".Fc\n.Sh DESCRIPTION");
        write_blocks(&mut page, &self.description);

        let is_about = |item: &&Item, what: &str| item.comment[0].starts_with(&format!("{}(){what}", self.name));
        let is_returned = |item: &&Item| item.is_enum() || (is_about(item, "") && !is_about(item, ", options->"));
        let (returned, passed): (Vec<&Item>, Vec<&Item>) = related.iter().copied().partition(is_returned);
        write_passed(&mut page, &passed);
        if !self.returns.is_empty() {
            page.line(".Sh RETURN VALUES");
            write_blocks(&mut page, &self.returns);
            let (enums, constants): (Vec<&Item>, Vec<&Item>) =
                returned.iter().copied().partition(|item| item.is_enum());
            write_constants(&mut page, &constants);
            enums.iter().for_each(|item| write_enum(&mut page, item));
        }
        if example.is_some() || !self.examples.is_empty() {
            page.line(".Sh EXAMPLES");
            write_blocks(&mut page, &self.examples);
            example.iter().for_each(|program| page.code(program.lines()));
        }
        if !self.errors.is_empty() {
            page.line(".Sh ERRORS");
            write_blocks(&mut page, &self.errors);
        }
        page
    }
}

/// The name in a declaration of a parameter or field.
fn variable(declaration: &str) -> &str {
    declaration.trim_end_matches(';').rsplit([' ', '*']).next().unwrap()
}

/// The first sentence of a comment as a phrase: without its capital, remarks in parentheses and full stop. What follows
/// a colon, and in a long sentence a subordinate clause after a comma, is left to the description.
fn summary(text: &str) -> String {
    let sentence = text.split(". ").next().unwrap().trim_end_matches('.');
    let sentence = sentence.split([':', ';']).next().unwrap();
    let mut phrase = String::new();
    let mut depth = 0;
    for (n, c) in sentence.char_indices() {
        match c {
            '(' if depth > 0 || sentence[..n].ends_with(' ') => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ if depth == 0 => phrase.push(c),
            _ => {}
        }
    }
    let phrase = phrase.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",");
    let clauses: Vec<&str> = phrase.split(", ").collect();
    let continues = |clause: &&&str| clause.starts_with("or ") || clause.starts_with("and ");
    let kept = if phrase.len() > 60 { 1 + clauses[1..].iter().take_while(continues).count() } else { clauses.len() };
    small(&clauses[..kept].join(", "))
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

/// A struct and the constants that a caller passes.
fn write_passed(page: &mut Page, passed: &[&Item]) {
    let (constants, structs): (Vec<&Item>, Vec<&Item>) = passed.iter().partition(|item| item.is_constant());
    for item in &structs {
        write_struct(page, item);
        page.line(".Ss Constants");
    }
    write_constants(page, &constants);
}

/// The fields of a struct, or the enumerators of an enum, with the comment of each.
fn members(item: &Item) -> Vec<(&str, String)> {
    let mut members = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in item.declaration.iter().map(|line| line.trim()) {
        match line.strip_prefix("* ") {
            Some(text) => comment.push(text),
            None if line.starts_with(['/', '*']) || comment.is_empty() => {}
            None => members.push((line, std::mem::take(&mut comment).join(" "))),
        }
    }
    members
}

fn write_struct(page: &mut Page, item: &Item) {
    let mut blocks = blocks(&item.comment, &[]);
    blocks.retain(|block| !block.is_text_with("Since "));
    page.line(&format!(".Ss struct {}", item.name()));
    write_blocks(page, &blocks);
    let is_comment = |line: &&str| line.trim_start().starts_with(['/', '*']);
    page.code(item.declaration.iter().map(String::as_str).filter(|line| !is_comment(line)));
    page.line(".Bl -tag -width Ds");
    for (declaration, text) in members(item) {
        page.entry("Fa", variable(declaration));
        page.prose(&text);
    }
    page.line(".El");
}

fn write_enum(page: &mut Page, item: &Item) {
    page.line(".Pp");
    write_blocks(page, &blocks(&item.comment, &[]));
    page.line(".Bl -tag -width Ds");
    for (declaration, text) in members(item) {
        page.entry("Dv", declaration.split(' ').next().unwrap());
        page.prose(&text);
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
            *text = without_user(text);
        }
        write_blocks(page, &blocks);
    }
    page.line(".El");
}

/// The comment of a constant without the function or field that uses it: "userns_gaps(), with USERNS_SCAN_PINNED: some …"
/// or "options->flags: also …".
fn without_user(text: &str) -> String {
    match text.split_once(": ") {
        Some((user, what)) if user.ends_with("()") || user.starts_with("options->") => capital(what),
        Some((user, what)) if user.contains("(), ") => {
            format!("{}: {what}", capital(user.split_once("(), ").unwrap().1))
        }
        _ => text.to_string(),
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
