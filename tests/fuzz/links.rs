//! Links of procfs to namespaces and sockets.

use super::draw::Draw;
use crate::facts::{NamespaceType, parse_link, parse_socket_link};

pub fn check(text: &[u8]) {
    let name = |namespace_type: NamespaceType| namespace_type.name().to_str().unwrap();
    if let Some((namespace_type, inode)) = parse_link(text) {
        check_text(text, &format!("{}:[{inode}]", name(namespace_type)));
    }
    if let Some(inode) = parse_socket_link(text) {
        check_text(text, &format!("socket:[{inode}]"));
    }
    let mut draw = Draw(text);
    let (namespace_type, inode) = (draw.one_of(&NamespaceType::ALL), draw.number());
    assert_eq!(parse_link(format!("{}:[{inode}]", name(namespace_type)).as_bytes()), Some((namespace_type, inode)));
    assert_eq!(parse_socket_link(format!("socket:[{inode}]").as_bytes()), Some(inode));
}

/// What was parsed is the text, but for zeros before the number.
fn check_text(text: &[u8], expected: &str) {
    let text = std::str::from_utf8(text).unwrap();
    let (name, number) = text.split_once('[').unwrap();
    let zeros = number.len() - number.trim_start_matches('0').len();
    let digits = number.trim_end_matches(']').len();
    assert_eq!(format!("{name}[{}", &number[zeros.min(digits - 1)..]), expected);
}
