//! What a line's first words are: a level, a request, an exception's name.

use memchr::memchr;

use super::bytes::{find, near};
use super::time::is_clf_time;

/// `ValueError: bad`, `java.lang.X$YException`, `Error [ERR_CODE]: text`.
pub(super) fn is_exception(head: &[u8]) -> bool {
    let near = near(head);
    let name = near
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$' | b'\\' | b'/'))
        .count();
    // Ruby's and C++'s `Module::Error`.
    if near[name..].starts_with(b"::") && near.len() > name + 2 {
        return is_exception(&near[name + 2..]);
    }
    let (class, rest) = near.split_at(name);
    let is_ended = match rest {
        [] | [b':', ..] | [b' ', b'[' | b'(', ..] => true,
        rest => rest == b" {",
    };
    let ends: &[&[u8]] = &[
        b"Error",
        b"Exception",
        b"ExceptionGroup",
        b"Throwable",
        b"Interrupt",
        b"SystemExit",
        b"Failure",
        b"RemoteTraceback",
    ];
    is_ended && class.first() != Some(&b'/') && ends.iter().any(|end| class.ends_with(end))
}

/// How bad a level is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Good,
    Warning,
    Bad,
}

/// How bad the level of that name is.
fn level_name(word: &[u8]) -> Option<Severity> {
    let mut buffer = [0; 11];
    let lower = buffer.get_mut(..word.len())?;
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    match &*lower {
        b"warning" | b"warn" | b"wrn" | b"warni" => Some(Severity::Warning),
        // The first four letters are logrus's on a terminal, the first five Pyramid's.
        b"criti" | b"error" | b"err" | b"eror" | b"erro" | b"fatal" | b"ftl" | b"fata" | b"critical" | b"crit"
        | b"severe" | b"panic" | b"pani" | b"emerg" | b"alert" | b"fail" => Some(Severity::Bad),
        b"info" | b"inf" | b"information" | b"notice" | b"debug" | b"dbg" | b"dbug" | b"trace" | b"trc" | b"trce"
        | b"debu" | b"trac" | b"verbose" | b"log" | b"fine" | b"finer" | b"finest" | b"config" | b"success" => {
            Some(Severity::Good)
        }
        _ => None,
    }
}

/// Where the level ends that the line begins with, its `:` included.
pub(super) fn level(head: &[u8]) -> Option<usize> {
    let letters = head.iter().take(12).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = &head[..letters];
    if !(3..=11).contains(&letters) || level_name(word).is_none() {
        return None;
    }
    let rest = &head[letters..];
    let is_upper = word.iter().all(u8::is_ascii_uppercase);
    let is_lower = word.iter().all(u8::is_ascii_lowercase);
    let fits = match rest {
        // JavaScript's `Error: text` is an exception, and no level.
        [b':', ..] => word != b"Error",
        [b' ', second, ..] if !is_upper => is_lower && matches!(second, b' ' | b'-' | b'[' | b'|' | b':'),
        [b'[' | b'\t' | b'|' | b']', ..] => is_upper || is_lower,
        [] | [b' ' | b'/' | b'-' | b'(' | b',', ..] => is_upper,
        _ => false,
    };
    fits.then(|| letters + usize::from(rest.first() == Some(&b':')))
}

/// The level that the text which a record begins with names. Plain words count in capitals only, and
/// others beside brackets, `=` and `:`.
pub(super) fn severity(text: &[u8]) -> Option<Severity> {
    let text = near(text);
    if let [letter @ (b'E' | b'W' | b'F'), d, ..] = text
        && d.is_ascii_digit()
    {
        return Some(if *letter == b'W' { Severity::Warning } else { Severity::Bad });
    }
    let mut at = 0;
    while at < text.len() {
        let letters = text[at..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        if letters == 0 {
            at += 1;
            continue;
        }
        let (word, end) = (&text[at..at + letters], at + letters);
        let before = at.checked_sub(1).map_or(b'[', |at| text[at]);
        let after = text.get(end).copied().unwrap_or(b' ');
        let is_upper = word.iter().all(u8::is_ascii_uppercase);
        let is_marked = matches!(before, b'[' | b'=' | b'"' | b'(') || matches!(after, b']' | b':');
        let is_apart =
            !before.is_ascii_alphanumeric() && !after.is_ascii_alphanumeric() && before != b'/' && after != b'_';
        if letters >= 3
            && is_apart
            && (is_upper || is_marked)
            && let Some(severity) = level_name(word)
        {
            return Some(severity);
        }
        at = end;
    }
    None
}

/// Whether the text speaks of something that went wrong.
pub(super) fn is_troubled(text: &[u8]) -> bool {
    let text = near(text);
    let begins = |at: usize, part: &[u8]| text[at..].starts_with(part);
    text.windows(2).enumerate().any(|(at, pair)| match pair {
        b"rr" => begins(at, b"rror"),
        b"ER" => begins(at, b"ERROR"),
        b"xc" => begins(at, b"xception"),
        b"ai" => begins(at, b"ailed") || begins(at, b"ailure"),
        b"an" => begins(at, b"anic"),
        b"nh" => begins(at, b"nhandled"),
        b"nc" => begins(at, b"ncaught"),
        _ => false,
    })
}

const METHODS: &[&[u8]] =
    &[b"GET ", b"POST ", b"PUT ", b"DELETE ", b"PATCH ", b"HEAD ", b"OPTIONS ", b"CONNECT ", b"PROPFIND "];

/// Whether it begins with a method and a target.
pub(super) fn begins_request(head: &[u8]) -> bool {
    matches!(head.first(), Some(b'G' | b'P' | b'D' | b'H' | b'O' | b'C'))
        && METHODS.iter().any(|m| head.starts_with(m) && matches!(head.get(m.len()), Some(b'/' | b'h' | b'*')))
}

/// A finished request: `GET /x 200 …`.
pub(super) fn is_request(head: &[u8]) -> bool {
    begins_request(head) && {
        let mut words = head[..head.len().min(4096)].split(|byte| *byte == b' ').skip(2);
        let is_status = |word: Option<&[u8]>| word.is_some_and(|w| w.len() == 3 && w.iter().all(u8::is_ascii_digit));
        match words.next() {
            Some(word) if word.starts_with(b"HTTP/") => is_status(words.next()),
            word => is_status(word),
        }
    }
}

/// An access line of the common format, or whatever begins with a client's address and ` - `.
pub(super) fn is_access(head: &[u8]) -> bool {
    let near = near(head);
    let Some(space) = memchr(b' ', near) else { return false };
    let (client, rest) = near.split_at(space);
    let is_address =
        client.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'[' | b']' | b'%'))
            && client.iter().any(|byte| matches!(byte, b'.' | b':'));
    if is_address && rest.starts_with(b" - ") && (rest.get(3) == Some(&b'"') || begins_request(&rest[3..])) {
        return true;
    }
    let has_user = is_address || rest.starts_with(b" - ") || rest.get(1).is_some_and(u8::is_ascii_digit);
    has_user && find(rest, b"[").is_some_and(|at| rest[at - 1] == b' ' && is_clf_time(&rest[at + 1..]))
}

/// The signs that Next.js and its like begin a line with.
pub(super) fn is_symbol(head: &[u8]) -> bool {
    head[0] >= 0xc2
        && ["⨯", "✓", "✔", "✗", "✖", "✘", "○", "●", "▲", "⚠", "ℹ", "»", "◐", "⚡"]
            .iter()
            .any(|s| head.starts_with(s.as_bytes()))
}

/// Drawn: three bytes of punctuation before anything is said.
pub(super) fn is_art(head: &[u8]) -> bool {
    head.len() >= 3
        && head[..3]
            .iter()
            .all(|byte| !byte.is_ascii_alphanumeric() && byte.is_ascii() && !b"\"'`<>$%&;?!".contains(byte))
        || (head.starts_with(b"| ") || head.starts_with(b"- *"))
}
