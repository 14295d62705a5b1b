//! Who speaks in a plain line: the logger, thread, process and place that stand around its level.

use super::draft::Draft;
use super::head::is_preamble;
use super::level::of_name;
use super::time::{self, Stamp};
use super::trace::is_exception;

/// The time of a plain line, where it begins with one, perhaps behind a tag or who speaks: `[time]`,
/// NATS' `[7] time`, tornado's `[I time web:1]`, sanic's `Main  time`.
pub(super) fn stamp(draft: &Draft<'_>) -> Option<Stamp> {
    let leading = |text: &str| time::leading(text, draft.time_ns);
    let bracket = || draft.head.strip_prefix('[');
    let behind_tag = || {
        let (tag, behind) = bracket()?.split_once("] ")?;
        leading(behind).filter(|_| is_pid(tag) || is_name(tag))
    };
    let lettered = || {
        let (letter, behind) = bracket()?.split_once(' ')?;
        leading(behind).filter(|_| letter.len() == 1)
    };
    let behind_name = || {
        let (name, behind) = draft.head.split_once(' ')?;
        leading(behind.trim_start()).filter(|_| is_name(name))
    };
    draft.lead.or_else(|| leading(bracket()?)).or_else(behind_tag).or_else(lettered).or_else(behind_name)
}

/// Finds who speaks around a level, which `said` ends with; `rest` is what stands behind it. Answers what is
/// said.
pub(super) fn find<'a>(draft: &mut Draft<'_>, said: &str, behind: &'a str, rest: &'a str, has_time: bool) -> &'a str {
    if has_time {
        let pid = said.split('[').skip(1).find_map(|group| group.split_once(']').filter(|(id, _)| is_pid(id)));
        draft.number("pid", pid.map_or("", |(pid, _)| pid));
    }
    // Python's own `INFO:name:message`.
    let is_glued = said.ends_with(':') && !behind.starts_with([' ', '\t']);
    if let Some((name, message)) = rest.split_once(':').filter(|(name, _)| is_glued && is_name(name)) {
        draft.logger(name);
        return message.trim_start();
    }
    let around = Around {
        has_time,
        is_adjoining: has_time && behind.trim_start_matches(']').starts_with('['),
        // log4js' `[time] [INFO] name - `.
        is_log4js: has_time && said.starts_with('[') && (said.ends_with(']') || behind.starts_with(']')),
        is_piped: behind.trim_start().starts_with('|'),
        is_bracketed: said.starts_with('['),
    };
    let message = behind_level(draft, rest, around);
    if message.len() < rest.len()
        && let Some(thread) = said.strip_prefix('[').and_then(|said| said.split_once("] ")).map(|(thread, _)| thread)
    {
        // slf4j's simple logger: `[main] INFO a.b.C - text`.
        draft.text_field("thread", if is_name(thread) && !has_time { thread } else { "" });
    }
    message
}

/// How the level stands in its line.
#[derive(Clone, Copy)]
struct Around {
    has_time: bool,
    is_adjoining: bool,
    is_log4js: bool,
    is_piped: bool,
    is_bracketed: bool,
}

/// `app.db` of `vm app.db[7] ERROR`: of several words the one that looks like a logger.
pub(super) fn before_level(said: &str, names: usize) -> Option<&str> {
    words(said).find(|word| is_dotted(word)).or_else(|| words(said).next().filter(|_| names == 1))
}

/// Names before a level, which are no level, day, month or zone.
pub(super) fn words(said: &str) -> impl Iterator<Item = &str> {
    let words = said.split([' ', '\t']).map(|word| word.split(['[', ':']).next().unwrap_or_default());
    words.filter(|word| is_name(word) && of_name(word).is_none() && !is_preamble(word, 2))
}

/// alembic's `[a.b] `, Envoy's `[main] [source/server.cc:412] `, Home Assistant's `(MainThread) [a.b] ` and
/// Quarkus' `[a.b] (main) `, log4js' `name - `, slf4j's `a.b.C - `, pino-pretty's `(name/7): `. What stands
/// in brackets right behind the level's is a name, too.
fn behind_level<'a>(draft: &mut Draft<'_>, rest: &'a str, around: Around) -> &'a str {
    let group = |text: &'a str, open: char, close: &str| text.strip_prefix(open)?.split_once(close);
    let thread = |text| group(text, '(', ") ").filter(|(name, _)| !name.is_empty() && !name.contains(": "));
    if let Some((thread, behind)) = thread(rest)
        && let Some((name, message)) = group(behind, '[', "] ").filter(|(name, _)| is_name(name))
    {
        draft.text_field("thread", thread);
        draft.logger(name);
        return message;
    }
    if let Some((who, message)) = group(rest, '(', "): ") {
        let (name, pid) = who.rsplit_once('/').unwrap_or(("", who));
        if is_pid(pid) && (around.has_time || is_name(name)) {
            draft.number("pid", pid);
            draft.logger(name);
            return message;
        }
    }
    // `[app.db:35] `, deluge's `[twisted       :147 ] `
    if let Some((place, message)) = group(rest, '[', "] ")
        && let Some((name, line)) = place.split_once(':').map(|(name, line)| (name.trim_end(), line.trim_end()))
        && is_pid(line)
        && (is_logger(name) || place.contains("  ") && is_name(name))
    {
        draft.logger(name);
        draft.number("line_number", line);
        return message;
    }
    // `app.db:work:35 | `
    if let Some((place, message)) = rest.split_once(" | ").filter(|_| around.has_time && around.is_piped)
        && let Some((name, function, line)) = split_place(place)
    {
        draft.logger(name);
        draft.text_field("function", function);
        draft.number("line_number", line);
        return message;
    }
    let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
    // Without a time it needs more to be one: `Node.js - ready`.
    let is_speaker =
        |word: &str| is_logger(word) && (around.has_time || around.is_bracketed || word.matches('.').count() > 1);
    if let Some(message) = behind.strip_prefix("- ").filter(|_| is_speaker(word) || around.is_log4js && is_name(word)) {
        draft.logger(word);
        return message;
    }
    if let Some(name) = word.strip_suffix(':').filter(|name| is_speaker(name) && !behind.is_empty()) {
        draft.logger(name);
        return behind.trim_start();
    }
    let Some((name, mut message)) =
        group(rest, '[', "] ").filter(|(name, _)| is_dotted(name) || around.is_adjoining && is_name(name))
    else {
        return rest;
    };
    draft.logger(name);
    if let Some((thread, behind)) = thread(message) {
        draft.text_field("thread", thread);
        message = behind;
    } else if let Some((place, behind)) = group(message, '[', "] ").filter(|(place, _)| is_place(place)) {
        draft.text_field("caller", place);
        message = behind;
    }
    message
}

/// `name:function:line`
fn split_place(place: &str) -> Option<(&str, &str, &str)> {
    let (before, line) = place.rsplit_once(':')?;
    let (name, function) = before.split_once(':')?;
    (is_name(name) && is_pid(line) && !function.contains(' ')).then_some((name, function, line))
}

fn is_pid(text: &str) -> bool {
    (1..=7).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// How files of source end.
const SOURCES: [&str; 22] = [
    "py", "js", "mjs", "ts", "rs", "go", "rb", "java", "kt", "scala", "c", "cc", "cpp", "h", "hpp", "php", "cs", "ex",
    "exs", "swift", "lua", "pl",
];

/// `app.py:12`, where rich puts it.
pub(super) fn is_source(text: &str) -> bool {
    is_place(text) && text.contains(".py:")
}

/// `app.py:12`, `source/server/server.cc:412`
fn is_place(text: &str) -> bool {
    let Some((file, line)) = text.rsplit_once(':') else { return false };
    is_pid(line)
        && file.rsplit_once('.').is_some_and(|(_, ending)| SOURCES.contains(&ending))
        && file.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/'))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 100
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// A dotted name that is no file, no host and no exception.
fn is_logger(name: &str) -> bool {
    const OTHERS: [&str; 26] = [
        "json", "yml", "yaml", "toml", "conf", "cfg", "ini", "xml", "md", "txt", "log", "sh", "sql", "lock", "env",
        "html", "css", "com", "org", "net", "io", "dev", "local", "internal", "lan", "crt",
    ];
    let ending = name.rsplit('.').next().unwrap_or_default();
    is_dotted(name) && !is_exception(name) && !OTHERS.contains(&ending) && !SOURCES.contains(&ending)
}

/// `alembic.runtime.migration`
fn is_dotted(name: &str) -> bool {
    name.contains('.') && !name.ends_with('.') && is_name(name)
}
