//! Tables of real and of realistic output, and the laws.

use proptest::prelude::*;

use super::*;

const O: Stream = Stream::Stdout;
const E: Stream = Stream::Stderr;

fn line(stream: Stream, at: i64, text: &str) -> Line {
    let start = Position { time_ns: at * 1_000_000, ordinal: 1 };
    Line { stream, start, end: Position { ordinal: 2, ..start }, text: text.to_owned(), cut_bytes: 0 }
}

fn lines(stream: Stream, text: &str) -> Vec<Line> {
    text.split('\n').zip(0..).map(|(text, at)| line(stream, at, text)).collect()
}

fn join_with(rules: Rules, lines: impl IntoIterator<Item = Line>) -> Vec<Entry> {
    let mut joiner = Joiner::new(Arc::new(rules));
    let mut entries = Vec::new();
    for line in lines {
        joiner.push(line, |entry| entries.push(entry));
    }
    joiner.finish(|entry| entries.push(entry));
    assert!(!joiner.is_open(O) && !joiner.is_open(E));
    entries
}

fn join(lines: impl IntoIterator<Item = Line>) -> Vec<Entry> {
    join_with(Rules::default(), lines)
}

/// The records' lines, one behind the other, are these records again; so they are when the other
/// stream speaks in between.
#[track_caller]
fn check(records: &[&str]) {
    let own = lines(O, &records.join("\n"));
    let entries = join(own.clone());
    let texts: Vec<_> = entries.iter().map(|e| e.text.as_str()).collect();
    assert_eq!(texts, records);
    let other = (0..).map(|at| line(E, at, ["Traceback (most recent call last):", "x", "  y"][at as usize % 3]));
    let mixed = join(own.into_iter().zip(other).flat_map(|(a, b)| [a, b]));
    assert_eq!(mixed.into_iter().filter(|e| e.stream == O).collect::<Vec<_>>(), entries);
}

/// The file's records: the beginning of the first line, and how many lines.
#[track_caller]
fn check_file(text: &str, expected: &[(&str, u32)]) {
    let entries = join(lines(E, text.strip_suffix('\n').unwrap_or(text)));
    let counts: Vec<_> = entries.iter().map(|e| (e.text.lines().next().unwrap_or_default(), e.lines)).collect();
    assert_eq!(counts.len(), expected.len(), "{counts:#?}");
    for (entry, expected) in counts.iter().zip(expected) {
        assert!(entry.0.contains(expected.0) && entry.1 == expected.1, "{entry:?} is not {expected:?}");
    }
}

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../tests/corpus/samples/", $name, ".log"))
    };
}

const SAMPLES: &[&str] = &[
    sample!("celery-5.7.stderr"),
    sample!("celery-5.7.stdout"),
    sample!("django-5.2-runserver.stderr"),
    sample!("django-5.2-runserver.stdout"),
    sample!("flask-3.1-werkzeug.stderr"),
    sample!("gunicorn-27.stderr"),
    sample!("gunicorn-27.stdout"),
    sample!("java17-jul-uncaught.stderr"),
    sample!("next-16.4-dev.stderr"),
    sample!("next-16.4-dev.stdout"),
    sample!("next-16.4-start.stderr"),
    sample!("node-pino-winston-bunyan-morgan"),
    sample!("python-chained-during-handling.stderr"),
    sample!("python-exceptiongroup-chained.stderr"),
    sample!("python-logging-structlog-loguru"),
    sample!("rust-ansi"),
    sample!("rust-anyhow"),
    sample!("rust-compact"),
    sample!("rust-env"),
    sample!("rust-json"),
    sample!("rust-panic"),
    sample!("rust-pretty"),
    sample!("rust-unwrap"),
    sample!("uvicorn-0.54.stderr"),
    sample!("uvicorn-0.54.stdout"),
];

#[test]
fn python_samples() {
    check_file(sample!("python-chained-during-handling.stderr"), &[("Traceback", 18)]);
    check_file(sample!("python-exceptiongroup-chained.stderr"), &[("Traceback", 32)]);
    check_file(
        sample!("python-logging-structlog-loguru"),
        &[
            ("--- default", 1),
            ("WARNING:root", 1),
            ("ERROR:root", 1),
            ("INFO:app.db", 1),
            ("ERROR:app.db:query failed", 6),
            ("- INFO - connected", 1),
            ("[INFO] app.db", 1),
            ("[info     ]", 1),
            ("{\"user\"", 1),
            ("{\"event\"", 1),
            ("| INFO", 1),
            ("| ERROR", 7),
            ("{\"asctime\"", 1),
            ("DeprecationWarning", 2),
        ],
    );
    check_file(
        sample!("celery-5.7.stderr"),
        &[
            ("SecurityWarning", 8),
            ("WARNING/", 1),
            ("WARNING/", 1),
            ("INFO/", 1),
            ("INFO/", 1),
            ("WARNING/", 1),
            ("received", 1),
            ("succeeded", 1),
            ("received", 1),
            ("raised unexpected", 12),
        ],
    );
    check_file(
        sample!("celery-5.7.stdout"),
        &[("", 1), ("celery@worker", 15), ("[tasks]", 5), ("worker: Warm shutdown", 1)],
    );
    check_file(
        sample!("flask-3.1-werkzeug.stderr"),
        &[
            ("WARNING", 1),
            ("Running on", 1),
            ("Press", 1),
            ("careful", 1),
            ("/ok", 1),
            ("ERROR in app", 18),
            ("/boom", 1),
            ("/nope", 1),
        ],
    );
    let one = ("", 1);
    check_file(sample!("gunicorn-27.stderr"), &[one, one, one, one, one, one, ("ERROR", 18), one, one, one]);
    check_file(sample!("uvicorn-0.54.stderr"), &[one, one, one, one, ("ERROR:", 70), one, one, one, one]);
    check_file(sample!("uvicorn-0.54.stdout"), &[one, one, one]);
    check_file(sample!("gunicorn-27.stdout"), &[one, one, one]);
    check_file(sample!("django-5.2-runserver.stderr"), &[one, one, one]);
}

#[test]
fn other_samples() {
    check_file(sample!("rust-panic"), &[("", 21)]);
    check_file(sample!("rust-unwrap"), &[("", 17)]);
    check_file(sample!("rust-anyhow"), &[("Error: outer", 44)]);
    check_file(sample!("rust-pretty"), &[(" INFO ", 4), (" WARN ", 4), ("ERROR ", 4)]);
    for text in [sample!("rust-ansi"), sample!("rust-compact"), sample!("rust-json")] {
        check_file(text, &[("", 1), ("", 1), ("", 1)]);
    }
    check_file(sample!("rust-env"), &[("INFO", 1), ("ERROR", 1)]);
    check_file(sample!("java17-jul-uncaught.stderr"), &[("1:48:21 AM", 2), ("1:48:22 AM", 5), ("Exception in", 9)]);
    check_file(sample!("next-16.4-dev.stderr"), &[("⨯ Error", 8), ("db failed", 6)]);
    check_file(sample!("next-16.4-start.stderr"), &[("⨯ Error", 4), ("db failed", 2)]);
    let (one, two) = (("", 1), ("", 2));
    check_file(sample!("next-16.4-dev.stdout"), &[one, one, one, one, two, one, one, one, one, one, one]);
    let entries = join(lines(E, sample!("node-pino-winston-bunyan-morgan").trim_end()));
    let many: Vec<_> = entries.iter().filter(|e| e.lines > 1).map(|e| (&e.text[..5], e.lines)).collect();
    assert_eq!(many, [("plain", 5), ("Faile", 14), ("TypeE", 11), ("/app/", 10)]);
    assert_eq!(entries.len(), 31);
}

#[test]
fn python() {
    let trace =
        "Traceback (most recent call last):\n  File \"/app/a.py\", line 3, in b\n    f(x)\n    ~^^^\nKeyError: 'k'";
    // Two in a row are two.
    check(&[trace, trace, "2026-11-21 01:30:04,592 INFO done"]);
    check(&["Starting worker", trace, "INFO:     Shutting down"]);
    check(&["2026-11-21 01:30:04 INFO up", trace]);
    for header in [
        "ERROR:asyncio:Task exception was never retrieved\nfuture: <Task finished name='Task-2' exception=KeyError('k')>",
        "Task exception was never retrieved\nfuture: <Task finished name='Task-2' exception=KeyError('k')>",
        "Internal Server Error: /boom",
        "Exception in thread Thread-1 (run):",
        "Exception ignored in: <function f at 0x7f>",
        "Process Process-1:",
        "2026-11-21 01:30:04,592 - app.db - ERROR - query failed",
        "[12:00:01] task crashed",
    ] {
        check(&[&format!("{header}\n{trace}"), "INFO:root:next"]);
    }
    // Messages of several lines, notes, and what SQLAlchemy says behind a blank line.
    check(&[
        &format!(
            "{trace}\nsecond line\n[SQL: SELECT 1]\nDETAIL:  Key (id)=(1) exists.\n\n(Background on this error at: https://sqlalche.me/e/20/e3q8)"
        ),
        "INFO:root:next",
    ]);
    check(&[&format!("{trace}\n"), "plain output", "more"]);
    check(&[
        &format!(
            "{trace}\n\nThe above exception was the direct cause of the following exception:\n\n{trace}\nx\n  Field required\n"
        ),
        "INFO:     Application startup complete.",
    ]);
    check(&[&format!(
        "multiprocessing.pool.RemoteTraceback: \n\"\"\"\n{trace}\n\"\"\"\n\nThe above exception was the direct cause of the following exception:\n\n{trace}"
    )]);
    check(&[
        "  + Exception Group Traceback (most recent call last):\n  |   File \"/app/t.py\", line 7, in <module>\n  | ExceptionGroup: g (1 sub-exception)\n  +-+---------------- 1 ----------------\n    | TypeError: t\n    +------------------------------------",
        "  + Exception Group Traceback (most recent call last):\n  |   File \"/app/t.py\", line 7, in <module>\n  | ExceptionGroup: g",
    ]);
    check(&["  File \"/app/x.py\", line 1\n    x = = 1\n        ^\nSyntaxError: invalid syntax", "INFO:root:x"]);
    check(&[
        "2026-11-21 01:48:20.012 | ERROR    | __main__:<module>:24 - what?\nTraceback (most recent call last):\n\n> File \"/app/py1.py\", line 23, in <module>\n    f(a)\n    │ └ 1\n    └ <function f at 0x7f>\n\nZeroDivisionError: division by zero",
        "2026-11-21 01:48:20.012 | INFO     | __main__:<module>:24 - on",
    ]);
}

#[test]
fn java() {
    check(&[
        "2024-01-01 00:00:00.123 ERROR 1 --- [main] c.e.App : failed\njava.lang.IllegalStateException: wrap\nline2\n\tat a.B.c(B.java:1)\n\tSuppressed: java.io.IOException: x\n\t\tat a.B.d(B.java:2)\nCaused by: java.lang.RuntimeException: y\nof two lines\n\tat a.B.e(B.java:3)\n\t... 2 more",
        "2024-01-01 00:00:00.124  INFO 1 --- [main] c.e.App : next",
    ]);
    check(&[
        "21-Nov-2026 01:48:21.123 SEVERE [main] o.a.c.X start failed\norg.a.LifecycleException: bad\n\tat o.a.X.f(X.java:1)",
    ]);
    check(&["started", "java.lang.Error: x\n\tat a.B.c(B.java:1)"]);
    check(&["12:00:00.123 [main] INFO  c.e.App - retry\njava.net.ConnectException: refused\n\tat a.B.c(B.java:1)"]);
    // Nothing follows, so what stood behind the exception was not its message.
    check(&["Error: boom", "Usage: app\n  --help", "bye"]);
    check(&["Exception in thread \"main\" java.lang.Error: a\nb\nc\n\nd\n\tat M.f(M.java:2)", "bye"]);
    check(&[
        "2024-01-01 00:00:00.123 ERROR 1 --- [main] o.s.b.d.LoggingFailureAnalysisReporter   : \n\n***************************\nAPPLICATION FAILED TO START\n***************************\n\nDescription:\n\nPort 8080 was already in use.\n",
        "2024-01-01 00:00:00.124  INFO 1 --- [main] c.e.App : next",
    ]);
    check(&[
        "",
        "  .   ____          _\n /\\\\ / ___'_ __ _ _(_)_ __\n( ( )\\___ | '_ | '_| | '_ \\\n =========|_|===\n :: Spring Boot ::  (v3.2.0)\n",
        "2024-01-01T00:00:00.123Z  INFO 1 --- [main] c.e.App : x",
    ]);
}

#[test]
fn node() {
    check(&[
        "[Nest] 7  - 08/02/2023, 7:32:47 PM   ERROR [ExceptionsHandler] boom\nTypeError: boom\n    at f (/a.js:1:2)",
        "[Nest] 7  - 08/02/2023, 7:32:48 PM     LOG [X] up",
    ]);
    check(&[
        "node:internal/process/promises:288\n            triggerUncaughtException(err, true /* fromPromise */);\n            ^\n\n[UnhandledPromiseRejection: This error originated either by throwing] {\n  code: 'ERR_UNHANDLED_REJECTION'\n}\n\nNode.js v18.19.0",
        "Starting",
    ]);
    check(&[
        "/app/a.js:3\nthrow new Error('x')\n^\n\nError: x\n    at f (/app/a.js:3:7) {\n  code: 'E'\n}\n\nNode.js v20.1.0\n",
    ]);
    check(&[
        "(node:12) [DEP0040] DeprecationWarning: The `punycode` module is deprecated.\n(Use `node --trace-deprecation ...` to show where the warning was created)",
        "ready",
    ]);
    check(&["[\n  { a: 1 },\n  {\n    b: 2\n  }\n]", "Map(1) {\n  'a' => [\n    1\n  ]\n}", "}", "next"]);
    check(&[
        "PrismaClientInitializationError: \nInvalid `prisma.user.findMany()` invocation:\n\n\nCan't reach database server at `db:5432`\n\nPlease make sure your database server is running.\n    at f (/a.js:1:2) {\n  clientVersion: '5.0.0'\n}",
        "ok",
    ]);
    check(&[
        "prisma:error \nInvalid `prisma.user.findMany()` invocation in\n/app/src/x.ts:12:34\n\n  9 async function f() {\n→ 12   return prisma.user.findMany(\nCan't reach database server at `db:5432`",
        "2026-11-21T01:48:20.587Z info: on",
    ]);
    check(&["oops happened, failed badly\nmore words\n    at f (/a.js:1:2)", "one", "two"]);
    check(&[" ⨯ Error: a\n    at f (/a.js:1:2)", " GET / 200 in 9ms", " ✓ Compiled /x in 2s"]);
}

#[test]
fn go() {
    check(&[
        "panic: boom [recovered]\n\tpanic: again\n[signal SIGSEGV: segmentation violation code=0x1]\n\ngoroutine 1 [running]:\nmain.(*T).f(0xc000, {0x1, 0x2})\n\t/app/main.go:12 +0x1d\npanic({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:884 +0x212\ngithub.com/x/y.Run(...)\ncreated by main.main in goroutine 1\n\t/app/main.go:5 +0x2\n\ngoroutine 5 [select, 3 minutes]:\nnet/http.(*Server).Serve(0x1)\n\t/x.go:1 +0x1\nexit status 2",
        "2024/01/02 15:04:05 up",
    ]);
    check(&[
        "runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow\n\nruntime stack:\nruntime.throw({0x1, 0x2})\n\t/x.go:1 +0x1\nrax    0x0\nrip    0x45",
    ]);
    check(&[
        "2024/01/02 15:04:05 http: panic serving 1.2.3.4:55: boom\ngoroutine 34 [running]:\nnet/http.f()\n\t/x.go:1 +0x1",
        "2024/01/02 15:04:06 ok",
    ]);
    check(&[
        "2024-01-02T15:04:05.000Z\tERROR\tapp/main.go:3\tbad\nmain.main\n\t/app/main.go:3\nruntime.main\n\t/usr/local/go/src/runtime/proc.go:250",
        "2024-01-02T15:04:05.000Z\tINFO\tok",
    ]);
    check(&[
        "2024/01/02 - 15:04:05 [Recovery] 2024/01/02 - 15:04:05 panic recovered:\nGET / HTTP/1.1\nHost: x\n\nboom\n/app/main.go:12 (0x45)\n\tmain.f: panic(\"boom\")\n",
        "[GIN] 2022/02/07 - 10:49:33 | 401 | 505.317µs | 10.1.2.3 | POST \"/client\"",
    ]);
    let equals = "==================";
    let race = format!(
        "{equals}\nWARNING: DATA RACE\nRead at 0x00c000 by goroutine 7:\n  main.f()\n      /app/main.go:3 +0x3\n\nPrevious write at 0x00c000 by main goroutine:\n  main.main()\n{equals}"
    );
    check(&["up", &race, &race, "on"]);
    check(&["panic: odd\nof two lines\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1 +0x1"]);
    check(&["E0806 14:55:55.980915       1 f.go:121] failed", "I0806 14:55:55.980915       1 f.go:121] ok"]);
}

#[test]
fn rust() {
    check(&[
        "starting",
        "\nthread 'main' panicked at src/main.rs:2:5:\nboom\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        "done",
    ]);
    check(&[
        "2026-11-21T01:48:21Z INFO x\n",
        "\nthread 'tokio-runtime-worker' (12) panicked at src/main.rs:2:5:\nboom\n",
        "\nthread 'a' (12) panicked at src/main.rs:2:5:\nassertion `left == right` failed\n  left: 1\n right: 2",
        "plain",
    ]);
    check(&[
        "thread 'main' panicked at 'boom', src/main.rs:2:5\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/a/b.rs:1:2\nnote: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.",
        "x",
    ]);
    check(&["thread 'main' panicked at src/main.rs:2:5:\nboom\nsecond\nthird\nnote: run with `RUST_BACKTRACE=1`", "x"]);
    check(&[
        "Error: \n   0: outer\n   1: inner\n\nLocation:\n   src/main.rs:10\n\n  ━━━ SPANTRACE ━━━\n   0: a::b\n\nBacktrace omitted. Run with RUST_BACKTRACE=1 environment variable to display it.\nRun with RUST_BACKTRACE=full to include source snippets.",
        "x",
    ]);
    check(&[
        "error[E0308]: mismatched types\n  --> src/main.rs:2:5\n   |\n12 |     let x: u8 = 300;\n   |                 ^^^",
        "error: could not compile",
    ]);
}

#[test]
fn php_dotnet_ruby_elixir() {
    check(&[
        "PHP Fatal error:  Uncaught Exception: x in /f.php:3\nStack trace:\n#0 /f.php(1): f()\n#1 {main}\n\nNext RuntimeException: y in /f.php:9\nStack trace:\n#0 {main}\n  thrown in /f.php on line 3",
        "ok",
    ]);
    check(&[
        "[2025-08-31 12:34:56] local.ERROR: bad {\"exception\":\"[object] (Exception(code: 0): bad at /f.php:3)\n[stacktrace]\n#0 /f.php(1): f()\n#1 {main}\n\"} ",
        "[2025-08-31 12:34:56] local.INFO: ok  ",
    ]);
    check(&[
        "info: Microsoft.Hosting.Lifetime[14]\n      Now listening on: http://[::]:80",
        "fail: A.B[13]\n      An unhandled exception\n      System.Exception: x\n         at A.B() in /a.cs:line 3",
    ]);
    check(&[
        "Unhandled exception. System.X: msg\n ---> System.Y: inner\n   at A.B()\n   --- End of inner exception stack trace ---\n   at A.C()\n--- End of stack trace from previous location ---\n   at A.D()",
        "x",
    ]);
    check(&["[12:34:56 ERR] failed\nSystem.InvalidOperationException: no\n   at A.B()", "[12:34:56 INF] on"]);
    check(&[
        "app.rb:1:in 'x': msg (RuntimeError)\n\tfrom app.rb:3:in '<main>'",
        "I, [2024-06-26T17:00:04.497736 #126554]  INFO -- : ok",
    ]);
    check(&[
        "12:34:56.789 [error] GenServer #PID<0.123.0> terminating\n** (RuntimeError) boom\n    (app 1.0.0) lib/x.ex:1: X.f/1\nLast message: :x\nState: %{}",
        "12:34:57.000 [info] ok",
    ]);
    let id = "[0191b2c3-0000-7000-8000-00000000000a]";
    check(&[
        &format!(
            "F, [2024-06-26T17:00:04.497736 #12] FATAL -- : {id}   \n{id} ActionView::Template::Error (no):\n{id}     1: <h1>\n{id}   \n{id} app/x.erb:1"
        ),
        "I, [2024-06-26T17:00:04.497736 #12]  INFO -- : [x] ok",
    ]);
    check(&[
        "F, [2024-06-26T17:00:05.497736 #12] FATAL -- :   \nRuntimeError (boom):\n  \napp/controllers/home_controller.rb:3:in `index'\nlib/x.rb:9:in `call'",
        "[x] a",
        "[x] b",
    ]);
    check(&["** (RuntimeError) x\n    (app 1.0) lib/x.ex:1: X.f/1", "x"]);
}

#[test]
fn databases() {
    check(&[
        "2021-12-03 07:14:48.591 UTC [49] user=u,db=d ERROR:  relation \"x\" does not exist at character 15",
        "2021-12-03 07:14:48.591 UTC [50] LOG:  other",
        "2021-12-03 07:14:48.592 UTC [49] ERROR:  no\n2021-12-03 07:14:48.592 UTC [49] DETAIL:  d\n2021-12-03 07:14:48.592 UTC [49] STATEMENT:  select\n\t1,\n\t2",
        "2021-12-03 07:14:48.593 UTC [51] STATEMENT:  alone",
        "2021-12-03 07:14:48.593 UTC [51] LOG:  a",
        "2021-12-03 07:14:48.593 UTC [51] LOG:  b",
    ]);
    let first = "# Time: 2024-01-01T00:00:00.000000Z\n# User@Host: root[root] @ localhost []  Id:     8\n# Query_time: 1.2  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 0\nuse shop;\nSET timestamp=1704067200;\nSELECT *\nFROM t;";
    check(&[first, first, &first[first.find("# User").unwrap()..], "2024-01-01T00:00:00Z 0 [Note] [MY-1] [Server] x"]);
    check(&[
        "psql:/x.sql:3: ERROR:  relation \"x\" does not exist\nLINE 1: SELECT 1 FROM x\n                      ^",
        "INSERT 0 1",
    ]);
    check(&["1:M 29 Aug 2023 13:47:38.984 * a", "1:C 29 Aug 2023 13:47:38.984 # b"]);
}

#[test]
fn blocks() {
    check(&["before", "{\n  \"a\": {\n    \"b\": \"}}{\"\n  },\n  \"t\": \"2024-01-01 00:00:00 INFO x\"\n}", "after"]);
    check(&["[\n{\"a\":1},\n{\"b\":2}\n]", "{\"a\":1}", "{\"b\":2}"]);
    check(&[
        "{\"type\": \"server\", \"message\": \"x\", \n\"stacktrace\": [\"org.e.X: y\",\n\"at org.e.Z\",\n\"at a.b\"] }",
        "{\"type\": \"server\"}",
    ]);
    // A broken object swallows nothing.
    check(&["{\"a\": {\"b\": 1", "2024-01-01 00:00:00 INFO x", "{\"a\":1}"]);
    check(&["{\"a\": {\"b\": 1", "{\"a\":1}", "INFO:     up"]);
    check(&["2024-01-01 00:00:00 INFO body: {\n  \"a\": 1\n}", "x"]);
    let pem =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----";
    check(&["x", pem, pem, "y"]);
    check(&[&format!("INFO:root:key {pem}"), "y"]);
}

#[test]
fn plain_lines_stay_apart() {
    check(&["one", "two", "three: failed", "four", "five", "6", "seven", "at the end", "caused by nothing"]);
    check(&["a\n\n", "b", "  12:30:00 c"]);
    check(&["\n\n", "b\r\n  c\r", "d\r"]);
    check(&["127.0.0.1 - - [21/Nov/2026:01:30:08 +0000] \"GET /ok HTTP/1.1\" 200 1", "  alone\n  with this"]);
}

#[test]
fn headers() {
    for header in [
        "2021-11-09  5:13:12 8 [Warning] x",
        "2021-12-03T07:14:48Z x",
        "2024/01/02 15:04:05 x",
        "20240102 15:04:05 x",
        "02.01.2024 15:04:05 x",
        "Jan  1 00:00:00 host app[12]: x",
        "Mon, 02 Jan 2006 15:04:05 GMT x",
        "[Tue Apr 04 06:28:08.605341 2017] [core:error] x",
        "<3>Jan  1 00:00:00 host app[12]: boom",
        "3:04PM INF started",
        "12:34:56.123 [main] INFO x",
        "[3555:0115/164125.919187:ERROR:bus.cc(392)] x",
        "[0.005s][info][gc] x",
        "1795225700.420 x",
        "[1] 29 Aug 13:47:38.984 * x",
        "level=info msg=x",
        "time=\"2024-01-01\" level=info",
        "[INFO] x",
        "[error] x",
        "[Nest] 7 x",
        "WARN  x",
        "info  - ready",
        "warning: x",
        "SEVERE: x",
        "prisma:query SELECT 1",
        "\u{1b}[32mINFO\u{1b}[0m x",
        "=ERROR REPORT==== 1-Jan-2024::00:00:00 ===",
        "example.com:80 1.2.3.4 - - [21/Nov/2026:01:30:08 +0000] \"GET / HTTP/1.1\" 200 1",
        "1.2.3.4:56 [15/Jan/2024:00:00:00.000] in~ be/srv 1/0/0/3/4 200",
        "[21/Nov/2026 01:33:03] \"GET /nope HTTP/1.1\" 404 2183",
        "::1 - GET /ok HTTP/1.1 200 1 - 1.766 ms",
        "POST /x 201 5 - 1.2 ms",
    ] {
        let mut buffer = [0; HEAD_BYTES];
        let shape = Look::new(header, false, &mut buffer).shape;
        assert!(shape.is_header(), "{header:?} is {shape:?}");
    }
    for text in [
        "2024-01-01 was a day",
        "Marching on",
        "12 apples",
        "10.0.0.1 is up",
        "Error: x",
        "[object Object]",
        "informed",
        "config.yaml read",
        "1.2.3 released",
        "[SQL: x]",
        "Mayday",
        "Debugger attached.",
    ] {
        let mut buffer = [0; HEAD_BYTES];
        let shape = Look::new(text, false, &mut buffer).shape;
        assert!(!shape.is_header(), "{text:?} is {shape:?}");
    }
}

#[test]
fn the_end_of_what_is_searched_is_no_end_of_the_world() {
    for text in
        ["::1 - ", "[1] ", "E0806 ", "2024-01-01", "- ", "I, [", "thread '", "[0.", "<3>", "Mon, ", "a.py:1: ", "**"]
    {
        for pad in 0..=text.len() {
            let text = text[..pad].to_owned() + "1";
            assert_eq!(join(lines(O, &text)).len(), 1);
            let long = format!("{}{text} ", ":".repeat(HEAD_BYTES - pad - 1));
            assert_eq!(join(lines(O, &long)).len(), 1);
            assert_eq!(join(lines(O, &format!("{}::1 -  x", "\u{1b}[0m".repeat(pad)))).len(), 1);
        }
    }
    let client = "1.".repeat(126) + "1 - ";
    assert_eq!(join(lines(O, &format!("{client}GET /"))).len(), 1);
}

#[test]
fn a_gap_ends_a_record_and_a_short_one_a_message() {
    let trace = ["Traceback (most recent call last):", "  File \"a.py\", line 1, in f", "KeyError: 'k'"];
    let mut all: Vec<_> = trace.iter().map(|text| line(O, 0, text)).collect();
    all.extend([line(O, 200, "plain"), line(O, 1200, "  a"), line(O, 2201, "  b")]);
    assert_eq!(join(all).iter().map(|e| e.lines).collect::<Vec<_>>(), [3, 2, 1]);
}

#[test]
fn the_users_expression_decides_alone() {
    let rules = Rules { start: Some(regex::Regex::new("^#").unwrap()), ..Rules::default() };
    let entries = join_with(rules, lines(O, "a\n2024-01-01 00:00:00 b\n\u{1b}[1m# c\n{\"d\":1}\n# e"));
    assert_eq!(entries.iter().map(|e| e.lines).collect::<Vec<_>>(), [2, 2, 1]);
    let rules = Rules { enabled: false, ..Rules::default() };
    assert_eq!(join_with(rules, lines(O, "a\n  b\n  c")).len(), 3);
}

#[test]
fn caps_cut_records_and_lose_nothing() {
    let text = format!("head\n{}", ["  x"; 9].join("\n"));
    let entries = join_with(Rules { max_lines: 4, ..Rules::default() }, lines(O, &text));
    let counts: Vec<_> = entries.iter().map(|e| (e.lines, e.truncated)).collect();
    assert_eq!(counts, [(4, true), (4, true), (2, false)]);
    let entries = join_with(Rules { max_bytes: 12, ..Rules::default() }, lines(O, &text));
    assert_eq!(entries[0].text, "head\n  x\n  x");
    let mut cut = line(O, 0, "{\"a\":");
    cut.cut_bytes = 7;
    let entries = join([cut, line(O, 1, "}")]);
    assert_eq!((entries.len(), entries[0].truncated, entries[0].cut_bytes), (2, true, 7));
}

#[test]
fn what_is_held_can_be_seen() {
    let mut joiner = Joiner::new(Arc::new(Rules::default()));
    let mut none = |_| panic!("nothing is finished");
    joiner.push(line(O, 0, "ERROR:root:x"), &mut none);
    assert!(joiner.is_open(O) && !joiner.is_open(E) && !joiner.is_mid_block(O));
    joiner.push(line(O, 0, "Traceback (most recent call last):"), &mut none);
    assert!(joiner.is_mid_block(O));
    let open = joiner.open(O).unwrap();
    assert_eq!((open.text, open.lines), ("ERROR:root:x\nTraceback (most recent call last):", 2));
    joiner.push(line(E, 0, "x"), &mut none);
    let mut joiner = Joiner::new(Arc::new(Rules::default()));
    assert!(!joiner.is_open(O) && joiner.open(E).is_none());
    joiner.push(line(O, 5, "{"), &mut none);
    joiner.push(line(E, 3, "x"), &mut none);
    assert!(joiner.is_mid_block(O) && !joiner.is_mid_block(E));
    let mut order = Vec::new();
    joiner.finish(|entry| order.push(entry.stream));
    assert_eq!(order, [E, O]);
}

/// Lines of the samples, lines that decide something, and noise.
fn any_lines() -> impl Strategy<Value = Vec<Line>> {
    let known: Vec<&str> = SAMPLES.iter().flat_map(|text| text.split('\n')).collect();
    let keys = vec![
        "",
        "",
        "  x",
        "\tat a.B(c)",
        "    at f (a.js:1:2)",
        "}",
        "{",
        "[",
        "]",
        "  \"a\": [",
        "plain",
        "it failed",
        "Error: x",
        "java.lang.Error: x",
        "Caused by: y",
        "thread 'main' panicked at src/main.rs:1:2:",
        "note: run with `R`",
        "goroutine 1 [running]:",
        "panic: x",
        "main.main()",
        "Traceback (most recent call last):",
        "  File \"a\", line 1",
        "ValueError: bad",
        "\"\"\"",
        "-----BEGIN X-----",
        "-----END X-----",
        "# Time: 1",
        "# User@Host: x",
        "SELECT 1;",
        "2024-01-01 00:00:00 ERROR x",
        "2024-01-01 00:00:00 INFO {",
        "/a.js:12",
        "^",
        "prisma:error",
        "Nov 21, 2026 1:48:21 AM M main",
        "SEVERE: x",
        "****",
        "{\"a\":1}",
        "#0 x",
        "Stack trace:",
        "x.py:1: UserWarning: y",
        "  \u{1b}[0m ",
    ];
    let text = prop_oneof![
        4 => proptest::sample::select(known).prop_map(str::to_owned),
        6 => proptest::sample::select(keys).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
        1 => "[\u{1b}\\[ {}a0:m\"-]{0,8}",
    ];
    let gap = prop_oneof![12 => Just(0), 4 => 1..50i64, 1 => 90..200i64, 1 => 900..1500i64];
    proptest::collection::vec((any::<bool>(), gap, text), 0..60).prop_map(|list| {
        let mut at = 0;
        let places = list.into_iter().enumerate();
        let line = |(ordinal, (is_out, gap, text)): (usize, (bool, i64, String))| {
            at += gap;
            let start = Position { time_ns: at * 1_000_000, ordinal: ordinal as u32 };
            Line { stream: if is_out { O } else { E }, start, end: start, text, cut_bytes: ordinal as u64 % 7 / 6 }
        };
        places.map(line).collect()
    })
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let start = prop_oneof![9 => Just(None), 1 => Just(Some(regex::Regex::new("^[a-z]").unwrap()))];
    (prop_oneof![Just(1 << 20), 0..200usize], prop_oneof![Just(1000), 0..8u32], start)
        .prop_map(|(max_bytes, max_lines, start)| Rules { max_bytes, max_lines, start, ..Rules::default() })
}

fn of(stream: Stream, entries: &[Entry]) -> Vec<&Entry> {
    entries.iter().filter(|e| e.stream == stream).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_byte_is_lost(lines in any_lines(), rules in any_rules()) {
        let entries = join_with(rules, lines.clone());
        for stream in [O, E] {
            let mut lines = lines.iter().filter(|line| line.stream == stream);
            for entry in of(stream, &entries) {
                let own: Vec<_> = lines.by_ref().take(entry.lines as usize).collect();
                prop_assert_eq!(own.len(), entry.lines as usize);
                prop_assert_eq!(own.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n"), &*entry.text);
                prop_assert_eq!((own[0].start, own[own.len() - 1].end), (entry.start, entry.end));
                prop_assert_eq!(own.iter().map(|line| line.cut_bytes).sum::<u64>(), entry.cut_bytes);
            }
            prop_assert!(lines.next().is_none());
        }
    }

    #[test]
    fn streams_do_not_know_each_other(lines in any_lines(), rules in any_rules()) {
        let mixed = join_with(rules.clone(), lines.clone());
        for stream in [O, E] {
            let alone = join_with(rules.clone(), lines.iter().filter(|line| line.stream == stream).cloned());
            prop_assert_eq!(of(stream, &mixed), of(stream, &alone));
        }
    }

    #[test]
    fn reading_resumes_at_what_is_not_finished(lines in any_lines(), rules in any_rules(), at in 0usize..60) {
        let expected = join_with(rules.clone(), lines.clone());
        let rules = Arc::new(rules);
        let mut entries = Vec::new();
        let at = at.min(lines.len());
        let mut killed = Joiner::new(Arc::clone(&rules));
        for line in &lines[..at] {
            killed.push(line.clone(), |entry| entries.push(entry));
        }
        let mut joiner = Joiner::new(rules);
        let finished = [O, E].map(|stream| of(stream, &entries).iter().map(|e| e.lines).sum::<u32>() as usize);
        let mut seen = [0; 2];
        for line in &lines {
            let slot = index(line.stream);
            seen[slot] += 1;
            if seen[slot] > finished[slot] {
                joiner.push(line.clone(), |entry| entries.push(entry));
            }
        }
        joiner.finish(|entry| entries.push(entry));
        for stream in [O, E] {
            prop_assert_eq!(of(stream, &entries), of(stream, &expected));
        }
    }

    #[test]
    fn headers_stay_apart(lines in any_lines()) {
        for entry in join(lines) {
            let mut buffer = [0; HEAD_BYTES];
            let looks: Vec<_> = entry.text.split('\n').map(|text| {
                let look = Look::new(text, false, &mut buffer);
                (look.shape, look.indent)
            }).collect();
            let headers = looks.iter().filter(|(shape, _)| shape.is_header()).count();
            // Two lines of java.util.logging, a key, a source line and a message hold what they hold.
            let documented = [Shape::Jul, Shape::Pem, Shape::NodeSource, Shape::RustPanic, Shape::Json];
            let is_documented = looks.iter().any(|(shape, _)| documented.contains(shape))
                // In a bracket or a traceback, indented lines are text.
                || looks.iter().filter(|(shape, indent)| shape.is_header() && *indent == 0).count() < 2;
            prop_assert!(headers < 2 || is_documented, "{:?}", entry.text);
        }
    }
}
