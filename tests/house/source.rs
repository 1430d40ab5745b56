//! Reads the source code in `src`: the files, and the paths in each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A path from the root of the crate, such as `["sys", "file", "Fd"]`; a path out of the crate begins with its name, for
/// example `std`.
pub type Segments = Vec<String>;

/// A file, without comments, strings and unit tests.
pub struct File {
    pub first_line: String,
    pub tokens: Vec<String>,
    /// The paths into the crate.
    pub inner: Vec<Segments>,
    /// The paths to other crates.
    pub outer: Vec<Segments>,
    /// What `use` brings into scope: a name, and the path that it stands for.
    names: BTreeMap<String, Segments>,
}

/// The files by path below `src` without the extension, for example `observe/pins/mod`; without those of unit tests.
pub struct Source(pub BTreeMap<String, File>);

impl Source {
    pub fn read() -> Source {
        let texts = texts();
        let tests: BTreeSet<Segments> =
            texts.iter().flat_map(|(name, text)| test_modules(name, &tokens(text))).collect();
        let paths: BTreeSet<&str> = texts.keys().map(|name| name.strip_suffix("/mod").unwrap_or(name)).collect();
        let mut files = BTreeMap::new();
        for (name, text) in &texts {
            let is_test = |length| tests.contains(&module(name)[..length]);
            if !(1..=module(name).len()).any(is_test) {
                files.insert(name.clone(), File::parse(name, text, &paths));
            }
        }
        Source(files)
    }

    /// The file that a path into the crate leads to, through all `pub use`.
    pub fn target(&self, path: &[String]) -> &str {
        let mut path = path.to_vec();
        // Each round replaces one name that a file on the way has imported.
        for _ in 0..10 {
            let (file, length) = self.deepest(&path);
            match path.get(length).and_then(|name| self.0[file].names.get(name)) {
                Some(real) if *real != path[..=length] => path = [real, &path[length + 1..]].concat(),
                _ => return file,
            }
        }
        panic!("{path:?} leads in a circle");
    }

    /// The file with the longest part of a path, and the length of that.
    fn deepest(&self, path: &[String]) -> (&str, usize) {
        let found = (1..=path.len()).rev().find_map(|length| {
            let name = path[..length].join("/");
            let (file, _) = self.0.get_key_value(&name).or_else(|| self.0.get_key_value(&format!("{name}/mod")))?;
            Some((file.as_str(), length))
        });
        found.unwrap_or(("lib", 0))
    }

    /// Each file, and the files that it imports from.
    pub fn arrows(&self) -> BTreeSet<(&str, &str)> {
        let mut arrows = BTreeSet::new();
        for (name, file) in &self.0 {
            arrows.extend(file.inner.iter().map(|path| (name.as_str(), self.target(path))));
        }
        arrows.retain(|(from, to)| from != to);
        assert!(arrows.len() > 100, "imports are found");
        arrows
    }
}

impl File {
    /// `paths` are those of all modules.
    pub fn parse(name: &str, text: &str, paths: &BTreeSet<&str>) -> File {
        let tokens = without_tests(tokens(text));
        let module = module(name);
        let uses = uses(&tokens);
        let mut names: BTreeMap<String, Segments> = BTreeMap::new();
        // An import can need another one, and that a third.
        for _ in 0..5 {
            for (name, path) in &uses {
                names.insert(name.clone(), resolve(path, &module, &names, paths));
            }
        }
        let mut file = File {
            first_line: text.lines().next().unwrap_or_default().to_string(),
            inner: Vec::new(),
            outer: Vec::new(),
            tokens,
            names: BTreeMap::new(),
        };
        let others = paths_in(&without_uses(&file.tokens));
        let others = others.iter().map(|path| resolve(path, &module, &names, paths));
        for path in names.values().cloned().chain(others) {
            let is_inner = path[0] == "crate";
            let path = if is_inner { path[1..].to_vec() } else { path };
            if is_inner { &mut file.inner } else { &mut file.outer }.push(path);
        }
        let inner = names.into_iter().filter(|(_, path)| path[0] == "crate");
        file.names = inner.map(|(name, path)| (name, path[1..].to_vec())).collect();
        file
    }
}

/// The text of each file, also of unit tests.
pub fn texts() -> BTreeMap<String, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut texts = BTreeMap::new();
    let mut directories = vec![source.clone()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&source).unwrap().with_extension("");
                texts.insert(name.to_str().unwrap().to_string(), fs::read_to_string(&path).unwrap());
            }
        }
    }
    assert!(texts.len() > 40, "the source code is in src");
    texts
}

/// The path of the module that a file contains.
fn module(file: &str) -> Segments {
    let path = file.strip_suffix("/mod").unwrap_or(file);
    if path == "lib" { Vec::new() } else { path.split('/').map(String::from).collect() }
}

/// Words and punctuation. Comments and literals are left out.
pub fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = literal(rest) {
            length
        } else {
            let length = if word > 0 { word } else { first.len_utf8() };
            let length = if rest.starts_with("::") { 2 } else { length };
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_string());
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the string or character at the start of a text, if there is one.
fn literal(text: &str) -> Option<usize> {
    let body = text.trim_start_matches(['b', 'c', 'r']);
    let prefix = &text[..text.len() - body.len()];
    if prefix.ends_with('r') && (body.starts_with('"') || body.starts_with("#\"") || body.starts_with("##")) {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let end = format!("\"{}", &body[..hashes]);
        let length = body[hashes + 1..].find(&end).expect("the end of a raw string") + hashes + 1 + end.len();
        return Some(prefix.len() + length);
    }
    let quote = body.chars().next().filter(|quote| prefix.len() <= 1 && "\"'".contains(*quote))?;
    // A lifetime has no closing quote.
    let mut chars = body[1..].char_indices();
    if quote == '\'' && !body.starts_with("'\\") && chars.clone().nth(1).is_none_or(|(_, second)| second != '\'') {
        return (prefix.is_empty()).then_some(1);
    }
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            _ if c == quote => return Some(prefix.len() + 1 + at + 1),
            _ => (),
        }
    }
    panic!("a literal has no end");
}

const TEST: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];

/// The modules that a file declares for tests, in other files.
fn test_modules(file: &str, tokens: &[String]) -> Vec<Segments> {
    let declared = tokens.windows(TEST.len() + 2).filter(|window| window[..TEST.len()] == TEST);
    let names = declared.filter(|window| window[TEST.len() + 1] == ";").map(|window| window[TEST.len()].clone());
    names.map(|name| [module(file), vec![name]].concat()).collect()
}

/// Removes `#[cfg(test)] mod NAME { … }`.
fn without_tests(mut tokens: Vec<String>) -> Vec<String> {
    while let Some(start) = tokens.windows(TEST.len()).position(|window| window == TEST) {
        let mut depth = 0;
        let end = tokens[start..].iter().position(|token| {
            depth += i32::from(token == "{") - i32::from(token == "}");
            depth == 0 && (token == "}" || token == ";")
        });
        tokens.drain(start..=start + end.expect("the end of the tests"));
    }
    tokens
}

/// Whether an import starts here. `impl Trait + use<'a>` is none.
fn is_use(tokens: &[String], at: usize) -> bool {
    tokens[at] == "use" && tokens.get(at + 1).is_some_and(|next| next != "<")
}

/// The names that `use` declares, with their paths. `*` is the name of all names in a module.
fn uses(tokens: &[String]) -> Vec<(String, Segments)> {
    let mut uses = Vec::new();
    for start in (0..tokens.len()).filter(|&at| is_use(tokens, at)) {
        expand(&tokens[start + 1..], &[], &mut uses);
    }
    uses
}

fn without_uses(tokens: &[String]) -> Vec<String> {
    let mut in_use = false;
    let mut rest = tokens.to_vec();
    let mut at = 0;
    rest.retain(|token| {
        in_use = (in_use || is_use(tokens, at)) && token != ";";
        at += 1;
        !in_use
    });
    rest
}

/// Adds the paths of a tree such as `a::{b, c as d}`; returns the number of its tokens.
fn expand(tokens: &[String], prefix: &[String], uses: &mut Vec<(String, Segments)>) -> usize {
    let mut path = prefix.to_vec();
    let mut at = 0;
    loop {
        match tokens[at].as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens[at] != "}" {
                    at += expand(&tokens[at..], &path, uses);
                    at += usize::from(tokens[at] == ",");
                }
                return at + 1;
            }
            "as" => {
                uses.push((tokens[at + 1].clone(), path));
                return at + 2;
            }
            ";" | "," | "}" => {
                uses.push((path.last().expect("a path").clone(), path));
                return at;
            }
            "self" if !path.is_empty() => at += 1,
            segment => {
                path.push(segment.to_string());
                at += 1;
            }
        }
    }
}

/// All paths of two or more segments.
fn paths_in(tokens: &[String]) -> Vec<Segments> {
    let is_word = |token: &String| token.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut paths = Vec::new();
    for start in 1..tokens.len().saturating_sub(2) {
        if !is_word(&tokens[start]) || tokens[start - 1] == "::" || tokens[start + 1] != "::" {
            continue;
        }
        let mut path = vec![tokens[start].clone()];
        let rest = tokens[start + 1..].chunks_exact(2).take_while(|pair| pair[0] == "::" && is_word(&pair[1]));
        path.extend(rest.map(|pair| pair[1].clone()));
        paths.push(path);
    }
    paths
}

/// The path from the root of the crate, which begins with `crate`; or from the root of another one.
fn resolve(
    path: &[String],
    module: &[String],
    names: &BTreeMap<String, Segments>,
    modules: &BTreeSet<&str>,
) -> Segments {
    let inner = |module: &[String], rest: &[String]| [&["crate".to_string()], module, rest].concat();
    let is_child = modules.contains([module, &path[..1]].concat().join("/").as_str());
    match path[0].as_str() {
        "crate" | "userns" => inner(&[], &path[1..]),
        "self" => inner(module, &path[1..]),
        "super" => {
            let above = path.iter().take_while(|segment| *segment == "super").count();
            inner(&module[..module.len().saturating_sub(above)], &path[above..])
        }
        _ if is_child => inner(module, path),
        first => match names.get(first) {
            Some(real) if real[..] != *path => [real, &path[1..]].concat(),
            _ => path.to_vec(),
        },
    }
}
