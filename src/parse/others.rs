//! Monolog, Nest, signale, Chromium, Prisma, npm, PHP and syslog.

use super::access;
use super::draft::{Draft, before_port, split_method, status_of};
use super::duration;
use super::json;
use super::level;
use super::reason::Reason;
use super::request;
use super::scan::Scan;
use super::time;
use crate::record::Level;

/// `[2025-08-31 12:34:56] local.ERROR: text {"user_id":123} []`
pub(super) fn monolog(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let stamp = scan.within("[", "]")?;
    let time = time::leading(stamp, draft.time_ns).filter(|time| time.len == stamp.len())?;
    let (channel, name) = scan.spaces().until(":")?.rsplit_once('.')?;
    let is_name =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let level =
        level::of_name(name).filter(|_| name.bytes().all(|byte| byte.is_ascii_uppercase()) && is_name(channel))?;
    draft.log_time(Some(time));
    draft.level = Some(level);
    draft.logger(channel);
    let rest = scan.spaces().rest;
    draft.message = Some(rest);
    if laravel(draft, rest).is_some() {
        return Some(());
    }
    // Context and extra: two JSON values at the end.
    let mut body = rest.trim_end();
    for _ in 0..2 {
        if let Some(before) = body.strip_suffix("[]").or_else(|| body.strip_suffix("{}")) {
            body = before.trim_end();
        } else if body.ends_with('}') && draft.rest.is_empty() {
            let Some(at) = json_at(draft, body) else { break };
            draft.is_structured = true;
            body = body[..at].trim_end();
        }
    }
    if body.len() < rest.len() {
        draft.text_field("message", body);
        draft.message = Some("");
        // The context's names are its own.
        draft.is_interpreted = true;
    }
    Some(())
}

/// Laravel's exception, over several lines: `text {"userId":1,"exception":"[object] (Type(code: 0): …
/// at /app/x.php:12)`, `[stacktrace]`, `#0 …` and `"}`.
fn laravel(draft: &mut Draft<'_>, rest: &str) -> Option<()> {
    let (before, object) = rest.split_once("\"exception\":\"[object] (")?;
    let (message, context) = before.rsplit_once(" {")?;
    let (kind, said) = object.split_once("(code: ")?;
    let (_, said) = said.split_once("): ")?;
    // What caused it stands behind it, on the same line.
    let said = said.split("\\n[previous exception]").next().unwrap_or(said);
    let said = said.rsplit_once(" at /").map_or(said, |(said, _)| said);
    let stack = draft.rest.find("[stacktrace]").map(|at| &draft.rest[at..]).unwrap_or_default();
    let stack = stack.trim_end().trim_end_matches("[]").trim_end().trim_end_matches(['"', '}']).trim_end();
    let others = format!("{{{}}}", context.trim_end_matches(','));
    json::flatten(&others, &mut draft.fields);
    draft.is_interpreted = true;
    draft.text_field("message", message);
    draft.message = Some("");
    draft.error(&kind.replace("\\\\", "\\"), said, stack);
    draft.rest = "";
    Some(())
}

/// Where the object begins with which the text ends, whose fields are taken.
fn json_at(draft: &mut Draft<'_>, body: &str) -> Option<usize> {
    // The last value first; a value may hold what looks like the beginning of another.
    let starts = body.rmatch_indices(" {\"").map(|(at, _)| at + 1).take(8);
    let mut starts = starts.collect::<Vec<_>>().into_iter();
    starts.find(|at| json::flatten(&body[*at..], &mut draft.fields).is_some())
}

/// `npm warn deprecated …`, `npm ERR! …`
pub(super) fn npm(draft: &mut Draft<'_>) -> Option<()> {
    let (name, message) = draft.head.strip_prefix("npm ")?.split_once(' ')?;
    let level = match name {
        "ERR!" => Level::Error,
        "http" | "verb" | "timing" => Level::Debug,
        name => level::of_name(name)?,
    };
    draft.level = Some(level);
    draft.logger("npm");
    draft.message = Some(message);
    Some(())
}

/// signale, as Nginx Proxy Manager uses it: `[11/21/2026] [2:04:05 PM] [SSL      ] › ✖  error     text`
pub(super) fn signale(draft: &mut Draft<'_>) -> Option<()> {
    // Brackets, a sign and a label stand before what it says.
    const MAX_HEADER_BYTES: usize = 160;
    let near = &draft.head[..draft.head.floor_char_boundary(MAX_HEADER_BYTES)];
    // Without a name, the sign comes first.
    let (at, behind) = match near.find("› ") {
        Some(at) => (at, at + "› ".len()),
        None if near.starts_with(|c: char| !c.is_ascii()) => (0, 0),
        None => return None,
    };
    let mut scan = Scan::new(draft.head.get(behind..)?);
    let sign = scan.spaces().word().filter(|sign| !sign.is_ascii())?;
    // Two spaces each, and the label is padded.
    scan.literal("  ").filter(|()| !scan.rest.starts_with(' '))?;
    let label = scan.word()?;
    scan.literal("  ")?;
    let level = match label {
        "error" | "fatal" | "warning" | "debug" => level::of_name(label)?,
        "awaiting" | "complete" | "favorite" | "info" | "log" | "note" | "pause" | "pending" | "star" | "start"
        | "stop" | "success" | "waiting" | "watching" => Level::Info,
        _ => return None,
    };
    let mut groups = Scan::new(draft.head.get(..at)?);
    let (mut name, mut day, mut time) = ("", "", None);
    while let Some(group) = groups.spaces().within("[", "]") {
        let has_digit = group.starts_with(|c: char| c.is_ascii_digit());
        if !day.is_empty() && has_digit {
            time = time::leading(&format!("{day} {group}"), draft.time_ns);
        } else if has_digit {
            day = group;
        } else {
            name = group.trim();
        }
    }
    if !groups.rest.is_empty() || sign.len() > 8 {
        return None;
    }
    draft.log_time(time);
    draft.level = Some(level);
    draft.logger(name);
    draft.message = Some(scan.spaces().rest);
    Some(())
}

/// `[Nest] 7  - 08/02/2023, 7:32:47 PM    WARN [Auth] text +3ms`
pub(super) fn nest(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head.strip_prefix("[Nest] ")?);
    let pid = scan.spaces().number()?;
    scan.spaces().literal("- ")?;
    let time = time::leading(scan.rest, draft.time_ns)?;
    scan.rest = &scan.rest[time.len..];
    let mut ahead = scan;
    let level = match ahead.spaces().word()? {
        "LOG" => Level::Info,
        "VERBOSE" => Level::Trace,
        name => level::of_name(name)?,
    };
    draft.log_time(Some(time));
    draft.level = Some(level);
    draft.integer("pid", pid);
    if let Some(context) = ahead.spaces().within("[", "]") {
        draft.logger(context);
    }
    let message = ahead.spaces().rest;
    let took = message.rsplit_once(" +").filter(|(_, took)| took.ends_with("ms") && duration::whole(took).is_some());
    if let Some((body, _)) = took.filter(|_| draft.rest.is_empty()) {
        draft.text_field("message", body);
        draft.message = Some("");
    } else {
        draft.message = Some(message);
    }
    Some(())
}

/// `[3555:0115/164125.919187:ERROR:bus.cc(392)] text`, and with a thread behind the process.
pub(super) fn chromium(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let header = scan.within("[", "]")?;
    let mut parts = header.split(':');
    let pid = parts.next()?.parse().ok()?;
    let second = parts.next()?;
    let (tid, stamp) = match second.parse::<i64>() {
        Ok(tid) => (Some(tid), parts.next()?),
        Err(_) => (None, second),
    };
    let time = time::chromium(stamp, draft.time_ns).filter(|time| time.len == stamp.len())?;
    let name = parts.next()?;
    let level = match name {
        "INFO" | "WARNING" | "ERROR" | "FATAL" => level::of_name(name)?,
        _ if name.starts_with("VERBOSE") => Level::Debug,
        _ => return None,
    };
    let caller = parts.next()?;
    draft.log_time(Some(time));
    draft.level = Some(level);
    draft.integer("pid", pid);
    if let Some(tid) = tid {
        draft.integer("tid", tid);
    }
    draft.text_field("caller", caller);
    draft.message = Some(scan.spaces().rest);
    Some(())
}

/// `prisma:error` and what it says, on the same line or on the next ones.
pub(super) fn prisma(draft: &mut Draft<'_>) -> Option<()> {
    let rest = draft.head.strip_prefix("prisma:")?;
    let end = rest.find(' ').unwrap_or(rest.len());
    let level = match &rest[..end] {
        "query" => Level::Debug,
        name => level::of_name(name)?,
    };
    draft.level = Some(level);
    draft.logger("prisma");
    let message = rest[end..].trim();
    if message.is_empty() {
        // With the lines that follow, of which the first may be blank.
        draft.text_field("message", draft.rest.trim());
        draft.message = Some("");
    } else {
        draft.message = Some(&rest[end + 1..]);
    }
    Some(())
}

/// PHP's log, `[21-Nov-2026 01:02:03 UTC] PHP Warning:  text`, and php-fpm's, `[21-Nov-2026
/// 01:02:03] NOTICE: text`; without the time, too.
pub(super) fn php(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let mut time = None;
    if draft.head.starts_with('[') {
        let stamp = scan.within("[", "]")?;
        let found = time::leading(stamp, draft.time_ns)?;
        // A zone by its name, such as Europe/Berlin, has an offset that is not known here.
        let zone = stamp[found.len..].trim();
        time = found.ns.filter(|_| zone.is_empty());
        if stamp.as_bytes().get(2) != Some(&b'-') {
            return None;
        }
        scan.spaces();
    }
    // As php-fpm hands on what its workers print.
    let _ = scan.literal("NOTICE: PHP message: ");
    let is_php = scan.literal("PHP ").is_some();
    if !is_php && !draft.head.starts_with('[') {
        return None;
    }
    let name = scan.until(":")?;
    let level = match name {
        "Fatal error" | "Core error" | "Compile error" => Level::Fatal,
        "Parse error" | "Recoverable fatal error" => Level::Error,
        "Warning" | "Core Warning" | "Deprecated" | "User Warning" => Level::Warn,
        "Notice" | "Strict Standards" => Level::Info,
        _ if !is_php => level::of_name(name).filter(|_| name.bytes().all(|byte| byte.is_ascii_uppercase()))?,
        _ => return None,
    };
    draft.log_time_ns(time);
    draft.level = Some(level);
    draft.message = Some(scan.spaces().rest);
    Some(())
}

/// PHP's own server: `[Sat Nov 21 17:38:50 2026] 127.0.0.1:36278 [404]: GET /none - No such file`
pub(super) fn php_server(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let stamp = scan.within("[", "]")?;
    let time = time::leading(stamp, draft.time_ns).filter(|time| time.len == stamp.len())?;
    let client = scan.spaces().word().filter(|client| client.contains(':'))?;
    let status = scan.spaces().within("[", "]: ").and_then(status_of)?;
    let message = scan.rest;
    let (method, rest) = split_method(message)?;
    draft.log_time(Some(time));
    draft.text_field("http.client", before_port(client));
    draft.request(method, rest.split(' ').next().unwrap_or_default());
    draft.status(status);
    draft.level_of_status();
    draft.message = Some(message);
    Some(())
}

/// `<3>Jan  1 00:00:00 host app[12]: boom` and RFC 5424's `<11>1 time host app pid id [data] text`.
pub(super) fn syslog(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let priority: i64 = scan.within("<", ">").filter(|text| text.len() <= 3)?.parse().ok()?;
    if priority < 192 {
        draft.level = level::of_number(priority % 8);
        draft.reason = Some(Reason::Priority);
        draft.integer("facility", priority / 8);
    }
    let mut ahead = scan;
    if ahead.literal("1 ").is_some() {
        rfc5424(draft, ahead)?;
        return Some(());
    }
    old_style(draft, scan);
    Some(())
}

/// Without a priority: `Nov 21 01:02:03 host1 CRON[4242]: text`
pub(super) fn bare_syslog(draft: &mut Draft<'_>) -> Option<()> {
    let rest = draft.behind_time()?;
    let mut scan = Scan::new(rest);
    scan.some_spaces()?;
    let host = scan.word()?;
    let tag = scan.spaces().word()?;
    let is_tag = tag.strip_suffix(':').is_some_and(|tag| {
        let (name, pid) = tag.strip_suffix(']').and_then(|tag| tag.split_once('[')).unwrap_or((tag, "0"));
        !name.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())
    });
    // The month comes first, and the year not at all.
    let is_old = draft.head.as_bytes().get(3) == Some(&b' ') && draft.lead?.len <= 26;
    if !is_tag || !is_old || host.contains([':', '[']) || level::of_name(tag.trim_end_matches(':')).is_some() {
        return None;
    }
    old_style(draft, Scan::new(draft.head));
    Some(())
}

/// `Jan  1 00:00:00 host app[12]: boom`
fn old_style<'a>(draft: &mut Draft<'a>, mut scan: Scan<'a>) {
    if let Some(time) = time::leading(scan.rest, draft.time_ns) {
        scan.rest = &scan.rest[time.len..];
        draft.log_time(Some(time));
        let mut ahead = scan;
        let host = ahead.spaces().word().unwrap_or_default();
        if !host.ends_with(':') && !host.contains('[') {
            draft.text_field("host", host);
            scan = ahead;
        }
    }
    let message = scan.spaces().rest;
    draft.message = Some(message);
    if let Some((tag, rest)) = message.split_once(": ").filter(|(tag, _)| !tag.contains(' ')) {
        let (name, pid) = tag.strip_suffix(']').and_then(|tag| tag.split_once('[')).unwrap_or((tag, ""));
        draft.logger(name);
        draft.number("pid", pid);
        draft.message = Some(rest);
    }
    // Postfix and others say it in words.
    if draft.level.is_none()
        && let Some((name, rest)) = draft.message.and_then(|message| message.split_once(": "))
        && name.bytes().all(|byte| byte.is_ascii_lowercase())
        && let Some(level) = level::of_name(name)
    {
        draft.level = Some(level);
        draft.message = Some(rest);
    }
    // A server that logs its requests there; both give up before they find anything.
    let said = draft.level;
    if let Some(text) = draft.message {
        let _ = request::haproxy_in(draft, text).or_else(|| access::common_in(draft, text));
        // The line is the syslog's, whoever wrote what is in it.
        draft.format = None;
        draft.level = draft.level.max(said);
    }
}

/// `[id name="value" …]`, whose names are given as `id.name`.
fn element(draft: &mut Draft<'_>, scan: &mut Scan<'_>) -> Option<()> {
    scan.literal("[")?;
    let id = scan.take_while(|byte| !matches!(byte, b' ' | b']'))?;
    let before = draft.fields.mark();
    loop {
        if scan.spaces().literal("]").is_some() {
            return Some(());
        }
        let pair = scan.take_while(|byte| byte != b'=').and_then(|name| {
            scan.literal("=")?;
            Some((name, scan.quoted()?))
        });
        let Some((name, value)) = pair else {
            draft.fields.back_to(before);
            return None;
        };
        draft.own(&format!("{id}.{name}"), value);
    }
}

fn rfc5424<'a>(draft: &mut Draft<'a>, mut scan: Scan<'a>) -> Option<()> {
    let stamp = scan.word()?;
    if stamp != "-" {
        let time = time::leading(stamp, draft.time_ns).filter(|time| time.len == stamp.len())?;
        draft.log_time(Some(time));
    }
    let host = scan.spaces().word()?;
    let app = scan.spaces().word()?;
    let pid = scan.spaces().word()?;
    let id = scan.spaces().word()?;
    draft.text_field("host", host);
    draft.logger(app);
    draft.number("pid", pid);
    draft.text_field("msgid", id);
    scan.spaces();
    if scan.literal("- ").is_none() {
        if scan.rest == "-" {
            scan.rest = "";
        }
        let mut ahead = scan;
        while ahead.rest.starts_with('[') && element(draft, &mut ahead).is_some() {
            scan = ahead;
        }
    }
    draft.message = Some(scan.spaces().rest.trim_start_matches('\u{feff}'));
    Some(())
}
