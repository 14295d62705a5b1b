//! Servers' own lines: ClickHouse, MySQL, nginx's and Apache's errors, Redis, RabbitMQ, MongoDB before 4.4.

use super::draft::{Draft, Outcome, before_port, split_method};
use super::duration::{self, SECONDS};
use super::epoch;
use super::level;
use super::scan::Scan;
use super::time;
use crate::record::{FieldValue, Level};

/// `2020-08-06T14:25:02.835618Z 0 [Note] [MY-012487] [InnoDB] …`, MariaDB's `2021-11-09  5:13:12 8
/// [Warning] …`, and the entrypoint's `2024-01-01 00:00:00+00:00 [Note] [Entrypoint]: …`
pub(super) fn mysql(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.behind_time()?);
    scan.some_spaces()?;
    let thread = scan.number();
    let level = match scan.spaces().within("[", "]")? {
        "Note" | "System" => Level::Info,
        "Warning" | "Warn" => Level::Warn,
        "ERROR" | "Error" => Level::Error,
        _ => return None,
    };
    if thread.is_none() && !scan.rest.trim_start().starts_with('[') {
        return None;
    }
    draft.log_time(draft.lead);
    draft.level = Some(level);
    if let Some(thread) = thread {
        draft.integer("thread", thread);
    }
    while let Some(group) = scan.spaces().within("[", "]") {
        if group.starts_with("MY-") {
            draft.text_field("code", group);
        } else {
            draft.logger(group);
        }
        if scan.literal(":").is_some() {
            break;
        }
    }
    let message = scan.spaces().rest;
    if let Some((name, rest)) =
        message.split_once(": ").filter(|(name, _)| matches!(*name, "InnoDB" | "Aria" | "Plugin"))
    {
        draft.logger(name);
        draft.message = Some(rest);
    } else {
        draft.message = Some(message);
    }
    Some(())
}

/// ClickHouse: `2026.11.21 14:04:05.123456 [ 47 ] {query id} <Debug> executeQuery: text`
pub(super) fn clickhouse(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.behind_time()?);
    scan.some_spaces()?;
    let thread = scan.within("[ ", " ]")?.parse().ok()?;
    let query = scan.spaces().within("{", "}")?;
    let level = match scan.spaces().within("<", ">")? {
        // The lowest of Poco's.
        "Test" => Level::Trace,
        name => level::of_name(name)?,
    };
    draft.log_time(draft.lead);
    draft.level = Some(level);
    draft.integer("thread", thread);
    draft.text_field("request_id", query);
    let message = scan.spaces().rest;
    let named = message.split_once(": ").filter(|(name, _)| {
        let name = name.split_once(" (").map_or(*name, |(name, _)| name);
        !name.is_empty() && !name.contains([' ', ':'])
    });
    draft.logger(named.map_or("", |(name, _)| name));
    let message = named.map_or(message, |(_, message)| message);
    draft.message = Some(message);
    if let Some((_, said)) = message.split_once("DB::Exception: ").filter(|_| level >= Level::Error) {
        draft.error("DB::Exception", said, "");
    }
    Some(())
}

/// The slow log's block: `# Time:`, `# User@Host:`, `# Query_time:` and the statement.
pub(super) fn mysql_slow(draft: &mut Draft<'_>) -> Option<()> {
    if !draft.head.starts_with("# Time: ") && !draft.head.starts_with("# User@Host: ") {
        return None;
    }
    let at = draft.text.find("# Query_time: ")?;
    let line = draft.text[at..].lines().next()?;
    let value = |name: &str| {
        let (_, rest) = line.split_once(name)?;
        rest.trim_start().split(' ').next()
    };
    let ms = duration::milliseconds(value("Query_time:")?, SECONDS)?;
    if let Some(text) = draft.head.strip_prefix("# Time: ") {
        draft.log_time(time::leading(text.trim(), draft.time_ns));
    }
    draft.level = Some(Level::Info);
    for (name, key) in [
        ("query_time", "Query_time:"),
        ("lock_time", "Lock_time:"),
        ("rows_sent", "Rows_sent:"),
        ("rows_examined", "Rows_examined:"),
    ] {
        if let Some(value) = value(key) {
            match value.parse() {
                Ok(number) => draft.integer(name, number),
                Err(_) => draft.fields.push(name, value.parse().map_or(FieldValue::Text(value), FieldValue::Float)),
            }
        }
    }
    if let Some((_, rest)) = draft.text.split_once("# User@Host: ") {
        draft.text_field("user", rest.split(['[', ' ', '\n']).next().unwrap_or_default());
    }
    let statement = draft.text[at + line.len()..].trim();
    let is_setting =
        |line: &&str| line.starts_with("SET timestamp=") || line.starts_with("use ") || line.starts_with("# ");
    let skipped: usize = statement.lines().take_while(is_setting).map(|line| line.len() + 1).sum();
    let statement = statement.get(skipped..).unwrap_or_default();
    draft.text_field("statement", statement);
    draft.operation("query", Outcome::Success, Some(ms));
    draft.text_field("message", if statement.is_empty() { line } else { statement });
    Some(())
}

/// `2022/05/14 07:08:37 [crit] 6689#6689: *16721837 message, client: …, request: "GET / HTTP/1.1"`
pub(super) fn nginx_error(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.behind_time()?);
    let level = level::of_name(scan.spaces().within("[", "]")?)?;
    let pid = scan.spaces().digits()?;
    scan.literal("#")?;
    let tid = scan.digits()?;
    scan.literal(":")?;
    draft.log_time(draft.lead);
    draft.level = Some(level);
    draft.number("pid", pid);
    draft.number("tid", tid);
    scan.spaces();
    let mut ahead = scan;
    if ahead.literal("*").is_some()
        && let Some(connection) = ahead.digits()
    {
        draft.number("connection", connection);
        ahead.spaces();
        scan = ahead;
    }
    // What php-fpm said may go over lines; the pairs stand at the end of the last one.
    let is_quoted = scan.rest.starts_with("FastCGI sent in stderr: ") && !draft.rest.is_empty();
    if let Some(whole) = draft.text.get(draft.head.len() - scan.rest.len()..).filter(|_| is_quoted && !draft.is_cut) {
        let message = nginx_pairs(draft, whole);
        draft.text_field("message", message);
        draft.message = Some("");
        draft.rest = "";
        return Some(());
    }
    draft.message = Some(nginx_pairs(draft, scan.rest));
    Some(())
}

/// The pairs that nginx ends its errors with; answers what stands before them.
fn nginx_pairs<'a>(draft: &mut Draft<'_>, text: &'a str) -> &'a str {
    const KEYS: [&str; 6] = [", client: ", ", server: ", ", request: ", ", upstream: ", ", host: ", ", referrer: "];
    fn next(text: &str) -> Option<usize> {
        let is_pair = |at: &usize| KEYS.iter().any(|key| text.as_bytes()[*at..].starts_with(key.as_bytes()));
        memchr::memchr_iter(b',', text.as_bytes()).find(is_pair)
    }
    // The message may quote what looks like a pair.
    let Some(end) = text.rfind(KEYS[0]).or_else(|| next(text)) else { return text };
    let (message, mut rest) = text.split_at(end);
    // Each once: a hostile line may repeat one forever.
    for _ in 0..KEYS.len() {
        let Some(key) = KEYS.iter().find(|key| rest.starts_with(**key)) else { break };
        rest = &rest[key.len()..];
        let end = next(rest).unwrap_or(rest.len());
        let value = rest[..end].trim_matches('"');
        rest = &rest[end..];
        match *key {
            ", client: " => draft.client(value),
            ", server: " => draft.text_field("server", value.trim_end_matches(',').trim()),
            ", upstream: " => draft.text_field("upstream", value),
            ", host: " => draft.text_field("host", value),
            ", referrer: " => draft.text_field("referrer", value),
            _ => {
                if let Some((method, target)) = split_method(value) {
                    draft.request(method, target.split(" HT").next().unwrap_or(target));
                }
            }
        }
    }
    message
}

/// `nginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:3`
pub(super) fn nginx_start(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head.strip_prefix("nginx: ")?);
    let level = level::of_name(scan.within("[", "]")?)?;
    draft.level = Some(level);
    draft.message = Some(scan.spaces().rest);
    Some(())
}

/// `[Tue Apr 04 06:28:08.605341 2017] [core:error] [pid 17962:tid 1] [client 127.0.0.1:60444] AH00135: …`
pub(super) fn apache_error(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let stamp = scan.within("[", "]")?;
    let time = time::leading(stamp, draft.time_ns).filter(|time| time.len == stamp.len())?;
    let group = scan.spaces().within("[", "]")?;
    let (module, name) = group.split_once(':').unwrap_or(("", group));
    // `trace1` to `trace8`.
    let level = level::of_name(name.trim_end_matches(|c: char| c.is_ascii_digit()))?;
    if !stamp.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    draft.log_time(Some(time));
    draft.level = Some(level);
    draft.logger(module);
    draft.text_field("module", module);
    while let Some(group) = scan.spaces().within("[", "]") {
        if let Some(pid) = group.strip_prefix("pid ") {
            let (pid, tid) = pid.split_once(":tid ").unwrap_or((pid, ""));
            draft.number("pid", pid);
            draft.number("tid", tid);
        } else {
            apache_client(draft, group);
        }
    }
    let message = scan.spaces().rest;
    // The system's error comes first, and the client behind it.
    if message.starts_with('(')
        && let Some((before, rest)) = message.split_once(": [")
        && let Some((group, rest)) = rest.split_once("] ")
        && apache_client(draft, group)
    {
        let text = format!("{before}: {}", apache_code(draft, rest));
        draft.text_field("message", &text);
        draft.message = Some("");
        return Some(());
    }
    draft.message = Some(apache_code(draft, message));
    Some(())
}

fn apache_client(draft: &mut Draft<'_>, group: &str) -> bool {
    let client = group.strip_prefix("client ").or_else(|| group.strip_prefix("remote "));
    if let Some(client) = client {
        // Since 2.4 with a port, before it without; the last part of an IPv6 address has four digits.
        let has_port = match client.matches(':').count() {
            0 => false,
            1 => true,
            _ => client.rsplit(':').next().is_some_and(|port| port.len() == 5),
        };
        draft.text_field("http.client", if has_port { before_port(client) } else { client });
    }
    client.is_some()
}

/// Cuts off `AH00135: `, which is a field.
fn apache_code<'a>(draft: &mut Draft<'_>, message: &'a str) -> &'a str {
    let is_code =
        |code: &str| code.len() == 7 && code.starts_with("AH") && code[2..].bytes().all(|byte| byte.is_ascii_digit());
    match message.split_once(": ").filter(|(code, _)| is_code(code)) {
        Some((code, rest)) => {
            draft.text_field("code", code);
            rest
        }
        None => message,
    }
}

/// `1:M 29 Aug 2023 13:47:38.984 * message`
pub(super) fn redis(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    // Before version 3: `[4018] 14 Nov 07:01:22.119 * …`
    let (pid, role) = if let Some(pid) = scan.within("[", "]") {
        (Some(pid).filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()))?, "")
    } else {
        let pid = scan.digits()?;
        scan.literal(":")?;
        (pid, scan.word().filter(|role| matches!(*role, "M" | "S" | "C" | "X" | "signal-handler"))?)
    };
    scan.spaces();
    if role == "signal-handler" {
        let seconds = scan.within("(", ")")?.parse().ok()?;
        draft.log_time_ns(epoch::of_integer(seconds));
        draft.level = Some(Level::Warn);
    } else {
        let time = time::leading(scan.rest, draft.time_ns)?;
        scan.rest = &scan.rest[time.len..];
        draft.log_time(Some(time));
        draft.level = Some(match scan.spaces().word()? {
            "." | "-" => Level::Debug,
            "*" => Level::Info,
            "#" => Level::Warn,
            _ => return None,
        });
    }
    draft.number("pid", pid);
    draft.text_field("role", role);
    draft.message = Some(scan.spaces().rest);
    Some(())
}

/// `2024-01-02 10:11:12.345 [error] <0.704.0> message`
pub(super) fn rabbitmq(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.behind_time()?);
    scan.some_spaces()?;
    let level = level::of_name(scan.within("[", "]")?)?;
    let process = scan.spaces().within("<", ">")?;
    if !process.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    draft.log_time(draft.lead);
    draft.level = Some(level);
    let end = draft.head.len() - scan.rest.len();
    draft.text_field("erlang_pid", &draft.head[end - process.len() - 2..end]);
    draft.message = Some(scan.spaces().rest);
    Some(())
}

/// `2019-01-01T00:00:00.000+0000 I NETWORK  [conn1] message 120ms`
pub(super) fn mongodb(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.behind_time()?);
    scan.some_spaces()?;
    let severity = scan.word()?;
    let level = match severity.as_bytes() {
        [_] => level::of_letter(severity)?,
        [b'D', b'1'..=b'5'] => Level::Debug,
        _ => return None,
    };
    let component = scan.spaces().word()?;
    let context = scan.spaces().within("[", "]")?;
    let is_component = |byte: u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    if !component.bytes().all(is_component) {
        return None;
    }
    draft.log_time(draft.lead);
    draft.level = Some(level);
    draft.text_field("logger", component);
    draft.text_field("context", context);
    let message = scan.spaces().rest;
    draft.message = Some(message);
    if let Some(ms) = message.rsplit(' ').next().filter(|word| word.ends_with("ms")).and_then(duration::whole) {
        draft.operation("query", Outcome::Success, Some(ms));
    }
    Some(())
}
