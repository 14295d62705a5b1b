//! Python's logging in its usual forms, structlog, loguru, gunicorn and Celery.

use super::draft::{Draft, Outcome};
use super::duration;
use super::level;
use super::logfmt;
use super::scan::Scan;
use super::time;
use crate::record::Level;

/// Python's own names of levels, in capitals as `%(levelname)s` writes them.
fn level_name(text: &str) -> Option<Level> {
    let is_upper = text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_upper { level::of_name(text) } else { None }
}

fn is_logger(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '@' | '$'))
}

/// `WARNING:root:disk low`, without a time.
pub(super) fn default(draft: &mut Draft<'_>) -> Option<()> {
    let (level, logger, message) = basic(draft.head)?;
    draft.level = Some(level);
    draft.logger(logger);
    draft.message = Some(message);
    Some(())
}

fn basic(text: &str) -> Option<(Level, &str, &str)> {
    let (name, rest) = text.split_once(':')?;
    let level = level_name(name)?;
    let (logger, message) = rest.split_once(':').filter(|(logger, _)| is_logger(logger))?;
    Some((level, logger, message))
}

/// Airflow: `[2026-11-21T01:30:04.123+0000] {taskinstance.py:1937} ERROR - Task failed`
pub(super) fn airflow(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let stamp = scan.within("[", "]")?;
    let time = time::leading(stamp, draft.time_ns).filter(|time| time.len == stamp.len())?;
    let caller = scan.spaces().within("{", "}").filter(|caller| caller.contains(".py:"))?;
    let level = scan.spaces().word().and_then(level_name)?;
    scan.spaces().literal("- ")?;
    draft.log_time(Some(time));
    draft.level = Some(level);
    draft.text_field("caller", caller);
    draft.message = Some(scan.rest);
    Some(())
}

/// A time with a comma before its milliseconds, or one that `- name - LEVEL -` follows.
pub(super) fn timed(draft: &mut Draft<'_>) -> Option<()> {
    let lead = draft.lead?;
    let mut scan = Scan::new(&draft.head[lead.len..]);
    let has_comma = draft.head.as_bytes().get(19) == Some(&b',');
    let is_glued = scan.literal(":").is_some();
    if !is_glued {
        scan.some_spaces()?;
    }
    // `time LEVEL:name:message`, and glued with colons all over.
    if let Some((level, logger, message)) = basic(scan.rest) {
        return found(draft, level, logger, message);
    }
    if is_glued {
        return None;
    }
    // `time - name - LEVEL - message`, and with the level first.
    if scan.literal("- ").is_some() {
        let first = scan.until(" - ")?;
        let second = scan.rest.find(" - ").map(|at| &scan.rest[..at]);
        let (level, logger) = match (level_name(first.trim()), second.and_then(|word| level_name(word.trim()))) {
            (None, Some(level)) if is_logger(first) => {
                scan.until(" - ")?;
                (level, first)
            }
            (Some(level), _) => match second.filter(|word| is_logger(word)) {
                Some(logger) => {
                    scan.until(" - ")?;
                    (level, logger)
                }
                None => (level, ""),
            },
            _ => return None,
        };
        return found(draft, level, logger, scan.rest);
    }
    // `time [LEVEL] name: message`, `time [name] LEVEL: message`
    if scan.rest.starts_with('[') {
        let first = scan.within("[", "]")?;
        if let Some(level) = level_name(first.trim()).filter(|_| has_comma || scan.rest.starts_with(' ')) {
            scan.spaces();
            let mut ahead = scan;
            let logger = ahead
                .within("[", "]")
                .or_else(|| ahead.until(": "))
                .filter(|name| is_logger(name.trim_end_matches(':')));
            if !has_comma && logger.is_none() {
                return None;
            }
            let Some(logger) = logger else { return found(draft, level, "", scan.rest) };
            ahead.literal(":");
            return found(draft, level, logger, ahead.spaces().rest);
        }
        if !has_comma {
            return None;
        }
        let level = scan.spaces().word().map(|word| word.trim_end_matches(':')).and_then(level_name)?;
        return found(draft, level, first, scan.spaces().rest);
    }
    // Padded to eight, `%(levelname)-8s`, as nobody else does it.
    let is_padded = scan.rest.len() > 9 && scan.rest.get(..9).is_some_and(|column| column.trim_end().len() < 9) && {
        let word = scan.rest.split(' ').next().unwrap_or_default();
        level_name(word).is_some()
            && word.len() < 8
            && !scan.rest[word.len()..].trim_start_matches(' ').is_empty()
            && scan.rest[word.len()..].len() - scan.rest[word.len()..].trim_start_matches(' ').len() == 9 - word.len()
    };
    if !has_comma && !is_padded {
        return None;
    }
    // `time LEVEL name message`, `time LEVEL [name] message`, `time LEVEL name: message`, `time name LEVEL message`
    let first = scan.word()?;
    if let Some(level) = level_name(first.trim_end_matches(':')) {
        scan.spaces();
        if first.ends_with(':') {
            return found(draft, level, "", scan.rest);
        }
        // Java's brackets are threads: `INFO  [main] c.e.App: …`.
        if scan.rest.starts_with('[') {
            let mut ahead = scan;
            let name = ahead.within("[", "]").filter(|name| is_logger(name))?;
            let next = ahead.spaces().rest.split(' ').next().unwrap_or_default();
            if next.ends_with(':') && next.contains('.') || next.starts_with('(') {
                return None;
            }
            return found(draft, level, name, ahead.rest);
        }
        let mut ahead = scan;
        // supervisord says first what became of a process.
        let is_event = |word: &str| matches!(word, "success:" | "exited:" | "spawned:" | "stopped:");
        let logger = ahead.word().filter(|word| is_logger(word.trim_end_matches(':')) && !is_event(word));
        // A logger's name is dotted, marked by a colon, or followed by a tag.
        return match logger {
            Some(name)
                if name.ends_with(':') || name.contains(['.', '_']) || ahead.spaces().rest.starts_with(['[', '-']) =>
            {
                ahead.spaces();
                let mut behind = ahead;
                if behind.literal("- ").is_some() {
                    ahead = behind;
                }
                found(draft, level, name.trim_end_matches(':'), ahead.rest)
            }
            _ => found(draft, level, "", scan.rest),
        };
    }
    let level = level_name(scan.spaces().word()?.trim_end_matches(':'))?;
    if !is_logger(first) {
        return None;
    }
    found(draft, level, first, scan.spaces().rest)
}

#[allow(clippy::unnecessary_wraps, reason = "it is how each reader ends")]
fn found<'a>(draft: &mut Draft<'a>, level: Level, logger: &str, message: &'a str) -> Option<()> {
    draft.log_time(draft.lead);
    draft.level = Some(level);
    draft.logger(logger.trim());
    draft.message = Some(message);
    Some(())
}

/// Flask's `[2026-11-21 01:30:08,484] ERROR in app: Exception on /boom [GET]`, and the same
/// without `in`.
pub(super) fn flask(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let stamp = scan.within("[", "]")?;
    let time = time::leading(stamp, draft.time_ns).filter(|time| time.len == stamp.len())?;
    let word = scan.spaces().word()?;
    // locust's `host/LEVEL/name: message`.
    let mut parts = word.splitn(3, '/').skip(1);
    if let Some(level) = parts.next().and_then(level_name)
        && let Some(logger) = parts.next().and_then(|name| name.strip_suffix(':'))
    {
        draft.log_time(Some(time));
        draft.level = Some(level);
        draft.logger(logger);
        draft.message = Some(scan.spaces().rest);
        return Some(());
    }
    let level = level_name(word)?;
    scan.spaces().literal("in ")?;
    let logger = scan.until(": ")?;
    draft.log_time(Some(time));
    draft.level = Some(level);
    draft.logger(logger);
    draft.message = Some(scan.rest);
    Some(())
}

/// `2026-11-21 01:48:19 [info     ] request_finished               duration_ms=12.3 method=GET`, and
/// fluentd's `2026-11-21 14:04:05 +0000 [warn]: #0 [out_es] failed to flush retry_times=0`
pub(super) fn structlog(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.behind_time()?);
    scan.some_spaces()?;
    let name = scan.within("[", "]")?;
    // The level is padded to a width, or the event is.
    let level =
        level::of_name(name.trim_end()).filter(|_| name.bytes().all(|b| b.is_ascii_lowercase() || b == b' '))?;
    let is_fluentd = scan.literal(": ").is_some();
    scan.spaces();
    if is_fluentd {
        // It always says its zone.
        let stamp = &draft.head[..draft.lead?.len];
        stamp.rsplit_once(' ').filter(|(_, zone)| zone.len() == 5 && zone.starts_with(['+', '-']))?;
        let mut ahead = scan;
        // Its worker.
        if ahead.literal("#").is_some() && ahead.digits().is_some() {
            scan = *ahead.spaces();
        }
        let mut ahead = scan;
        if let Some(plugin) = ahead.within("[", "] ").filter(|plugin| is_logger(plugin)) {
            draft.logger(plugin);
            scan = *ahead.spaces();
        }
        draft.format = Some("fluentd");
    }
    let pairs_at = logfmt::first_pair(scan.rest);
    let is_padded = name.ends_with(' ') || pairs_at.is_some_and(|at| scan.rest[..at].ends_with("  "));
    if !is_padded && pairs_at.is_none() && !is_fluentd {
        return None;
    }
    // A quote that is never closed makes no end of the event.
    let pairs_at = pairs_at
        .or_else(|| scan.rest.find("  ").map(|at| at + scan.rest[at..].len() - scan.rest[at..].trim_start().len()));
    let pairs_at = pairs_at.filter(|at| logfmt::begins_with_pair(&scan.rest[*at..]));
    let (event, pairs) = scan.rest.split_at(pairs_at.unwrap_or(scan.rest.len()));
    let event = event.trim_end();
    // `[name]` of the logger stands behind the event.
    let (event, logger) = match event.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
        Some((event, logger)) if is_logger(logger.trim()) => (event.trim_end(), logger.trim()),
        _ => (event, ""),
    };
    draft.log_time(draft.lead);
    draft.level = Some(level);
    draft.logger(logger);
    draft.is_structured = true;
    draft.text_field("message", event);
    logfmt::python_pairs(draft, pairs);
    draft.message = Some("");
    Some(())
}

/// `2026-11-21 01:48:20.012 | INFO     | __main__:<module>:22 - hello 1`
pub(super) fn loguru(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.behind_time()?);
    scan.some_spaces()?;
    scan.literal("| ")?;
    let level = level::of_name(scan.until("|")?.trim())?;
    scan.spaces();
    let place = scan.until(" - ")?;
    let mut parts = place.rsplitn(3, ':');
    let (line, function, logger) = (parts.next()?, parts.next()?, parts.next()?);
    draft.log_time(draft.lead);
    draft.level = Some(level);
    draft.logger(logger);
    draft.text_field("function", function);
    draft.number("line_number", line);
    draft.message = Some(scan.rest);
    Some(())
}

/// `[2026-11-21 01:30:06 +0000] [30078] [INFO] Starting gunicorn`
pub(super) fn gunicorn(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let stamp = scan.within("[", "]")?;
    let time = time::leading(stamp, draft.time_ns).filter(|time| time.len == stamp.len())?;
    let pid = scan.spaces().within("[", "]")?.parse().ok()?;
    let level = level_name(scan.spaces().within("[", "]")?)?;
    draft.log_time(Some(time));
    draft.level = Some(level);
    draft.integer("pid", pid);
    draft.message = Some(scan.spaces().rest);
    Some(())
}

/// `[2026-11-21 01:32:54,323: INFO/MainProcess] Task ce.add[id] succeeded in 0.00052s: 3`
pub(super) fn celery(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let header = scan.within("[", "]")?;
    let time = time::leading(header, draft.time_ns)?;
    let (name, process) = header[time.len..].strip_prefix(": ")?.split_once('/')?;
    let level = level_name(name)?;
    draft.log_time(Some(time));
    draft.level = Some(level);
    draft.text_field("process", process);
    let message = scan.spaces().rest;
    draft.message = Some(message);
    if let Some(rest) = message.strip_prefix("Task ") {
        task(draft, rest);
    }
    Some(())
}

/// `ce.add[id] succeeded in 0.00052s: 3`
fn task(draft: &mut Draft<'_>, rest: &str) -> Option<()> {
    let (name, rest) = rest.split_once('[')?;
    let (id, event) = rest.split_once(']')?;
    let event = event.trim_start();
    let starts = |word: &str| event.starts_with(word);
    let (outcome, ms) = if starts("received") || starts("accepted") {
        (Outcome::Started, None)
    } else if let Some(rest) = event.strip_prefix("succeeded in ") {
        (Outcome::Success, duration::leading(rest).map(|(ms, _)| ms))
    } else if starts("raised") || starts("retry") || starts("rejected") || starts("ignored") || starts("timed out") {
        (Outcome::Failure, None)
    } else {
        return None;
    };
    if name.is_empty() || name.contains(' ') || id.len() < 8 || id.contains(' ') {
        return None;
    }
    draft.operation(name, outcome, ms);
    draft.text_field("task_id", id);
    let raised = event.strip_prefix("raised").and_then(|rest| rest.split_once(": "));
    if let Some((_, raised)) = raised {
        exception(draft, raised);
    }
    Some(())
}

/// `ValueError('bad')`, as `repr` writes an exception.
fn exception(draft: &mut Draft<'_>, text: &str) -> Option<()> {
    let (kind, rest) = text.split_once('(')?;
    let message = rest.trim_end().strip_suffix(')')?;
    if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_')) {
        return None;
    }
    let message = message.trim_end_matches(',');
    let message = message.strip_prefix(['\'', '"']).and_then(|m| m.strip_suffix(['\'', '"'])).unwrap_or(message);
    draft.error(kind, message, "");
    Some(())
}
