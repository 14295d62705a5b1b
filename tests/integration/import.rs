//! `foghorn parse` and `foghorn import` as the real binary: what files hold is shown, and stored once.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::support::{Lab, Process, command, patiently, text};

fn foghorn(lab: &Lab, arguments: &[&str]) -> Command {
    let mut command = command(lab, env!("CARGO_BIN_EXE_foghorn"), arguments);
    command.stderr(Stdio::piped()).env("FOGHORN_MULTILINE_ENABLED", "true");
    command
}

/// Runs it with this standard input; answers the exit code, the lines on standard output, and
/// standard error.
async fn run(lab: &Lab, arguments: &[&str], stdin: &[u8]) -> (i32, Vec<Value>, String) {
    let mut child = foghorn(lab, arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    let writing = tokio::spawn(async move {
        // It need not read to the end.
        drop(input.write_all(&stdin).await);
    });
    let Output { status, stdout, stderr } = patiently("its end", child.wait_with_output()).await.unwrap();
    writing.await.unwrap();
    let lines = String::from_utf8(stdout).unwrap();
    let records = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (status.code().unwrap(), records, String::from_utf8(stderr).unwrap())
}

/// Imports with success; answers what it said.
async fn import(lab: &Lab, arguments: &[&str]) -> String {
    let arguments = [&["import"], arguments].concat();
    let (code, _, said) = run(lab, &arguments, b"").await;
    assert_eq!(code, 0, "{said}");
    said
}

fn file(lab: &Lab, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path: PathBuf = lab.path().join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn append(path: &str, text: &str) {
    fs::File::options().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// The stored lines, oldest first, after a start and a stop of Foghorn.
async fn stored(lab: &Lab, query: &str) -> Vec<Value> {
    let foghorn = Process::start(lab).await;
    let records = foghorn.all(query).await;
    assert!(foghorn.terminate().await.success());
    records
}

fn lines(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| text(record, "line")).collect()
}

/// Numbered lines of today, a millisecond apart.
fn numbered(numbers: std::ops::Range<usize>) -> String {
    let start_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap() / 86_400_000_000_000 * 86_400_000_000_000;
    let time = |n: usize| foghorn::record::time_text(start_ns - 86_400_000_000_000 + n as i64 * 1_000_000);
    numbers.map(|n| format!("{} INFO line {n}\n", time(n))).collect::<Vec<_>>().concat()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

const TRACEBACK: &str = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: bad\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_traceback_from_standard_input_is_one_record() {
    let lab = Lab::new();
    for arguments in [&["parse"][..], &["parse", "-"]] {
        let (code, records, said) = run(&lab, arguments, format!("{TRACEBACK}[warn] slow\n").as_bytes()).await;
        assert_eq!((code, records.len(), said.as_str()), (0, 2, ""));
        assert_eq!(records[0]["error"]["type"], "ValueError");
        assert_eq!(records[0]["signature"].as_str().map(str::len), Some(16));
        assert_eq!(records[1], json!({"level": "warn", "format": "leveled", "message": "slow", "line": "[warn] slow"}));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parse_explains_and_takes_a_format_and_masks_secrets() {
    let lab = Lab::new();
    let (_, records, _) = run(&lab, &["parse", "--explain"], TRACEBACK.as_bytes()).await;
    assert_eq!(records[0]["explain"], json!({"format": "text", "level": "an error or a traceback", "lines": 3}));
    let (_, records, _) = run(&lab, &["parse", "--format", "json"], b"{\"a\":1}\na=b c=d\npassword=hunter2\n").await;
    let formats: Vec<_> = records.iter().map(|record| text(record, "format")).collect();
    assert_eq!(formats, ["json", "text", "text"]);
    assert!(text(&records[2], "line").contains("[redacted:"), "{}", records[2]);
    let (code, _, said) = run(&lab, &["parse", "--format", "jason"], b"").await;
    assert_eq!(code, 2);
    assert!(said.contains("access, apache_error, "), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parse_writes_as_lines_come_and_ends_with_its_reader() {
    let lab = Lab::new();
    let mut child = foghorn(&lab, &["parse"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    input.write_all(b"one\ntwo\n").await.unwrap();
    // The second line may still be joined by a third.
    let first = patiently("the first record", output.next_line()).await.unwrap().unwrap();
    assert!(first.contains(r#""line":"one""#), "{first}");
    drop(output);
    let writing = async { while input.write_all(&b"more\n".repeat(1000)).await.is_ok() {} };
    patiently("its end", writing).await;
    assert_eq!(patiently("its exit", child.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cut_off_or_missing_is_told_behind_the_rest() {
    let lab = Lab::new();
    let whole = gzip(&numbered(0..50_000));
    let cut = file(&lab, "cut.log.gz", &whole[..whole.len() / 2]);
    let last = file(&lab, "last.log", "the last\n");
    let (code, records, said) = run(&lab, &["parse", &cut, "no-such-file", &last], b"").await;
    assert_eq!(code, 1);
    assert!(records.len() > 10_000, "{}", records.len());
    assert_eq!(text(records.last().unwrap(), "line"), "the last");
    assert!(said.contains("cut.log.gz: it is cut off") && said.contains("no-such-file: No such file"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imported_file_is_found_once_and_not_imported_again() {
    let lab = Lab::new();
    let path = file(&lab, "app.log.1", numbered(0..500) + "without a time\n");
    let said = import(&lab, &[&path]).await;
    assert!(said.starts_with("imported 501 records of 501 lines, "), "{said}");
    let records = stored(&lab, "service:app").await;
    assert_eq!(records.len(), 501);
    assert!(text(&records[0], "line").ends_with("line 0") && text(&records[499], "line").ends_with("line 499"));
    // It has the time of the line before.
    assert_eq!(text(&records[500], "line"), "without a time");
    assert_eq!(records[500]["time"], records[499]["time"]);

    let said = import(&lab, &[&path, &path]).await;
    assert_eq!(said.matches("already imported: 501 records, nothing new\n").count(), 2, "{said}");
    append(&path, &numbered(501..600));
    let said = import(&lab, &[&path]).await;
    assert!(said.starts_with("imported 99 records of 99 lines, "), "{said}");
    // Whoever starts afterwards takes it for no container that is gone.
    assert_eq!(stored(&lab, "").await.len(), 600);
    let said = import(&lab, &[&path]).await;
    assert!(said.contains("already imported: 600 records, nothing new\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_content_of_the_same_name_is_refused() {
    let lab = Lab::new();
    let long = numbered(0..500);
    let path = file(&lab, "app.log", &long);
    import(&lab, &[&path]).await;
    let middle = long.replace("line 499", "line XXX");
    for other in [numbered(1..501), long[..9_000].to_owned(), middle, "x\n".to_owned()] {
        fs::write(&path, &other).unwrap();
        let (code, _, said) = run(&lab, &["import", &path], b"").await;
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("its content is not what was imported") && said.contains("--again"), "{said}");
    }
    assert_eq!(stored(&lab, "").await.len(), 500);
    fs::write(&path, numbered(1..501)).unwrap();
    let said = import(&lab, &["--again", &path]).await;
    assert!(said.starts_with("imported 500 records"), "{said}");
    let records = stored(&lab, "").await;
    assert_eq!(records.len(), 1_000);
    let mut ids: Vec<_> = records.iter().map(|record| text(record, "id")).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1_000, "two records have one id");
    // From now on that is what grows.
    append(&path, &numbered(501..510));
    let said = import(&lab, &[&path]).await;
    assert!(said.starts_with("imported 9 records"), "{said}");
}

/// Prefixed lines of two containers, with tracebacks that others interrupt, and times that go back.
fn mixed(count: usize) -> String {
    let today = numbered(0..count);
    let mut lines = Vec::new();
    for (n, line) in today.lines().rev().enumerate() {
        let name = ["web-1", "db-1 "][n % 2];
        lines.push(format!("{name}  | {line}\n"));
        if n % 50 == 0 {
            lines.push(format!("web-1  | Traceback (most recent call last):\ndb-1   | between {n}\nweb-1  |   File \"a.py\", line {n}, in f\nweb-1  | ValueError: {n}\n"));
        }
        if n % 97 == 0 {
            let day = chrono::Utc::now() - chrono::TimeDelta::days((n % 5) as i64);
            lines.push(format!("db-1   | {} INFO another day {n}\n", day.format("%Y-%m-%dT%H:%M:%S%.6fZ")));
        }
    }
    lines.concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_killed_goes_on_without_duplicates() {
    let lab = Lab::new();
    let whole = mixed(60_000);
    let path = file(&lab, "compose.log.gz", gzip(&whole));
    let (_, parsed, _) = run(&lab, &["parse", &path], b"").await;
    let mut expected: Vec<String> =
        parsed.iter().map(|record| format!("{} {}", text(record, "container"), text(record, "line"))).collect();
    expected.sort();
    let mut killed = 0;
    for commits in [0_u64, 1, 2, 3] {
        let mut child = foghorn(&lab, &["import", &path])
            .env("FOGHORN_STORE_COMMIT_INTERVAL", "100ms")
            .env("FOGHORN_STORE_COMMIT_RECORDS", "4000")
            .spawn()
            .unwrap();
        // Until so many partitions more were written to, or it is at its end.
        let is_ended = patiently("commits", async {
            let mut ticks = tokio::time::interval(std::time::Duration::from_millis(5));
            let begun = commit_count(&lab);
            loop {
                ticks.tick().await;
                if child.try_wait().unwrap().is_some() {
                    return true;
                }
                if commit_count(&lab) >= begun + commits {
                    return false;
                }
            }
        })
        .await;
        if is_ended {
            break;
        }
        child.kill().await.unwrap();
        killed += 1;
    }
    assert!(killed >= 2, "the import was too fast to be killed amid");
    import(&lab, &[&path]).await;
    let records = stored(&lab, "").await;
    let mut found: Vec<String> =
        records.iter().map(|record| format!("{} {}", text(record, "container"), text(record, "line"))).collect();
    found.sort();
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "other lines are stored than the file has");
    assert!(import(&lab, &[&path]).await.contains("nothing new"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_leaves_one_segment_a_day() {
    let lab = Lab::new();
    let path = file(&lab, "app.log", numbered(0..5_000));
    let mut command = foghorn(&lab, &["import", &path]);
    command.env("FOGHORN_STORE_COMMIT_RECORDS", "500").stdout(Stdio::null());
    let output = patiently("its end", command.output()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let segments = segment_counts(&lab);
    assert!(!segments.is_empty() && segments.iter().all(|count| *count == 1), "{segments:?} segments a day are left");
    assert_eq!(stored(&lab, "").await.len(), 5_000);
}

/// How many segments each partition has.
fn segment_counts(lab: &Lab) -> Vec<usize> {
    let partitions = fs::read_dir(lab.index()).unwrap().flatten();
    let metas = partitions.filter_map(|partition| fs::read(partition.path().join("meta.json")).ok());
    let count = |meta: Vec<u8>| serde_json::from_slice::<Value>(&meta).unwrap()["segments"].as_array().unwrap().len();
    metas.map(count).collect()
}

/// How many files the segments of all partitions have: it rises with each commit.
fn commit_count(lab: &Lab) -> u64 {
    let partitions = fs::read_dir(lab.index()).into_iter().flatten().flatten();
    let files = partitions.filter_map(|partition| fs::read_dir(partition.path()).ok()).flatten().flatten();
    files.filter(|file| file.path().extension().is_some_and(|extension| extension == "store")).count() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_file_keeps_who_said_it_when() {
    let lab = Lab::new();
    let now = chrono::Utc::now();
    let time =
        |seconds: i64| (now - chrono::TimeDelta::seconds(seconds)).to_rfc3339_opts(chrono::SecondsFormat::Nanos, true);
    let compose = format!("web-1  | {} up\nweb-1  | {} on\n", time(60), time(59));
    let docker = |log: &str, seconds| json!({"log": log, "stream": "stderr", "time": time(seconds)}).to_string() + "\n";
    let objects =
        json!({"ts": time(40), "container": "shop-api-1", "service": "api", "stream": "stderr", "line": "from api"});
    let files = [
        file(&lab, "compose.log.zst", zstd::encode_all(compose.as_bytes(), 1).unwrap()),
        file(&lab, "b1946ac9-json.log", docker("in two ", 50) + &docker("pieces\n", 50)),
        file(&lab, "objects.ndjson", format!("{objects}\n")),
        file(&lab, "old.log.gz", gzip("2001-02-03 04:05:06 INFO long ago\n")),
    ];
    let said = import(&lab, &["--service", "named", &files[0], &files[1], &files[2], &files[3]]).await;
    assert!(said.contains("imported 4 records of 6 lines"), "{said}");
    assert!(said.contains("1 records were not stored, because they are older than retention.max_age"), "{said}");
    let records = stored(&lab, "").await;
    let shown: Vec<_> = records
        .iter()
        .map(|r| {
            (text(r, "service"), text(r, "container"), text(r, "stream"), text(r, "line"), text(r, "time").to_owned())
        })
        .collect();
    let expected = [
        ("web", "web-1", "stdout", "up", time(60)),
        ("web", "web-1", "stdout", "on", time(59)),
        ("named", "named", "stderr", "in two pieces", time(50)),
        ("api", "shop-api-1", "stderr", "from api", time(40)),
    ];
    assert_eq!(shown, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standard_input_is_imported_once_and_a_store_in_use_is_left_alone() {
    let lab = Lab::new();
    let text = numbered(0..300);
    for expected in ["imported 300 records", "standard input: already imported: 300 records, nothing new"] {
        let (code, _, said) = run(&lab, &["import", "--service", "piped", "-"], text.as_bytes()).await;
        assert_eq!(code, 0);
        assert!(said.starts_with(expected), "{said}");
    }
    let foghorn = Process::start(&lab).await;
    assert_eq!(lines(&foghorn.all("service:piped").await).len(), 300);
    let path = file(&lab, "app.log", "x\n");
    let (code, _, said) = run(&lab, &["import", &path], b"").await;
    assert_eq!(code, 1);
    assert!(said.contains("is in use by another foghorn; stop it, import, and start it again"), "{said}");
    assert!(foghorn.terminate().await.success());
}
