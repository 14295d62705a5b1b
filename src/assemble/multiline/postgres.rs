//! PostgreSQL's lines: whether one belongs to the line before, though it has a header of its own.

use super::bytes::{digits, find};

/// PostgreSQL says what else it knows in lines with the header of the line that they belong to.
pub(super) fn is_postgres_detail(text: &[u8], line: &[u8]) -> bool {
    const SEVERITIES: &[&[u8]] = &[b"ERROR", b"LOG", b"FATAL", b"PANIC", b"WARNING", b"NOTICE", b"INFO"];
    const DETAILS: &[&[u8]] = &[b"DETAIL", b"HINT", b"CONTEXT", b"STATEMENT", b"QUERY", b"LOCATION", b"BACKTRACE"];
    let Some(prefix) = postgres_prefix(line, DETAILS) else { return false };
    postgres_prefix(text, SEVERITIES).is_some_and(|first| same_process(first, prefix))
}

/// What stands before the keyword.
fn postgres_prefix<'a>(line: &'a [u8], keywords: &[&[u8]]) -> Option<&'a [u8]> {
    let end = find(line, b":  ")?;
    let prefix = keywords.iter().find_map(|keyword| line[..end].strip_suffix(*keyword))?;
    prefix.last().is_none_or(|byte| !byte.is_ascii_alphanumeric()).then_some(prefix)
}

/// The same pid in brackets; where there is none, the same words behind date and clock.
fn same_process(a: &[u8], b: &[u8]) -> bool {
    fn process(prefix: &[u8]) -> &[u8] {
        if let Some(at) = memchr::memchr(b'[', prefix) {
            let digits = digits(&prefix[at + 1..]);
            if digits > 0 {
                return &prefix[at + 1..at + 1 + digits];
            }
        }
        let mut spaces = memchr::memchr_iter(b' ', prefix);
        spaces.nth(1).map_or(prefix, |at| &prefix[at..])
    }
    process(a) == process(b)
}
