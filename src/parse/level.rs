//! How bad it is: from what programs call it, as a name, a number or a status, to a level.

use crate::record::Level;

/// The level of a request that was answered so.
pub(super) fn of_status(status: i64) -> Option<Level> {
    match status {
        100..=399 => Some(Level::Info),
        400..=499 => Some(Level::Warn),
        500..=599 => Some(Level::Error),
        _ => None,
    }
}

/// The level of a text that is its name or its number.
pub(super) fn of_value(value: &str) -> Option<Level> {
    of_name(value).or_else(|| of_number(value.parse().ok()?))
}

/// The level of a number, on the scale that it belongs to: syslog's and GELF's 0 to 7, pino's and
/// bunyan's 10 to 60, monolog's 100 to 600.
pub(super) fn of_number(number: i64) -> Option<Level> {
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

/// The level of Nextcloud's own scale, where 0 is debug and 4 is fatal.
pub(super) fn of_nextcloud(number: i64) -> Option<Level> {
    [Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Fatal].get(usize::try_from(number).ok()?).copied()
}

/// The level that programs call so, in any case.
pub(super) fn of_name(name: &str) -> Option<Level> {
    let mut lower = [0; 13];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    // Go's slog counts from its four: `ERROR+2`, `DEBUG-4`.
    if let Some(at) = lower.iter().position(|byte| matches!(byte, b'+' | b'-')) {
        let is_offset = at > 0 && at + 1 < lower.len() && lower[at + 1..].iter().all(u8::is_ascii_digit);
        let level = of_name(name.get(..at).filter(|_| is_offset)?)?;
        return Some(if level == Level::Debug && lower[at] == b'-' { Level::Trace } else { level });
    }
    match &*lower {
        b"trace" | b"trce" | b"trc" | b"finest" | b"finer" | b"silly" => Some(Level::Trace),
        // Below debug for some, above it for those who write it so.
        b"verbose" => Some(if name == "verbose" { Level::Debug } else { Level::Trace }),
        b"debug" | b"dbug" | b"dbg" | b"fine" => Some(Level::Debug),
        b"info" | b"inf" | b"information" | b"informational" | b"notice" | b"success" => Some(Level::Info),
        // The last is Pyramid's, of five letters.
        b"warn" | b"warning" | b"wrn" | b"warni" => Some(Level::Warn),
        b"error" | b"err" | b"eror" | b"severe" | b"fail" | b"dpanic" => Some(Level::Error),
        b"fatal" | b"ftl" | b"crit" | b"critical" | b"criti" | b"emerg" | b"emergency" | b"alert" | b"panic" => {
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
        assert_eq!(super::super::Parser::default().parse(line, 0).level, expected, "{line:?}");
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
            (r#"x "GET /x HTTP/1.1" 999 1"#, Level::Info),
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
        check("\n\n[warn] x\n[error] y", Level::Warn);
        check("so far\n[error] y", Level::Unknown);
    }
}
