//! Ruby's logger, Rails, Sinatra and Sidekiq.

use super::draft::{Draft, Outcome, split_method, status_of};
use super::duration;
use super::level;
use super::operation;
use super::reason::Reason;
use super::scan::Scan;
use super::time;
use crate::record::Level;

/// `I, [2024-06-26T17:00:04.497736 #126554]  INFO -- progname: message`
pub(super) fn ruby(draft: &mut Draft<'_>) -> Option<()> {
    let level = draft.head.get(..1).and_then(ruby_letter)?;
    let mut scan = Scan::new(&draft.head[1..]);
    scan.literal(", [")?;
    let header = scan.until("]")?;
    let time = time::leading(header, draft.time_ns)?;
    let pid = header[time.len..].trim().strip_prefix('#').and_then(|pid| pid.parse().ok());
    draft.log_time(Some(time));
    draft.level = Some(level);
    if let Some(pid) = pid {
        draft.integer("pid", pid);
    }
    let mut ahead = scan;
    let is_whole = ahead.spaces().word().is_some() && ahead.spaces().literal("-- ").is_some();
    if is_whole {
        scan = ahead;
        let name = scan.until(":")?;
        draft.logger(name.trim());
    }
    let mut message = scan.spaces().rest;
    // Tagged logging: the request's id comes first.
    let mut tags = Scan::new(message);
    if let Some(tag) = tags.within("[", "]").filter(|tag| is_id(tag)) {
        draft.text_field("request_id", tag);
        message = tags.spaces().rest;
    }
    draft.message = Some(message);
    rails(draft, message);
    Some(())
}

fn ruby_letter(letter: &str) -> Option<Level> {
    match letter {
        "A" => Some(Level::Unknown),
        _ => level::of_letter(letter).filter(|_| "DIWEF".contains(letter)),
    }
}

fn is_id(text: &str) -> bool {
    text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// `Started GET "/x" for 1.2.3.4 at …`, `Completed 200 OK in 180ms (…)`
pub(super) fn rails(draft: &mut Draft<'_>, message: &str) -> Option<()> {
    if let Some(rest) = message.strip_prefix("Started ") {
        let (method, rest) = split_method(rest)?;
        let mut scan = Scan::new(rest);
        let target = scan.quoted()?;
        scan.literal(" for ")?;
        draft.request(method, target);
        draft.client(scan.word()?);
    } else if let Some(rest) = message.strip_prefix("Completed ") {
        let status = status_of(rest.get(..3)?)?;
        let (_, took) = rest.split_once(" in ")?;
        let (ms, _) = duration::leading(took)?;
        draft.has_http = true;
        draft.status(status);
        draft.http_duration(ms);
        let of_status = level::of_status(status);
        if of_status > draft.level {
            (draft.level, draft.reason) = (of_status, Some(Reason::Status));
        }
    }
    Some(())
}

/// Sinatra and Rack: `2026-11-21 14:04:05 - NoMethodError - undefined method 'x' for nil:` and frames
pub(super) fn sinatra(draft: &mut Draft<'_>) -> Option<()> {
    let (kind, message) = draft.behind_time()?.strip_prefix(" - ")?.split_once(" - ")?;
    if draft.rest.is_empty() || !kind.starts_with(char::is_uppercase) || kind.contains(' ') {
        return None;
    }
    let is_frame = |line: &str| line.starts_with(['\t', ' ']) && line.contains(":in ");
    if !draft.rest.lines().any(is_frame) {
        return None;
    }
    draft.log_time(draft.lead);
    draft.level = Some(Level::Error);
    draft.error(kind, message.strip_suffix(':').unwrap_or(message), draft.rest);
    draft.message = Some(message);
    draft.rest = "";
    Some(())
}

/// Sidekiq: `2026-11-21T01:30:04.123Z pid=1 tid=gor class=HardJob jid=1 elapsed=0.123 INFO: done`
pub(super) fn sidekiq(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.behind_time()?);
    scan.some_spaces()?;
    if !scan.rest.starts_with("pid=") {
        return None;
    }
    let (mut class, mut elapsed) = ("", None);
    let level = loop {
        let word = scan.spaces().word()?;
        match word.split_once('=') {
            Some(("class", value)) => class = value,
            Some(("elapsed", value)) => elapsed = duration::milliseconds(value, duration::SECONDS),
            Some(("pid", value)) => draft.number("pid", value),
            Some((_, "")) => {}
            Some(("tid" | "jid" | "bid" | "queue", value)) => draft.own(&word[..word.len() - value.len() - 1], value),
            Some(_) => {}
            None => break level::of_name(word.strip_suffix(':')?)?,
        }
    };
    draft.log_time(draft.lead);
    draft.level = Some(level);
    let message = scan.spaces().rest;
    draft.message = Some(message);
    let outcome = match message {
        "start" => Outcome::Started,
        "done" => Outcome::Success,
        "fail" => Outcome::Failure,
        _ => return Some(()),
    };
    if !class.is_empty() {
        draft.own("class", class);
        draft.operation(&operation::named(class), outcome, elapsed.filter(|_| outcome != Outcome::Started));
    }
    Some(())
}
