//! Rust's tracing as text (full, compact and pretty) and env_logger.

use super::draft::Draft;
use super::level;
use super::logfmt;
use super::scan::Scan;
use super::time;

/// `2026-11-21T01:48:21.155137Z  INFO request{method="GET"}: rs: finished status=200`
pub(super) fn tracing(draft: &mut Draft<'_>) -> Option<()> {
    let head = draft.head.trim_start();
    let is_pretty = head.len() < draft.head.len();
    let lead = time::leading(head, draft.time_ns)?;
    // It writes RFC 3339 in UTC.
    if head.as_bytes().get(10) != Some(&b'T') || !head[..lead.len].ends_with('Z') {
        return None;
    }
    let mut scan = Scan::new(&head[lead.len..]);
    scan.some_spaces()?;
    let word = scan.word()?;
    let level = match word {
        "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR" => level::of_name(word)?,
        _ => return None,
    };
    // Levels are padded to five, and nobody else does it so.
    let padding = head[lead.len..].len() - head[lead.len..].trim_start().len();
    if padding != 6 - word.len() {
        return None;
    }
    scan.literal(" ")?;
    // Spring Boot pads levels alike, and goes on with a process.
    let mut ahead = scan;
    if ahead.number().is_some() && ahead.spaces().literal("---").is_some() {
        return None;
    }
    let mut thread = "";
    if scan.rest.starts_with("ThreadId(") {
        thread = scan.word()?;
        scan.spaces();
    }
    let (mut spans, mut target, body) = places(scan.rest).unwrap_or_default();
    let mut caller = "";
    // `src/x.rs:12:` stands behind the target.
    if let Some((_, line)) = target.rsplit_once(':').filter(|(file, _)| file.as_bytes().ends_with(b".rs"))
        && line.bytes().all(|byte| byte.is_ascii_digit())
    {
        caller = target;
        target = spans.pop().unwrap_or_default();
    }
    let body = if spans.is_empty() && target.is_empty() { scan.rest } else { body };
    draft.log_time(Some(lead));
    draft.level = Some(level);
    draft.needs_status = true;
    draft.logger(target);
    draft.text_field("thread", thread);
    draft.text_field("caller", caller);
    if is_pretty {
        pretty(draft, body);
        return Some(());
    }
    let body = body.trim_start();
    match logfmt::first_pair(body) {
        Some(at) => {
            draft.is_structured = true;
            draft.text_field("message", body[..at].trim_end());
            logfmt::pairs(draft, &body[at..]);
            draft.message = Some("");
        }
        None => draft.message = Some(body),
    }
    let mut names = String::new();
    for span in spans {
        let (name, fields) = span.split_once('{').unwrap_or((span, ""));
        names.push_str(if names.is_empty() { "" } else { ":" });
        names.push_str(name);
        if !fields.is_empty() {
            draft.is_structured = true;
            logfmt::pairs(draft, fields.trim_end_matches('}'));
        }
    }
    draft.text_field("span", &names);
    Some(())
}

/// Spans, target and what follows: `request{method="GET" path="/x"}:inner: app::db: message`.
fn places(text: &str) -> Option<(Vec<&str>, &str, &str)> {
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = text;
    while parts.len() < 32 {
        let end = rest.bytes().position(|byte| !is_path(byte)).unwrap_or(rest.len());
        let mut close = end;
        if rest[end..].starts_with('{') {
            close = end + braces(&rest[end..])?;
        }
        let mut part = &rest[..close];
        if part.is_empty() {
            break;
        }
        let behind = &rest[close..];
        // A path of a module ends with one colon, and has two within.
        if let Some(trimmed) = part.strip_suffix(':') {
            part = trimmed;
            let behind = &rest[close - 1..];
            if behind == ":" || behind.starts_with(": ") {
                parts.push(part);
                rest = behind.get(2..).unwrap_or_default();
                continue;
            }
            break;
        }
        if close > end && behind.starts_with(':') {
            parts.push(part);
            rest = behind[1..].strip_prefix(' ').unwrap_or(&behind[1..]);
            continue;
        }
        break;
    }
    let target = parts.pop()?;
    if target.contains('{') {
        parts.push(target);
        return Some((split_spans(parts), "", rest));
    }
    Some((split_spans(parts), target, rest))
}

/// `a:b` without fields are two spans; `a::b` is one path.
fn split_spans(parts: Vec<&str>) -> Vec<&str> {
    let is_plain = |part: &str| !part.contains('{') && !part.contains("::") && !part.contains('/');
    parts.into_iter().flat_map(|part| if is_plain(part) { part.split(':').collect() } else { vec![part] }).collect()
}

fn is_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-' | b'.' | b'/')
}

/// How far the braces go that the text begins with; quoted texts may hold others.
fn braces(text: &str) -> Option<usize> {
    let (mut depth, mut is_quoted, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'{' if !is_quoted => depth += 1,
            b'}' if !is_quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The pretty form: `message, status: 200, err: "boom"`, and lines `at file:line` and `in span with
/// name: value`.
fn pretty<'a>(draft: &mut Draft<'a>, body: &'a str) {
    draft.is_structured = true;
    let mut end = body.len();
    if let Some(at) = first_named(body) {
        end = at;
        named(draft, body[at..].trim_start_matches(", "));
    }
    draft.text_field("message", &body[..end]);
    draft.message = Some("");
    let mut spans = String::new();
    for line in draft.rest.lines().map(str::trim) {
        if let Some(place) = line.strip_prefix("at ") {
            draft.text_field("caller", place.split(' ').next().unwrap_or_default());
        } else if let Some(span) = line.strip_prefix("in ") {
            let (name, fields) = span.split_once(" with ").unwrap_or((span, ""));
            let name = name.rsplit("::").next().unwrap_or(name);
            // The innermost comes first.
            spans = if spans.is_empty() { name.to_owned() } else { format!("{name}:{spans}") };
            named(draft, fields);
        }
    }
    draft.text_field("span", &spans);
    draft.rest = "";
}

/// Where `, name: value` begins for the first time.
fn first_named(text: &str) -> Option<usize> {
    text.match_indices(", ").map(|(at, _)| at).find(|at| name_end(&text[at + 2..]).is_some())
}

fn name_end(text: &str) -> Option<usize> {
    let end = text.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')))?;
    (end > 0 && text[end..].starts_with(": ")).then_some(end)
}

/// `name: value, name: "value"`
fn named(draft: &mut Draft<'_>, text: &str) {
    let mut rest = text;
    while let Some(end) = name_end(rest) {
        let name = &rest[..end];
        let value = &rest[end + 2..];
        if value.starts_with('"') {
            let mut scan = Scan::new(value);
            let Some(content) = scan.quoted() else { break };
            draft.fields.set(name, crate::record::FieldValue::Text(content));
            rest = scan.rest.trim_start_matches(", ");
        } else {
            let next = first_named(value).unwrap_or(value.len());
            draft.fields.set(name, logfmt::scalar(value[..next].trim()));
            rest = value[next..].trim_start_matches(", ");
        }
    }
}

/// `[2026-11-21T01:48:21Z ERROR rs] boom`
pub(super) fn env_logger(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let header = scan.within("[", "]")?;
    let time = time::leading(header, draft.time_ns)?;
    let mut words = header[time.len..].split_ascii_whitespace();
    let level =
        words.next().filter(|word| word.bytes().all(|byte| byte.is_ascii_uppercase())).and_then(level::of_name)?;
    let target = words.next()?;
    if words.next().is_some() {
        return None;
    }
    draft.log_time(Some(time));
    draft.level = Some(level);
    draft.logger(target);
    draft.message = Some(scan.spaces().rest);
    Some(())
}
