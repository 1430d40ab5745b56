//! Writes manual pages in the language mdoc(7).

use std::collections::BTreeSet;

/// A page that is being written.
pub struct Page<'a> {
    name: &'a str,
    text: String,
    /// Section and name of each page that this one refers to.
    references: BTreeSet<(u8, String)>,
}

impl<'a> Page<'a> {
    /// An empty page of section 3, which refers to userns(7).
    pub fn new(name: &'a str) -> Page<'a> {
        Page { name, text: String::new(), references: BTreeSet::from([(7, "userns".to_string())]) }
    }

    pub fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub fn finish(self) -> String {
        self.text
    }

    /// Text with markup for names. Each sentence begins a new line, as mdoc(7) recommends.
    pub fn prose(&mut self, text: &str) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if let Some(marked) = self.marked(word) {
                self.take_line(&mut line);
                self.line(&marked);
                continue;
            }
            if line.len() + word.len() > 76 {
                self.take_line(&mut line);
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&escaped(word));
            if word.trim_end_matches([')', '"']).ends_with(['.', '?', '!']) {
                self.take_line(&mut line);
            }
        }
        self.take_line(&mut line);
    }

    fn take_line(&mut self, line: &mut String) {
        if !line.is_empty() {
            // A line that begins with a full stop or an apostrophe is a request, see roff(7).
            let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
            self.line(&format!("{guard}{line}"));
            line.clear();
        }
    }

    /// The macro line for a word that is a name, with the punctuation around it.
    fn marked(&mut self, word: &str) -> Option<String> {
        let body = word.trim_start_matches(['(', '"']);
        let opening = &word[..word.len() - body.len()];
        let (mark, after) = self.mark(body)?;
        let closing = after.trim_start_matches(['.', ',', ';', ':', ')', '?', '!']);
        let mut line = String::from(".");
        if !opening.is_empty() {
            line.push_str(&format!("No \\&{} Ns ", escaped(opening)));
        }
        line.push_str(&mark);
        for c in after[..after.len() - closing.len()].chars() {
            line.push_str(&format!(" {c}"));
        }
        if !closing.is_empty() {
            line.push_str(&format!(" Ns {}", escaped(closing)));
        }
        Some(line)
    }

    /// The macro for a name, and the rest of the word.
    fn mark<'w>(&mut self, word: &'w str) -> Option<(String, &'w str)> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, after) = word.split_at(word.find(|c| !is_part(c)).unwrap_or(word.len()));
        if let Some((section, after)) = after.strip_prefix('(').and_then(|after| after.split_once(')')) {
            match section {
                "" if name == self.name => return Some((format!("Fn {name}"), after)),
                "" if name.starts_with("userns_") => return Some((self.reference(name, 3), after)),
                _ if section.len() == 1 => return Some((self.reference(name, section.parse().ok()?), after)),
                _ => return None,
            }
        }
        let is_capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if name == "NULL" || name.contains('_') && name.chars().all(is_capital) {
            return Some((format!("Dv {name}"), after));
        }
        let (whole, after) = word.split_at(word.trim_end_matches(['.', ',', ';', ':', ')', '"']).len());
        let mark = match whole {
            _ if whole.starts_with("-E") => "Er",
            _ if whole.starts_with('/') && whole.len() > 1 => "Pa",
            _ if whole.starts_with('*') && whole.len() > 1 || whole.contains("->") || whole == "proc_path" => "Fa",
            _ => return None,
        };
        Some((format!("{mark} {}", escaped(whole)), after))
    }

    fn reference(&mut self, name: &str, section: u8) -> String {
        self.references.insert((section, name.to_string()));
        format!("Xr {name} {section}")
    }

    /// Preformatted lines.
    pub fn code<'l>(&mut self, lines: impl IntoIterator<Item = &'l str>) {
        self.line(".Bd -literal -offset indent");
        for line in lines {
            self.line(&escaped(line).replace('-', "\\-"));
        }
        self.line(".Ed");
    }

    /// Begins the list entry of an error, a parameter or a constant.
    pub fn entry(&mut self, mark: &str, term: &str) {
        let terms: Vec<String> = term.split(", ").map(escaped).collect();
        self.line(&format!(".It {mark} {}", terms.join(" , ")));
    }

    /// The functions that this page refers to.
    pub fn functions(&self) -> BTreeSet<String> {
        self.references.iter().filter(|(section, _)| *section == 3).map(|(_, name)| name.clone()).collect()
    }

    /// Whether a constant is mentioned, by its name or by its prefix ("USERNS_GAP_").
    pub fn mentions(&self, constant: &str) -> bool {
        self.text.split_whitespace().any(|word| match word.ends_with('_') {
            true => word.starts_with("USERNS_") && constant.starts_with(word),
            false => word == constant,
        })
    }

    /// The section SEE ALSO: the pages that the text refers to, and these pages of section 3.
    pub fn see_also<'n>(&mut self, from: impl IntoIterator<Item = &'n str>) {
        self.references.extend(from.into_iter().map(|name| (3, name.to_string())));
        self.references.remove(&(3, self.name.to_string()));
        let references: Vec<String> =
            self.references.iter().map(|(section, name)| format!(".Xr {name} {section}")).collect();
        self.line(&format!(".Sh SEE ALSO\n{}", references.join(" ,\n")));
    }
}

/// Text without characters that are special to roff(7).
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('"', "\\(dq");
    if text.starts_with('-') { text.replace('-', "\\-") } else { text }
}
