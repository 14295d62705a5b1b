//! PostgreSQL's lines, under any of the usual prefixes, with the lines that belong to one error.

use super::draft::{Draft, Outcome};
use super::duration;
use super::scan::Scan;
use super::time;
use crate::record::{FieldValue, Level};

/// Severities as they stand before their colon; the last ones are lines of the record before.
const SEVERITIES: [(&str, Option<Level>); 19] = [
    ("LOG:", Some(Level::Info)),
    ("ERROR:", Some(Level::Error)),
    ("FATAL:", Some(Level::Fatal)),
    ("PANIC:", Some(Level::Fatal)),
    ("WARNING:", Some(Level::Warn)),
    ("NOTICE:", Some(Level::Info)),
    ("INFO:", Some(Level::Info)),
    ("DEBUG:", Some(Level::Debug)),
    ("DEBUG1:", Some(Level::Debug)),
    ("DEBUG2:", Some(Level::Debug)),
    ("DEBUG3:", Some(Level::Debug)),
    ("DEBUG4:", Some(Level::Debug)),
    ("DEBUG5:", Some(Level::Debug)),
    ("DETAIL:", None),
    ("HINT:", None),
    ("CONTEXT:", None),
    ("STATEMENT:", None),
    ("QUERY:", None),
    ("LOCATION:", None),
];

/// `time [pid] user=…,db=… LOG:  message` and its like.
pub(super) fn line(draft: &mut Draft<'_>) -> Option<()> {
    let stamp = draft.lead.or_else(|| draft.head.strip_prefix('[').and_then(|rest| time::leading(rest, draft.time_ns)));
    let (prefix, severity, message) = split(draft.head, stamp?.len)?;
    let (_, level) = SEVERITIES.iter().find(|(name, _)| *name == severity)?;
    draft.log_time(stamp);
    draft.level = Some(level.unwrap_or(Level::Info));
    fields(draft, prefix);
    let message = verbose(draft, message);
    draft.message = Some(message);
    if let Some((name, _)) = severity.split_once(':').filter(|_| level.is_none()) {
        continuation(draft, name, message);
    }
    if let Some(rest) = message.strip_prefix("duration: ").filter(|_| draft.rest.is_empty()) {
        took(draft, rest);
    }
    if draft.level >= Some(Level::Error) {
        let code = draft.fields.so_far().get("sqlstate").and_then(FieldValue::as_str).map(str::to_owned);
        draft.error(code.as_deref().unwrap_or_default(), message, "");
    }
    if !draft.rest.is_empty() {
        following(draft, message);
    }
    Some(())
}

/// Cuts off `42703: `, the code that `log_error_verbosity = verbose` puts before what is said.
fn verbose<'a>(draft: &mut Draft<'_>, message: &'a str) -> &'a str {
    let is_code = |code: &str| {
        code.len() == 5
            && code.starts_with(|c: char| c.is_ascii_digit() || matches!(c, 'F' | 'H' | 'P' | 'X'))
            && code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    };
    match message.split_once(": ").filter(|(code, _)| is_code(code)) {
        Some((code, rest)) => {
            // Success has one, too.
            draft.text_field("sqlstate", if code == "00000" { "" } else { code });
            rest.trim_start()
        }
        None => message,
    }
}

/// The lines behind the first: those with a severity of their own, and those that go on behind a
/// tab. The message has them all, without their headers.
fn following(draft: &mut Draft<'_>, message: &str) {
    let mut whole = message.to_owned();
    // Where the last one begins that has a name.
    let mut last: Option<(&str, usize)> = None;
    let take = |draft: &mut Draft<'_>, whole: &str, last: Option<(&str, usize)>| {
        if let Some((name, from)) = last {
            continuation(draft, name, whole.get(from..).unwrap_or_default().trim_end());
        }
    };
    for line in draft.rest.split('\n') {
        whole.push('\n');
        match split(line, 0) {
            Some((prefix, severity, text)) if prefix.starts_with(|c: char| c.is_ascii_digit() || c == '[') => {
                take(draft, &whole[..whole.len() - 1], last);
                whole.push_str(severity);
                whole.push_str("  ");
                last = Some((severity.trim_end_matches(':'), whole.len()));
                whole.push_str(text.trim_end());
            }
            _ => whole.push_str(line.trim_end()),
        }
    }
    take(draft, &whole, last);
    if message.starts_with("duration: ") {
        let end = whole.find("\nDETAIL:").unwrap_or(whole.len());
        took(draft, &whole["duration: ".len()..end]);
    }
    draft.text_field("message", whole.trim());
    draft.message = Some("");
    draft.rest = "";
}

/// Splits before and behind `SEVERITY:  `, which two spaces follow.
fn split(head: &str, from: usize) -> Option<(&str, &str, &str)> {
    let mut at = from;
    // A prefix is short; a message that quotes another comes later.
    let limit = head.len().min(from + 512);
    loop {
        let colon = at + memchr::memchr(b':', head.as_bytes().get(at..limit)?)?;
        let behind = &head[colon + 1..];
        let word = head[..colon].rfind([' ', ':', '[', ']']).map_or(0, |space| space + 1);
        let severity = &head[word..=colon];
        if (behind.starts_with("  ") || behind.is_empty()) && SEVERITIES.iter().any(|(name, _)| *name == severity) {
            return Some((head.get(from..word).unwrap_or_default(), severity, behind.trim_start()));
        }
        at = colon + 1;
    }
}

/// What stands between the time and the severity.
fn fields(draft: &mut Draft<'_>, prefix: &str) {
    // `:10.0.0.1(5432):user@db:[4913]:`
    if let Some(rest) = prefix.strip_prefix(':') {
        let mut parts = rest.split(':');
        if let Some((client, _)) = parts.next().and_then(|client| client.split_once('(')) {
            draft.text_field("client", client);
        }
        if let Some((user, db)) = parts.next().and_then(|who| who.split_once('@')) {
            draft.text_field("user", user);
            draft.text_field("db", db);
        }
        if let Some(pid) = parts.next().and_then(|pid| pid.trim_matches(['[', ']']).parse().ok()) {
            draft.integer("pid", pid);
        }
        return;
    }
    let mut has_pid = false;
    for part in prefix.split([' ', ',']).filter(|part| !part.is_empty()) {
        if let Some((name, value)) = part.split_once('=') {
            match name {
                "user" => draft.text_field("user", value),
                "db" | "database" => draft.text_field("db", value),
                "app" | "application_name" => draft.text_field("app", value),
                "client" | "host" => draft.text_field("client", value.split('(').next().unwrap_or_default()),
                "pid" => draft.number("pid", value),
                _ => {}
            }
            continue;
        }
        let inner = part.trim_matches(['[', ']', '(', ')', ':']);
        let pid = inner.split('-').next().and_then(|pid| pid.parse::<i64>().ok());
        if let Some(pid) = pid.filter(|_| !has_pid && (part.starts_with('[') || !part.contains('.'))) {
            draft.integer("pid", pid);
            has_pid = true;
        } else if let Some((user, db)) = part.split_once('@').filter(|_| !inner.contains('.')) {
            let (db, app) = db.split_once('/').unwrap_or((db, ""));
            draft.text_field("user", known(user));
            draft.text_field("db", known(db));
            draft.text_field("app", known(app));
        } else if inner.len() == 5
            && inner.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
            && inner.bytes().any(|b| b.is_ascii_digit())
        {
            draft.text_field("sqlstate", inner);
        }
    }
}

/// A name of the prefix; that of a connection which has not said who it is is none.
fn known(name: &str) -> &str {
    if name == "[unknown]" { "" } else { name.trim_matches(['[', ']', '(', ')', ':']) }
}

fn continuation(draft: &mut Draft<'_>, severity: &str, text: &str) {
    let name = match severity {
        "DETAIL" => "detail",
        "HINT" => "hint",
        "CONTEXT" => "context",
        "STATEMENT" => "statement",
        _ => return,
    };
    draft.text_field(name, text);
}

/// `0.211 ms  statement: SELECT …`, also `plan:`, `execute <name>:`, and without any.
fn took(draft: &mut Draft<'_>, rest: &str) {
    let Some((ms, len)) = duration::leading(rest) else { return };
    draft.operation("query", Outcome::Success, Some(ms));
    let mut scan = Scan::new(&rest[len..]);
    scan.spaces();
    if scan.until(": ").is_some() {
        draft.text_field("statement", scan.rest.trim());
    }
}
