//! docs/troubleshooting.md has each sentence that the library can give as a reason, in the section of its kind.

use crate::common::root;
use std::collections::BTreeSet;
use std::fs;

/// A reason in the source of the library or in the document.
#[derive(Debug)]
struct Sentence {
    kind: String,
    /// `None` if the source does not say it beside the text.
    is_proved: Option<bool>,
    text: String,
}

/// Words separated by single spaces.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The string literal at the beginning of a source text, in which `\` at the end of a line joins it with the next one.
fn literal(source: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = source.trim_start().strip_prefix('"')?.chars();
    loop {
        match characters.next()? {
            '"' => return Some(text),
            '\\' => match characters.next()? {
                '\n' => characters = characters.as_str().trim_start().chars(),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

/// "not built" for `NotBuilt`.
fn name_of(variant: &str) -> String {
    let variant = match variant {
        "AppArmor" => "Apparmor",
        "SeLinux" => "Selinux",
        other => other,
    };
    let separated: String =
        variant.chars().flat_map(|c| [' ', c].into_iter().skip(usize::from(!c.is_uppercase()))).collect();
    separated.trim_start().to_lowercase()
}

/// The reasons in the source: the texts after `format_args!(` that belong to a kind, with `{}` for what differs.
fn templates() -> Vec<Sentence> {
    let mut templates = Vec::new();
    for entry in fs::read_dir(root().join("src/probe")).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        for (at, _) in source.match_indices("format_args!(") {
            let (before, after) = (&source[..at], &source[at + "format_args!(".len()..]);
            let Some(text) = literal(after) else { continue };
            let variant = |text: &str| text.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_string();
            let direct = before.trim_end().strip_suffix(',').and_then(|before| before.rsplit_once("ReasonKind::"));
            let direct = direct.filter(|(_, kind)| *kind == variant(kind));
            let is_either = ["is_reached,", "is_only,"].iter().any(|end| before.trim_end().ends_with(end));
            let kind = match (direct, is_either) {
                (Some((_, kind)), _) => kind.to_string(),
                (None, true) => variant(before.rsplit_once("ReasonKind::").unwrap().1),
                (None, false) => continue, // another text
            };
            let is_proved = direct.map(|(before, _)| before.trim_end().ends_with("proved("));
            templates.push(Sentence { kind: name_of(&kind), is_proved, text: joined(&text) });
        }
    }
    assert!(templates.len() > 25, "{templates:#?}");
    templates
}

/// The quoted reasons of a section.
fn quoted(section: &str) -> Vec<Sentence> {
    let mut quoted = Vec::new();
    for paragraph in section.trim_start_matches('\n').split("\n\n").filter(|paragraph| paragraph.starts_with("    ")) {
        let paragraph = joined(paragraph);
        let label = ["Reason (", "Likely reason ("].into_iter().find(|label| paragraph.starts_with(label));
        let Some(label) = label else { continue };
        let (kind, text) = paragraph[label.len()..].split_once("): ").unwrap();
        let text = text.strip_suffix('.').unwrap_or_else(|| panic!("no full stop: {paragraph}"));
        quoted.push(Sentence { kind: kind.into(), is_proved: Some(label == "Reason ("), text: text.into() });
    }
    quoted
}

/// Whether a sentence is one of a template.
fn matches(template: &Sentence, sentence: &Sentence) -> bool {
    let is_same = |proved: bool| sentence.is_proved == Some(proved);
    if template.kind != sentence.kind || !template.is_proved.is_none_or(is_same) {
        return false;
    }
    // The parts between what differs, in this order.
    let mut parts = template.text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
    let Some(mut rest) = sentence.text.strip_prefix(parts.next().unwrap()) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (index, part) in parts.iter().enumerate() {
        let at = if index + 1 == parts.len() { rest.len().checked_sub(part.len()) } else { rest.find(part) };
        let Some(end) = at.filter(|&at| rest.is_char_boundary(at) && rest[at..].starts_with(part)) else {
            return false;
        };
        rest = &rest[end + part.len()..];
    }
    rest.is_empty()
}

#[test]
fn it_has_each_reason() {
    let document = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    let header = fs::read_to_string(root().join("include/userns.h")).unwrap();
    let kinds = header.lines().filter_map(|line| line.strip_prefix("    USERNS_REASON_")?.split_once(" = "));
    let kinds: BTreeSet<String> = kinds.map(|(name, _)| name.to_lowercase().replace('_', " ")).collect();
    assert!(kinds.len() >= 15, "{kinds:?}");
    let sections = document.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap());
    let sections: Vec<(&str, &str)> = sections.filter(|(title, _)| *title != "What permission costs").collect();
    assert_eq!(sections.iter().map(|(title, _)| title.to_string()).collect::<BTreeSet<_>>(), kinds);

    let templates = templates();
    let mut shown = Vec::new();
    for (title, section) in sections {
        let sentences = quoted(section);
        assert!(
            !sentences.is_empty() && sentences.iter().all(|sentence| sentence.kind == title),
            "{title}: {sentences:#?}"
        );
        for word in ["**Why.**", "**Remedy.**", "**Price.**"] {
            assert!(section.contains(word) || title == "unknown", "{title}: {word} is missing");
        }
        shown.extend(sentences);
    }
    let unknown: Vec<&Sentence> =
        shown.iter().filter(|sentence| !templates.iter().any(|template| matches(template, sentence))).collect();
    assert!(unknown.is_empty(), "the library does not say: {unknown:#?}");
    let missing: Vec<&Sentence> =
        templates.iter().filter(|template| !shown.iter().any(|sentence| matches(template, sentence))).collect();
    assert!(missing.is_empty(), "docs/troubleshooting.md does not have: {missing:#?}");
}
