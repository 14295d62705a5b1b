//! How bad a line is: from its fields, else from its text, to a level. A careful guess: a field
//! beats a position, a position beats a word, and what nothing says is unknown.

use crate::record::{FieldValue, Fields, Level};
use crate::text;

use super::head;

/// The names of a level's field, the more telling ones first; compared in any case.
const KEYS: [&str; 11] = [
    "level",
    "severity",
    "log.level",
    "levelname",
    "level_name",
    "@l",
    "lvl",
    "loglevel",
    "log_level",
    "severity_text",
    "priority",
];

/// The names of a response's status, and of the method that stands beside it in a record of an
/// HTTP access.
const STATUS_KEYS: [&str; 6] =
    ["status", "status_code", "statusCode", "res.statusCode", "DownstreamStatus", "http.response.status_code"];
const METHOD_KEYS: [&str; 7] =
    ["method", "req.method", "request.method", "request_method", "RequestMethod", "http.method", "http.request.method"];

/// Where a level stands, it stands early: no more of a line is looked at.
const MAX_TEXT_BYTES: usize = 4096;

/// The level of a line with these fields.
pub(super) fn guess(raw: &str, fields: &Fields) -> Level {
    if !fields.is_empty() {
        return of_fields(fields);
    }
    let text = &raw[..raw.floor_char_boundary(MAX_TEXT_BYTES)];
    let line = text.trim_start().lines().next().unwrap_or_default();
    of_line(&text::without_escapes(line))
}

fn of_fields(fields: &Fields) -> Level {
    let mut best: Option<((bool, usize), Level)> = None;
    for (name, value) in fields {
        let Some(rank) = key_rank(name) else { continue };
        let (is_number, level) = match value {
            FieldValue::Integer(number) => (true, of_number(*number)),
            FieldValue::Text(text) => match of_name(text) {
                Some(level) => (false, Some(level)),
                None => (true, text.parse().ok().and_then(of_number)),
            },
            FieldValue::Bool(_) | FieldValue::Float(_) => continue,
        };
        // A text says more than a number, whose scale has to be guessed.
        let place = (is_number, rank);
        if let Some(level) = level
            && best.is_none_or(|(other, _)| place < other)
        {
            best = Some((place, level));
        }
    }
    let level = best.map_or_else(|| of_known_shapes(fields), |(_, level)| level);
    // pino-http and others log a failed request as information; a good one stays debug.
    match of_access_fields(fields) {
        Some(status) if status > Level::Info || level == Level::Unknown => level.max(status),
        _ => level,
    }
}

/// The level of shapes whose keys say nothing on their own.
fn of_known_shapes(fields: &Fields) -> Level {
    let text = |name: &str| match fields.get(name) {
        Some(FieldValue::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    match text("s") {
        // MongoDB: severity and component; D1 to D5 are shades of debug.
        Some(severity) if text("c").is_some() => {
            let letter = severity.trim_end_matches(|c: char| c.is_ascii_digit());
            of_letter(letter).unwrap_or_default()
        }
        // Serilog's compact form leaves out `@l` where it is information.
        _ if fields.contains_key("@t") && (fields.contains_key("@mt") || fields.contains_key("@m")) => Level::Info,
        _ => Level::Unknown,
    }
}

fn of_access_fields(fields: &Fields) -> Option<Level> {
    METHOD_KEYS.iter().find_map(|key| fields.get(*key))?;
    STATUS_KEYS.iter().find_map(|key| match fields.get(*key)? {
        FieldValue::Integer(status) => of_status(*status),
        FieldValue::Text(status) => of_status(status.parse().ok()?),
        FieldValue::Bool(_) | FieldValue::Float(_) => None,
    })
}

fn of_line(line: &str) -> Level {
    let structured = match line.as_bytes() {
        // An object that was cut off, else it would have fields.
        [b'{', ..] => return of_cut_json(line).unwrap_or_default(),
        [b'<', b'0'..=b'9', ..] => of_syslog_priority(line),
        _ => of_access_line(line).or_else(|| of_logfmt(line)),
    };
    structured.or_else(|| head::failure(line)).unwrap_or_else(|| head::level(line))
}

/// RFC 5424's `<priority>`: eight times the facility, and the severity.
fn of_syslog_priority(line: &str) -> Option<Level> {
    let (priority, _) = line.strip_prefix('<')?.split_once('>')?;
    let priority: i64 = priority.parse().ok().filter(|priority| *priority < 192)?;
    of_number(priority % 8)
}

fn of_cut_json(line: &str) -> Option<Level> {
    let mut rest = line;
    loop {
        let (name, after) = quoted(&rest[rest.find('"')? + 1..])?;
        rest = after;
        let Some(value) = after.trim_start().strip_prefix(':') else { continue };
        if key_rank(name).is_some() {
            let value = value.trim_start().trim_start_matches('"');
            let end = value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len());
            if let Some(level) = of_value(&value[..end]) {
                return Some(level);
            }
        }
    }
}

/// `key=value key="some words"`, and only where the line begins so: a `level=debug` within a
/// sentence is what the sentence is about.
fn of_logfmt(line: &str) -> Option<Level> {
    let mut rest = line;
    let mut is_first = true;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c == '"' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let value = after.strip_prefix('=').filter(|_| !key.is_empty());
        if is_first && (value.is_none() || !key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '@' || c == '_'))
        {
            return None;
        }
        is_first = false;
        let word = value.unwrap_or(after);
        let (value, after) = match word.strip_prefix('"') {
            Some(text) => quoted(text)?,
            None => word.split_at(word.find(char::is_whitespace).unwrap_or(word.len())),
        };
        if key_rank(key).is_some()
            && let Some(level) = of_value(value)
        {
            return Some(level);
        }
        rest = after.trim_start();
    }
    None
}

/// Splits behind the quote that ends the text.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', text.as_bytes().get(from..)?)?;
        if text.as_bytes()[at] == b'"' {
            return Some((&text[..at], &text[at + 1..]));
        }
        from = at + 2;
    }
}

/// A record of an HTTP access, by its status: the combined format and what contains its request
/// and status, `GET /path 200 …`, and the columns of Go's Gin and Fiber.
fn of_access_line(line: &str) -> Option<Level> {
    of_request(line).or_else(|| of_bare_request(line)).or_else(|| of_columns(line))
}

/// `… "GET /path HTTP/1.1" 200 …`
fn of_request(line: &str) -> Option<Level> {
    let mut rest = line;
    loop {
        let (_, after) = rest.split_once('"')?;
        rest = after;
        if !begins_with_method(after) {
            continue;
        }
        let (request, status) = quoted(after)?;
        let (_, version) = request.rsplit_once(' ')?;
        if version.starts_with("HTTP/") && status.starts_with(' ') {
            return status_word(status.trim_start());
        }
    }
}

/// `GET /path 200 …`, of morgan and Next.js.
fn of_bare_request(line: &str) -> Option<Level> {
    if !begins_with_method(line) {
        return None;
    }
    let (path, status) = line.split_once(' ')?.1.split_once(' ')?;
    path.starts_with(['/', 'h']).then(|| status_word(status))?
}

/// `… | 200 | 1.2ms | 10.0.0.1 | GET /path`
fn of_columns(line: &str) -> Option<Level> {
    let mut columns = line.split('|').map(str::trim).skip(1);
    let level =
        columns.by_ref().take(2).find_map(|column| if column.len() == 3 { status_word(column) } else { None })?;
    columns.any(begins_with_method).then_some(level)
}

fn begins_with_method(text: &str) -> bool {
    const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"];
    let end = text.bytes().take(8).take_while(u8::is_ascii_uppercase).count();
    let after = text.as_bytes().get(end);
    after.is_none_or(|byte| *byte == b' ') && METHODS.contains(&&text[..end])
}

/// The level of a status that is the first word of the text.
fn status_word(text: &str) -> Option<Level> {
    let status = text.split([' ', '\t']).next().filter(|status| status.len() == 3)?;
    of_status(status.parse().ok()?)
}

fn of_status(status: i64) -> Option<Level> {
    match status {
        100..=399 => Some(Level::Info),
        400..=499 => Some(Level::Warn),
        500..=599 => Some(Level::Error),
        _ => None,
    }
}

fn key_rank(name: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.eq_ignore_ascii_case(name))
}

fn of_value(value: &str) -> Option<Level> {
    of_name(value).or_else(|| of_number(value.parse().ok()?))
}

/// The level of a number, on the scale that it belongs to: syslog's and GELF's 0 to 7, pino's and
/// bunyan's 10 to 60, monolog's 100 to 600.
fn of_number(number: i64) -> Option<Level> {
    match number {
        0..=2 | 60..=69 | 500..=600 => Some(Level::Fatal),
        3 | 50..=59 | 400..=499 => Some(Level::Error),
        4 | 40..=49 | 300..=399 => Some(Level::Warn),
        5 | 6 | 30..=39 | 200..=299 => Some(Level::Info),
        7 | 20..=29 | 100..=199 => Some(Level::Debug),
        10..=19 => Some(Level::Trace),
        _ => None,
    }
}

/// The level that programs call so, in any case.
pub(super) fn of_name(name: &str) -> Option<Level> {
    let mut lower = [0; 13];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    match &*lower {
        b"trace" | b"trce" | b"trc" | b"finest" | b"finer" | b"silly" | b"verbose" => Some(Level::Trace),
        b"debug" | b"dbug" | b"dbg" | b"fine" => Some(Level::Debug),
        b"info" | b"inf" | b"information" | b"informational" | b"notice" | b"success" => Some(Level::Info),
        b"warn" | b"warning" | b"wrn" => Some(Level::Warn),
        b"error" | b"err" | b"eror" | b"severe" | b"fail" => Some(Level::Error),
        b"fatal" | b"ftl" | b"crit" | b"critical" | b"emerg" | b"emergency" | b"alert" | b"panic" | b"dpanic" => {
            Some(Level::Fatal)
        }
        _ => None,
    }
}

/// The level of a single capital letter.
pub(super) fn of_letter(letter: &str) -> Option<Level> {
    match letter {
        "T" => Some(Level::Trace),
        "D" => Some(Level::Debug),
        "I" => Some(Level::Info),
        "W" => Some(Level::Warn),
        "E" => Some(Level::Error),
        "F" | "C" => Some(Level::Fatal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Level) {
        assert_eq!(guess(line, &super::super::fields(line)), expected, "{line:?}");
    }

    /// Lines with the level that a careful reader gives them.
    const CAREFUL: [(Level, &str); 74] = [
        (Level::Unknown, "nightly job done: 0 errors, 3 warnings"),
        (Level::Unknown, "Compiled with 0 errors"),
        (Level::Unknown, "error_count=0 ok=17 took=12ms"),
        (Level::Info, r#"level=info msg="retry" error=null"#),
        (Level::Error, "lvl=eror msg=boom"),
        (Level::Error, r#"t=2024-01-01T00:00:00Z lvl=eror msg="boom""#),
        (Level::Info, r#"{"level":30,"time":1700000000000,"pid":1,"hostname":"a","msg":"listening"}"#),
        (Level::Error, r#"{"level":50,"time":1700000000000,"pid":1,"hostname":"a","msg":"db down"}"#),
        (Level::Info, r#"{"level":30,"msg":"error budget ok"}"#),
        (
            Level::Error,
            r#"{"timestamp":"2024-11-13 11:03:31.784","source":"Auth.js:888","message":"[Auth] Failed login","levelName":"ERR"#,
        ),
        (Level::Error, r#"{"PRIORITY":"3","MESSAGE":"oom"}"#),
        (Level::Error, r#"{"version":"1.1","host":"a","short_message":"boom","level":3}"#),
        (Level::Fatal, r#"2025-07-21 10:14:40.118 UTC [21778] FATAL:  password authentication failed for user "x""#),
        (
            Level::Info,
            "2025-07-21 10:14:25.411 UTC [21767] LOG:  could not receive data from client: Connection reset by peer",
        ),
        (Level::Info, "2025-07-21 10:14:45.721 UTC [21782] LOG:  checkpoint starting: time"),
        (Level::Error, r#"2025-07-21 10:14:25.411 UTC [21767] ERROR:  relation "x" does not exist at character 15"#),
        (
            Level::Fatal,
            "2025-07-21 10:14:55.029 UTC [21793] PANIC:  could not write to log file: No space left on device",
        ),
        (Level::Info, "1:M 29 Aug 2023 13:47:38.984 * Ready to accept connections"),
        (Level::Warn, "1:C 29 Aug 2023 13:47:38.984 # WARNING Memory overcommit must be enabled!"),
        (Level::Warn, "1:M 29 Aug 2023 13:47:38.984 # Server initialized"),
        (
            Level::Fatal,
            "2022/05/14 07:08:37 [crit] 6689#6689: *16721837 SSL_do_handshake() failed (SSL: error:1420918C:SSL routines)",
        ),
        (Level::Fatal, r#"2022/05/14 07:08:37 [emerg] 1#1: host not found in upstream "api""#),
        (Level::Info, "2022/05/14 07:08:37 [notice] 1#1: start worker processes"),
        (Level::Fatal, "2022/05/14 07:08:37 [alert] 1#1: worker process 31 exited on signal 9"),
        (Level::Error, "E0806 14:55:55.980915       1 fsHandler.go:121] failed to collect"),
        (Level::Info, "I0430 11:58:31.792717       1 cluster.go:337] memberlist [ERROR] Failed push"),
        (Level::Error, r#"INFO:     172.17.0.1:52782 - "GET /error HTTP/1.1" 500 Internal Server Error"#),
        (Level::Info, r#"172.17.0.1 - - [08/Dec/2021:09:16:05 +0000] "GET /debug HTTP/1.1" 200 414 "-" "-""#),
        (Level::Info, r#"172.17.0.1 - - [08/Dec/2021:09:16:05 +0000] "GET /x?level=error HTTP/1.1" 200 414 "-" "-""#),
        (Level::Info, "2024-06-01T00:00:00.000Z [Note] [MY-010931] [Server] ready for connections"),
        (
            Level::Info,
            "2020-08-06T14:25:02.835618Z 0 [System] [MY-010931] [Server] /usr/sbin/mysqld: ready for connections.",
        ),
        (Level::Error, "2020-08-06T14:25:02.835618Z 0 [ERROR] [MY-012592] [InnoDB] Operating system error number 2"),
        (Level::Error, "2024-01-02 10:11:12.345 [error] <0.704.0> Channel error on connection"),
        (Level::Info, "\u{1b}[32mINFO\u{1b}[0m:     Application startup complete."),
        (Level::Error, "\u{1b}[2m2024-01-01T00:00:00Z\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m app: boom"),
        (Level::Info, "I, [2024-06-26T17:00:04.497736 #126554]  INFO -- : Completed 200 OK in 180ms"),
        (Level::Error, "fail: Microsoft.AspNetCore.Diagnostics.DeveloperExceptionPageMiddleware[1]"),
        (Level::Info, "info: Microsoft.Hosting.Lifetime[14]"),
        (Level::Fatal, "crit: Microsoft.AspNetCore.Server.Kestrel[0]"),
        (Level::Warn, "warn: x[0]"),
        (Level::Debug, "dbug: x[0]"),
        (Level::Trace, "trce: x[0]"),
        (Level::Error, r#"[2025-08-31 12:34:56] local.ERROR: Something bad happened {"user_id":123}"#),
        (Level::Info, "[2025-08-31 12:34:56] local.NOTICE: x"),
        (Level::Warn, "2022-12-17 22:04:36.2|Warn|Auth|Auth-Failure ip 1.2.3.4"),
        (Level::Warn, "(W) 2024-11-26T13:37:02 - WebAPI login failure."),
        (Level::Error, r#"[GIN] 2022/02/07 - 10:49:33 | 500 |     505.317µs |       10.1.2.3 | POST     "/client""#),
        (Level::Fatal, "panic: runtime error: index out of range [5] with length 3"),
        (Level::Error, "thread 'main' panicked at src/main.rs:2:5:"),
        (Level::Error, "Traceback (most recent call last):"),
        (Level::Error, "ValueError: bad"),
        (Level::Error, "java.lang.NullPointerException: x"),
        (Level::Error, "Uncaught TypeError: x is not a function"),
        (Level::Error, "Error: connect ECONNREFUSED 127.0.0.1:5432"),
        (Level::Error, "prisma:error Invalid `prisma.user.findMany()` invocation"),
        (Level::Error, "[1:1:0101/000000.000000:ERROR:bus.cc(407)] Failed to connect to the bus"),
        (Level::Warn, "[2024-01-01 00:00:00,123: WARNING/MainProcess] x"),
        (Level::Fatal, "[2024-01-01 00:00:00 +0000] [7] [CRITICAL] WORKER TIMEOUT (pid:9)"),
        (Level::Info, "2024-01-01 00:00:00.123  INFO 1 --- [main] c.e.App : Started with no errors"),
        (Level::Error, "2024-01-01 00:00:00.123 SEVERE [main] org.apache.catalina.core.X boom"),
        (Level::Error, r#"{"severity":"ERROR","message":"x"}"#),
        (Level::Error, r#"{"log":{"level":"error"},"message":"x"}"#),
        (Level::Error, r#"{"log.level":"ERROR","message":"x"}"#),
        (Level::Error, r#"{"@l":"Error","@mt":"x"}"#),
        (Level::Error, r#"{"s":"E","c":"NETWORK","msg":"x"}"#),
        (Level::Error, r#"{"level":"error","msg":"info"}"#),
        (Level::Error, r#"{"levelname":"ERROR","message":"x"}"#),
        (Level::Error, r#"{"level_name":"ERROR","level":400}"#),
        (Level::Warn, r#"{"severity_text":"WARN","body":"x"}"#),
        (Level::Warn, r#"{"lvl":"WRN"}"#),
        (Level::Error, "<3>Jan  1 00:00:00 host app: boom"),
        (Level::Error, "<11>1 2024-01-01T00:00:00Z h app - - - boom"),
        (Level::Warn, r#"time=2024-01-12T22:54:56.307Z level=WARN msg="x" error="y""#),
        (Level::Info, r#"ts=2024 caller=main.go:1 level=info err="connection error""#),
    ];

    #[test]
    fn levels_are_those_of_a_careful_reader() {
        for (expected, line) in CAREFUL {
            check(line, expected);
        }
    }

    #[test]
    fn a_field_says_more_than_a_number_and_a_number_more_than_nothing() {
        for (line, expected) in [
            (r#"{"msg":"error"}"#, Level::Unknown),
            (r#"{"level":10}"#, Level::Trace),
            (r#"{"level":20}"#, Level::Debug),
            (r#"{"level":60}"#, Level::Fatal),
            (r#"{"level":0}"#, Level::Fatal),
            (r#"{"level":7}"#, Level::Debug),
            (r#"{"level":100}"#, Level::Debug),
            (r#"{"level":250}"#, Level::Info),
            (r#"{"level":550}"#, Level::Fatal),
            (r#"{"level":9}"#, Level::Unknown),
            (r#"{"level":30,"severity":"error"}"#, Level::Error),
            (r#"{"severity":"error","level":"warn"}"#, Level::Warn),
            (r#"{"level":"weird","lvl":"warn"}"#, Level::Warn),
            (r#"{"LEVEL":"Warn"}"#, Level::Warn),
            (r#"{"level":true}"#, Level::Unknown),
            (r#"{"s":"D2","c":"REPL"}"#, Level::Debug),
            (r#"{"s":"E"}"#, Level::Unknown),
            (r#"{"@t":"2024","@mt":"up"}"#, Level::Info),
            (r#"{"@t":"2024"}"#, Level::Unknown),
        ] {
            check(line, expected);
        }
    }

    #[test]
    fn a_failed_request_is_at_least_that() {
        for (line, expected) in [
            (r#"{"level":30,"req":{"method":"GET"},"res":{"statusCode":500}}"#, Level::Error),
            (r#"{"level":"info","method":"GET","status":404}"#, Level::Warn),
            (r#"{"level":"debug","method":"GET","status":200}"#, Level::Debug),
            (r#"{"level":"fatal","method":"GET","status":500}"#, Level::Fatal),
            (r#"{"method":"GET","status":"200"}"#, Level::Info),
            (r#"{"method":"GET","status":0}"#, Level::Unknown),
            (r#"{"level":"info","status":500}"#, Level::Info),
            ("10.0.0.1 - - [x] \"GET /error HTTP/2.0\" 302 0", Level::Info),
            ("10.0.0.1 - - [x] \"\u{1b}[35mGET /boom HTTP/1.1\u{1b}[0m\" 500 -", Level::Error),
            (r#"a "b" "POST /say\"hi HTTP/1.1" 422 1"#, Level::Warn),
            (r#"2022/05/14 07:08:37 [error] 1#1: *2 x, request: "GET /x HTTP/1.1", host: "a""#, Level::Error),
            (" GET /boom 500 in 154ms", Level::Error),
            ("GET http://x/ 404 1 ms", Level::Warn),
            ("GET ready 500 in 1ms", Level::Unknown),
            ("10:49:33 | 404 | 1ms | 10.0.0.1 | GET | /x", Level::Warn),
            ("10:49:33 | 404 | 1ms", Level::Unknown),
            (r#"x "GET /x HTTP/1.1" 999 1"#, Level::Unknown),
        ] {
            check(line, expected);
        }
    }

    #[test]
    fn structured_text_counts_where_the_line_is_structured() {
        for (line, expected) in [
            (r#"msg="level=error" level=debug"#, Level::Debug),
            (r#"msg="say \"hi\" level=error" lvl=warn"#, Level::Warn),
            (r#"msg="never ends level=error"#, Level::Unknown),
            ("starting with level=debug", Level::Unknown),
            ("a=b level= lvl=warn", Level::Warn),
            ("level=50 x=1", Level::Error),
            ("=level=error", Level::Unknown),
            (r#"{"msg":"level","n":"error","level" : 40,"x":"#, Level::Warn),
            (r#"{"msg":"\"level\":\"error\"","x":"#, Level::Unknown),
            (r#"{"msg":"cut"#, Level::Unknown),
            ("<7>quiet", Level::Debug),
            ("<192>none", Level::Unknown),
            ("<3 none", Level::Unknown),
        ] {
            check(line, expected);
        }
    }

    #[test]
    fn only_the_beginning_of_the_first_line_counts() {
        check(&format!("{}\u{1b}[0m [error] x", " ".repeat(MAX_TEXT_BYTES)), Level::Unknown);
        check("\n\n[warn] x\n[error] y", Level::Warn);
        check("so far\n[error] y", Level::Unknown);
        check(&format!("{}é", "x".repeat(MAX_TEXT_BYTES - 1)), Level::Unknown);
    }
}
