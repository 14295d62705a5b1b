//! Go's loggers that are neither JSON nor logfmt: klog, zap's and zerolog's consoles, the standard
//! library's.

use super::draft::Draft;
use super::epoch;
use super::json;
use super::level;
use super::logfmt;
use super::scan::Scan;
use super::time::{self, Stamp};
use crate::record::Level;

/// `E0806 14:55:55.980915       1 fsHandler.go:121] failed to collect`
pub(super) fn klog(draft: &mut Draft<'_>) -> Option<()> {
    let letter = draft.head.get(..1)?;
    let level = level::of_letter(letter).filter(|_| "IWEF".contains(letter))?;
    let rest = &draft.head[1..];
    let time = time::klog(rest, draft.time_ns)?;
    let mut scan = Scan::new(&rest[time.len..]);
    let pid = scan.spaces().number()?;
    let caller = scan.spaces().until("] ").or_else(|| scan.rest.strip_suffix(']'))?;
    draft.log_time(Some(time));
    draft.level = Some(level);
    draft.integer("pid", pid);
    draft.text_field("caller", caller);
    let message = if scan.rest.ends_with(']') && scan.rest.len() == caller.len() + 1 { "" } else { scan.rest };
    // Structured: `"text" err="…" key="value"`
    let mut ahead = Scan::new(message);
    if let Some(text) = ahead.quoted().filter(|_| ahead.rest.is_empty() || ahead.rest.starts_with(' ')) {
        draft.is_structured = true;
        draft.text_field("message", text);
        logfmt::pairs(draft, ahead.rest);
        draft.message = Some("");
    } else {
        draft.message = Some(message);
    }
    Some(())
}

/// logrus on a terminal: `ERRO[0012] failed to connect                            attempt=3`
pub(super) fn logrus(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let level = match scan.take_while(|byte| byte.is_ascii_uppercase())? {
        "TRAC" => Level::Trace,
        "DEBU" => Level::Debug,
        "INFO" => Level::Info,
        "WARN" => Level::Warn,
        "ERRO" => Level::Error,
        "FATA" | "PANI" => Level::Fatal,
        _ => return None,
    };
    // Seconds since the start, or the time.
    let clock = scan.within("[", "]")?;
    let time = time::leading(clock, draft.time_ns).filter(|time| time.len == clock.len());
    if time.is_none() && !clock.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    draft.log_time(time);
    draft.level = Some(level);
    let said = scan.spaces().rest;
    // The message is padded where pairs follow.
    let Some((message, pairs)) = said.split_once("  ").filter(|(_, pairs)| pairs.contains('=')) else {
        draft.message = Some(said);
        return Some(());
    };
    draft.is_structured = true;
    draft.text_field("message", message);
    logfmt::pairs(draft, pairs);
    draft.message = Some("");
    Some(())
}

/// Columns between tabs: time, level, perhaps logger and caller, message, JSON.
pub(super) fn zap(draft: &mut Draft<'_>) -> Option<()> {
    let lead = draft.lead.or_else(|| epoch(draft.head))?;
    let columns = draft.head.get(lead.len..)?.strip_prefix('\t')?;
    let (name, rest) = columns.split_once('\t')?;
    let level = level::of_name(name)?;
    draft.log_time(Some(lead));
    draft.level = Some(level);
    let mut columns: Vec<&str> = rest.splitn(6, '\t').collect();
    if let Some(object) = columns.last().filter(|last| last.starts_with('{') && columns.len() > 1)
        && json::flatten(object, &mut draft.fields).is_some()
    {
        draft.is_structured = true;
        columns.pop();
    }
    let is_caller = |column: &str| {
        column
            .rsplit_once(':')
            .is_some_and(|(file, line)| file.as_bytes().ends_with(b".go") && line.bytes().all(|b| b.is_ascii_digit()))
    };
    if let Some(at) = columns.iter().take(2).position(|column| is_caller(column)).filter(|at| at + 1 < columns.len()) {
        if at == 1 {
            draft.logger(columns[0]);
        }
        draft.text_field("caller", columns[at]);
        columns.drain(..=at);
    } else if columns.len() == 2 && !columns[0].contains(' ') {
        draft.logger(columns.remove(0));
    }
    let message = columns.first().copied().unwrap_or_default();
    if draft.is_structured {
        draft.text_field("message", message);
        draft.message = Some("");
    }
    // The stack stands behind, a function and its place a line each.
    if draft.rest.lines().nth(1).is_some_and(|line| line.starts_with('\t')) {
        draft.error("", if draft.is_structured { "" } else { message }, draft.rest.trim_end());
        draft.rest = "";
    }
    if !draft.is_structured {
        let from = draft.head.len() - rest.len() + rest.rfind(message).unwrap_or(0);
        draft.message = draft.head.get(from..);
    }
    Some(())
}

fn epoch(head: &str) -> Option<Stamp> {
    let len = head.bytes().position(|byte| !byte.is_ascii_digit() && !matches!(byte, b'.' | b'e' | b'+'))?;
    let value: f64 = head[..len].parse().ok()?;
    let ns = epoch::of_text(&value.to_string()).or_else(|| epoch::of_number(value))?;
    Some(Stamp { ns: Some(ns), len })
}

/// zerolog's console: `3:04PM INF started caller=main.go:7 key=value`
pub(super) fn zerolog(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.behind_time()?);
    scan.some_spaces()?;
    let level = match scan.word()? {
        "TRC" => Level::Trace,
        "DBG" => Level::Debug,
        "INF" => Level::Info,
        "WRN" => Level::Warn,
        "ERR" => Level::Error,
        "FTL" | "PNC" => Level::Fatal,
        "???" => Level::Unknown,
        _ => return None,
    };
    draft.log_time(draft.lead);
    draft.level = Some(level);
    scan.spaces();
    let mut ahead = scan;
    // The caller stands before the message, behind it a mark.
    if let Some(caller) = ahead.until(" > ").filter(|caller| !caller.contains(' ') && caller.contains(".go:")) {
        draft.text_field("caller", caller);
        scan = ahead;
    }
    with_pairs(draft, scan.rest);
    Some(())
}

/// A message that pairs follow.
pub(super) fn with_pairs<'a>(draft: &mut Draft<'a>, text: &'a str) {
    match logfmt::first_pair(text) {
        Some(at) => {
            draft.is_structured = true;
            draft.text_field("message", text[..at].trim_end());
            logfmt::pairs(draft, &text[at..]);
            draft.message = Some("");
        }
        None => draft.message = Some(text),
    }
}
