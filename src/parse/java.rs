//! Java's loggers (Spring Boot, logback, log4j, Tomcat, Elasticsearch), `java.util.logging` and
//! .NET's consoles.

use super::access;
use super::draft::Draft;
use super::level;
use super::scan::Scan;
use super::time;
use super::trace;
use crate::record::Level;

fn level_name(word: &str) -> Option<Level> {
    match word {
        "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR" | "FATAL" | "WARNING" | "SEVERE" | "FINE" | "FINER"
        | "FINEST" => level::of_name(word),
        "CONFIG" => Some(Level::Debug),
        _ => None,
    }
}

fn is_class(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'-' | b'/' | b'[' | b']' | b':' | b'@')
        })
}

/// Time, level, thread and class in the orders in which they are usual.
pub(super) fn line(draft: &mut Draft<'_>) -> Option<()> {
    if draft.head.starts_with('[') {
        return bracketed(draft);
    }
    let mut scan = Scan::new(draft.behind_time()?);
    scan.some_spaces()?;
    if scan.rest.starts_with('[') {
        return thread_first(draft, scan);
    }
    let mut ahead = scan;
    ahead.literal("- ");
    let word = ahead.word()?;
    let level = level_name(word)?;
    scan = ahead;
    let padding = scan.rest.len() - scan.spaces().rest.len();
    if padding > 1 && word.len() + padding == 9 {
        // Python's `%(levelname)-8s`.
        return None;
    }
    // Spring Boot: `INFO [app,trace,span] 1 --- [main] c.e.App : text`
    let mut ahead = scan;
    let traced = ahead.within("[", "]");
    let pid = if traced.is_some() { ahead.spaces().number() } else { scan.number() };
    if traced.is_some() && pid.is_some() {
        scan = ahead;
    }
    if let Some(pid) = pid {
        scan.spaces().literal("---")?;
        let mut groups = [""; 3];
        let mut count = 0;
        while count < 3
            && let Some(group) = scan.spaces().group()
        {
            groups[count] = group;
            count += 1;
        }
        let logger = scan.spaces().until(" : ")?.trim();
        let message = scan.rest;
        begin(draft, level, message);
        draft.integer("pid", pid);
        // Boot 3 puts the application first, and the ids behind the thread.
        let thread = if count >= 2 && !groups[1].is_empty() && !is_ids(groups[1]) { groups[1] } else { groups[0] };
        draft.text_field("thread", thread.trim());
        draft.logger(logger);
        let app = traced.map(|group| group.split(',').next().unwrap_or_default());
        let app = app.or(Some(groups[0]).filter(|group| thread != *group));
        draft.text_field("app", app.unwrap_or_default().trim());
        for group in traced.iter().chain(&groups) {
            ids(draft, group);
        }
        return Some(());
    }
    if scan.rest.starts_with('[') {
        // `INFO  [main] c.e.App: text`, ZooKeeper's `- INFO  [main:Class@123] - text`
        let thread = scan.within("[", "]")?;
        let mut ahead = scan;
        if ahead.spaces().literal("- ").is_some() {
            begin(draft, level, ahead.rest);
            zookeeper(draft, thread);
            return Some(());
        }
        // Without a colon or a dash it is Tomcat's.
        let word = scan.spaces().word()?;
        let logger = word.trim_end_matches(':');
        if !is_class(logger) || !(word.ends_with(':') && logger.contains('.') || scan.rest.starts_with(" -")) {
            return None;
        }
        scan.spaces().literal("- ");
        begin(draft, level, scan.rest);
        draft.text_field("thread", thread);
        draft.logger(logger);
        return Some(());
    }
    // log4j: `ERROR c.e.App:42 - text`, `INFO c.e.App - text`, `INFO c.e.App: text`
    let logger = scan.word().filter(|word| word.contains('.') && is_class(word))?;
    let mut ahead = scan;
    if ahead.spaces().literal("- ").is_some() {
        scan = ahead;
    } else if !logger.ends_with(':') {
        return None;
    }
    begin(draft, level, scan.spaces().rest);
    draft.logger(logger.trim_end_matches(':').split(':').next().unwrap_or_default());
    Some(())
}

fn begin<'a>(draft: &mut Draft<'a>, level: Level, message: &'a str) {
    draft.log_time(draft.lead);
    draft.level = Some(level);
    draft.message = Some(message);
}

/// `[main] INFO  c.e.App - text`, `[myid:] - INFO [main:Class@1] - text`
fn thread_first<'a>(draft: &mut Draft<'a>, mut scan: Scan<'a>) -> Option<()> {
    let thread = scan.within("[", "]")?;
    let mut ahead = scan;
    if ahead.spaces().literal("- ").is_some() {
        // ZooKeeper.
        let level = level_name(ahead.spaces().word()?)?;
        let place = ahead.spaces().within("[", "]")?;
        ahead.spaces().literal("- ")?;
        begin(draft, level, ahead.rest);
        draft.text_field("myid", thread.strip_prefix("myid:").unwrap_or_default());
        zookeeper(draft, place);
        return Some(());
    }
    let level = level_name(scan.spaces().word()?)?;
    let logger = scan.spaces().word().map(|word| word.trim_end_matches(':')).filter(|word| is_class(word))?;
    // Two dashes since logback 1.5.
    scan.spaces().literal("-")?;
    scan.literal("-");
    scan.literal(" ")?;
    begin(draft, level, scan.rest);
    draft.text_field("thread", thread);
    draft.logger(logger);
    Some(())
}

/// `main:QuorumPeerConfig@135`
fn zookeeper(draft: &mut Draft<'_>, place: &str) {
    let Some((thread, rest)) = place.rsplit_once(':') else { return draft.text_field("thread", place) };
    let (class, line) = rest.split_once('@').unwrap_or((rest, ""));
    draft.text_field("thread", thread);
    draft.logger(class);
    draft.number("line_number", line);
}

/// Elasticsearch: `[time][LEVEL ][logger] [node] text`; Kafka: `[time] LEVEL [thread] text (class)`
fn bracketed(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let stamp = scan.within("[", "]")?;
    let time = time::leading(stamp, draft.time_ns).filter(|time| time.len == stamp.len())?;
    if scan.rest.starts_with('[') {
        let level = level_name(scan.within("[", "]")?.trim())?;
        let logger = scan.within("[", "]")?.trim();
        let node = scan.spaces().within("[", "]").unwrap_or_default();
        draft.log_time(Some(time));
        draft.level = Some(level);
        draft.logger(logger);
        draft.text_field("host", node);
        draft.message = Some(scan.spaces().rest);
        return Some(());
    }
    let level = level_name(scan.spaces().word()?)?;
    let (message, class) = scan.spaces().rest.rsplit_once(" (")?;
    let class = class.strip_suffix(')').filter(|class| is_class(class) && class.contains('.'))?;
    draft.log_time(Some(time));
    draft.level = Some(level);
    draft.logger(class);
    let mut thread = Scan::new(message);
    if let Some(name) = thread.within("[", "]").filter(|_| thread.rest.starts_with(' ')) {
        draft.text_field("thread", name);
        draft.text_field("message", thread.spaces().rest);
    } else {
        draft.text_field("message", message);
    }
    draft.message = Some("");
    Some(())
}

fn is_ids(group: &str) -> bool {
    let mut parts = group.split([',', '-']).filter(|part| !part.is_empty());
    parts.next_back().is_some_and(|part| part.len() >= 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// `app,trace,span` and `trace-span`, as Sleuth and Micrometer write them.
fn ids(draft: &mut Draft<'_>, group: &str) {
    if !is_ids(group) {
        return;
    }
    let is_hex = |part: &&str| part.len() >= 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut parts = group.split([',', '-']).filter(is_hex);
    draft.text_field("trace_id", parts.next().unwrap_or_default());
    draft.text_field("span_id", parts.next().unwrap_or_default());
}

/// Tomcat: `21-Nov-2026 01:02:03.004 SEVERE [main] org.apache.Class.method text`
pub(super) fn tomcat(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.behind_time()?);
    scan.some_spaces()?;
    let level = level_name(scan.word()?)?;
    let thread = scan.spaces().within("[", "]")?;
    let class = scan.spaces().word().filter(|class| class.contains('.') && is_class(class) && !class.ends_with(':'))?;
    begin(draft, level, scan.spaces().rest);
    draft.text_field("thread", thread);
    let (class, function) = class.rsplit_once('.').unwrap_or((class, ""));
    draft.logger(class);
    draft.text_field("function", function);
    Some(())
}

/// Two lines: `Nov 21, 2026 1:48:21 AM M main` and `WARNING: careful`.
pub(super) fn jul(draft: &mut Draft<'_>) -> Option<()> {
    let class = draft.behind_time()?.strip_prefix(' ')?;
    let second = draft.rest.split('\n').next().unwrap_or_default();
    let (name, message) = second.split_once(": ").or_else(|| second.split_once(':'))?;
    let level = level_name(name)?;
    if class.contains(": ") {
        return None;
    }
    let (logger, function) = class.trim().split_once(' ').unwrap_or((class.trim(), ""));
    draft.log_time(draft.lead);
    draft.level = Some(level);
    draft.logger(logger);
    draft.text_field("function", function);
    let at = draft.text.len() - draft.rest.len() + name.len() + (second.len() - name.len() - message.len());
    draft.message = draft.text.get(at..).map(|rest| rest.split('\n').next().unwrap_or_default());
    draft.rest = draft.rest.split_once('\n').map_or("", |(_, rest)| rest);
    Some(())
}

/// Two lines: `info: Microsoft.Hosting.Lifetime[14]` and its text, indented.
pub(super) fn dotnet(draft: &mut Draft<'_>) -> Option<()> {
    let (name, rest) = draft.head.split_once(": ")?;
    let level = match name {
        "trce" => Level::Trace,
        "dbug" => Level::Debug,
        "info" => Level::Info,
        "warn" => Level::Warn,
        "fail" => Level::Error,
        "crit" => Level::Fatal,
        _ => return None,
    };
    let (category, rest) = rest.split_once('[')?;
    let (id, said) = rest.split_once(']')?;
    let said = said.strip_prefix(' ').or(Some(said).filter(|said| said.is_empty()))?;
    let id: i64 = id.parse().ok()?;
    if category.contains(' ') {
        return None;
    }
    draft.level = Some(level);
    draft.logger(category);
    draft.integer("event_id", id);
    if !said.is_empty() {
        draft.message = Some(said);
        return Some(());
    }
    // Its own lines, up to an exception's.
    let end = trace::find(draft.rest).map_or(draft.rest.len(), |trace| trace.start);
    let own = draft.rest[..end].trim_end();
    let lines: Vec<&str> = own.lines().map(|line| line.trim_start_matches(' ')).collect();
    let message = lines.join("\n");
    draft.text_field("message", &message);
    access::told(draft, &message);
    draft.message = Some("");
    if end == draft.rest.len() {
        draft.rest = "";
    }
    Some(())
}

/// Serilog: `[12:34:56 INF] text`, `2024-01-01 00:00:00.000 +00:00 [INF] text`
pub(super) fn serilog(draft: &mut Draft<'_>) -> Option<()> {
    let short = |name: &str| {
        Some(match name {
            "VRB" => Level::Trace,
            "DBG" => Level::Debug,
            "INF" => Level::Info,
            "WRN" => Level::Warn,
            "ERR" => Level::Error,
            "FTL" => Level::Fatal,
            _ => return None,
        })
    };
    let mut scan = Scan::new(draft.behind_time().unwrap_or(draft.head));
    let group = scan.spaces().within("[", "]")?;
    let (stamp, name) = group.rsplit_once(' ').unwrap_or(("", group));
    let level = short(name)?;
    if stamp.is_empty() {
        draft.log_time(draft.lead);
    } else {
        let time = time::leading(stamp, draft.time_ns).filter(|time| time.len == stamp.len())?;
        draft.log_time(Some(time));
    }
    draft.level = Some(level);
    draft.message = Some(scan.spaces().rest);
    Some(())
}
