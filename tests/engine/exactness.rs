//! Every line once, in order, or a gap that says what is missing: containers that print numbered
//! lines while Foghorn is killed and the engine restarted, on each generation of engines.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::api::Engine;
use super::foghorn::Foghorn;
use super::lines::{self, Mix};
use super::{is_long, is_ready_within, wait_for};

#[test]
fn exactness_on_20_10() {
    exactness("20.10");
}

#[test]
fn exactness_on_26_1() {
    exactness("26.1");
}

#[test]
fn exactness_on_28_5() {
    exactness("28.5");
}

/// A container under watch, and what it prints.
struct Writer {
    name: &'static str,
    id: String,
    seed: u64,
    mix: Mix,
    /// Its log goes with it.
    removed: bool,
    /// Its log is rotated: the engine loses lines by design.
    rotated: bool,
    /// Lines a stream, if it is not stopped before.
    count: u64,
}

/// A small generator of numbers: the same seed, the same moments.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn exactness(version: &str) {
    let engine = Engine::up(version, &["--live-restore"]);
    let directory = tempfile::Builder::new()
        .prefix("store-")
        .tempdir_in(engine.directory.parent().expect("a parent"))
        .expect("a directory");
    let store = directory.path().join("store");
    let (kills, scale) = if is_long() { (22, 12) } else { (5, 1) };
    let mut random = Random(0x9E37_79B9_7F4A_7C15);

    let mut foghorn = Foghorn::start(&engine, &store, &[]);
    let writers = start_writers(&engine, scale);
    // From here on nothing may be lost: each container is known for good.
    wait_for("every container to be read and durable", 90, || {
        let status = foghorn.json("/api/v1/status");
        let known = |writer: &Writer| {
            status["containers"]
                .as_array()
                .is_some_and(|all| all.iter().any(|c| c["container"]["id"] == writer.id.as_str()))
        };
        writers.iter().all(known) && foghorn.durable_containers() >= writers.len()
    });
    let mut restarts = Vec::new();
    let (first, second, without) = (kills / 4, kills / 2, kills * 4 / 5);
    for kill in 0..kills {
        // A moment that depends on what was read: from none of it to a few thousand lines.
        let before = foghorn.record_count();
        let wanted = random.below(3_000);
        let active = |engine: &Engine| writers.iter().any(|w| engine.is_active(&w.id));
        wait_for("more lines", 60, || foghorn.record_count() >= before + wanted || !active(&engine));
        foghorn.kill();
        match kill {
            _ if kill == first || kill == second => restarts.push(engine.restart()),
            _ if kill == without => {
                // Takes the containers along, and starts those again whose policy says so.
                engine.forget_live_restore();
                restarts.push(engine.restart());
                foghorn = Foghorn::start(&engine, &store, &[]);
                restarts.push(engine.restart());
                foghorn.kill();
            }
            _ => {}
        }
        foghorn = Foghorn::start(&engine, &store, &[]);
    }
    wait_for("the containers to end", 600, || !writers.iter().any(|w| engine.is_active(&w.id)));
    let mut problems = Vec::new();
    for writer in &writers {
        check(&engine, &foghorn, writer, &restarts, &mut problems);
    }
    assert!(problems.is_empty(), "on {version}, see {}:\n{}", directory.keep().display(), problems.join("\n"));
}

fn start_writers(engine: &Engine, scale: u64) -> Vec<Writer> {
    let mut writers = Vec::new();
    let mut add = |name: &'static str, seed: u64, rate: u64, count: u64, mix: Mix, more: &[&str], host: Value| {
        let count = count * scale;
        let texts = [seed.to_string(), count.to_string(), rate.to_string()];
        let mut command =
            vec!["run", "--seed", &texts[0], "--count", &texts[1], "--rate", &texts[2], "--mix", mix.name()];
        command.extend(more);
        let removed = host["AutoRemove"] == json!(true);
        let rotated = host["LogConfig"]["Config"]["max-size"].is_string();
        let id = engine.run(name, &command, &host, &json!({}));
        writers.push(Writer { name, id, seed, mix, removed, rotated, count });
    };
    let log = |driver: &str, config: Value| json!({ "LogConfig": { "Type": driver, "Config": config } });
    let with = |mut host: Value, key: &str, value: Value| {
        host[key] = value;
        host
    };
    add("steady", 1, 300, 4_000, Mix::Small, &[], log("json-file", json!({})));
    add("wide", 2, 100, 1_200, Mix::Wide, &[], log("json-file", json!({})));
    add("wide-local", 3, 100, 1_200, Mix::Wide, &[], log("local", json!({})));
    add("fast", 4, 5_000, 20_000, Mix::Small, &[], log("json-file", json!({})));
    add("bursts", 5, 500, 6_000, Mix::Small, &["--burst", "500"], log("local", json!({})));
    add(
        "rotating",
        6,
        1_000,
        12_000,
        Mix::Small,
        &[],
        log("json-file", json!({ "max-size": "200k", "max-file": "3" })),
    );
    add("rotating-local", 7, 500, 6_000, Mix::Small, &[], log("local", json!({ "max-size": "100k", "max-file": "3" })));
    let restart = json!({ "Name": "on-failure", "MaximumRetryCount": 4 });
    add(
        "crashing",
        8,
        500,
        500,
        Mix::Wide,
        &["--exit", "3"],
        with(log("json-file", json!({})), "RestartPolicy", restart),
    );
    // Long enough to be alive when the last of the others was seen, on a slow machine, too.
    add("removed", 9, 400, 8_000, Mix::Small, &[], with(log("json-file", json!({})), "AutoRemove", json!(true)));
    writers
}

/// Compares what Foghorn has of a container with what the engine has, and with what was printed.
fn check(engine: &Engine, foghorn: &Foghorn, writer: &Writer, restarts: &[(i64, i64)], problems: &mut Vec<String>) {
    let (truth, is_readable) = match engine.log(&writer.id) {
        Ok(truth) => (truth, true),
        // Killed while it packed a rotated file, the engine has no truth to compare with.
        Err(error) if writer.rotated => {
            eprintln!("{}: {error}", writer.name);
            (None, false)
        }
        Err(error) => panic!("{}: {error}", writer.name),
    };
    let read = || foghorn.records(&format!("container_id:{}", writer.id));
    let count = |records: &[Value], stream: &str| stored_lines(records, stream).len();
    // The last lines take a moment; what must be there is known.
    if let (Some([stdout, stderr]), false) = (&truth, writer.rotated) {
        // Where it never comes, the comparison says what is missing.
        is_ready_within(60, || {
            let records = read();
            count(&records, "stdout") >= stdout.len() && count(&records, "stderr") >= stderr.len()
        });
    } else if let Some(logs) = &truth {
        let last = logs.iter().flatten().map(|l| l.0).max().unwrap_or_default();
        wait_for(&format!("the end of {}", writer.name), 120, || read().iter().any(|r| time_ns(&r["time"]) >= last));
    } else if is_readable {
        wait_for(&format!("the removal of {}", writer.name), 120, || {
            foghorn.json("/api/v1/status")["containers"]
                .as_array()
                .is_some_and(|c| c.iter().all(|c| c["container"]["id"] != writer.id.as_str()))
        });
    }
    let records = read();
    let gaps: Vec<(i64, i64)> = records
        .iter()
        .filter(|r| r["kind"] == "gap")
        .map(|r| (r["fields"].get("gap.from").map_or(i64::MIN, time_ns), time_ns(&r["fields"]["gap.to"])))
        .collect();
    let mut say = |text: String| problems.push(format!("{} ({}): {text}", writer.name, &writer.id[..12]));
    if !gaps.is_empty() && !writer.rotated && !writer.removed {
        say(format!("{} gaps, though the engine has everything", gaps.len()));
    }
    for (index, (stream, letter)) in [("stdout", lines::OUT), ("stderr", lines::ERR)].into_iter().enumerate() {
        let stored = stored_lines(&records, stream);
        let truth = truth.as_ref().map(|t| by_time(t[index].clone()));
        let is_one_run = truth.as_ref().is_none_or(|(_, was_in_order)| *was_in_order);
        if let Some((truth, false)) = &truth {
            // Where fragments of both have one time, no order of the two is the right one.
            let mut lines: [Vec<&[u8]>; 2] =
                [stored.iter().map(|s| &*s.line).collect(), truth.iter().map(|t| &*t.1).collect()];
            lines.iter_mut().for_each(|lines| lines.sort_unstable());
            if lines[0] != lines[1] {
                let [stored, truth] = lines;
                let at = stored.iter().zip(&truth).position(|(stored, truth)| stored != truth);
                say(format!(
                    "{stream}: {} lines stored, {} in the engine, first difference in their order {at:?}: {:?} and {:?}",
                    stored.len(),
                    truth.len(),
                    at.map(|at| shown(stored[at])),
                    at.map(|at| shown(truth[at])),
                ));
            }
        } else if let Some((truth, _)) = &truth {
            let end = if writer.rotated { stored.len().saturating_sub(truth.len()) } else { 0 };
            // Of a line that joined a record, only the record's time is known.
            let is_equal = |(stored, truth): (&Stored, &(i64, Vec<u8>))| {
                stored.line == truth.1 && (stored.is_joined || stored.time_ns == truth.0)
            };
            if stored.len() - end != truth.len() || !stored[end..].iter().zip(truth).all(is_equal) {
                let at = stored[end..].iter().zip(truth).position(|pair| !is_equal(pair));
                say(format!(
                    "{stream}: {} lines stored, {} in the engine, first difference at {at:?}: {:?} and {:?}",
                    stored.len(),
                    truth.len(),
                    at.map(|at| (stored[end + at].time_ns, shown(&stored[end + at].line))),
                    at.map(|at| (truth[at].0, shown(&truth[at].1))),
                ));
            }
        }
        let stored: Vec<_> = stored.into_iter().map(|stored| (stored.time_ns, stored.line)).collect();
        // A gap ends with the first line that was read behind it. Where that is one of the other stream,
        // the engine may have stamped this one's first line some milliseconds earlier.
        let is_of_other =
            |ns: i64| records.iter().any(|r| r["kind"] == "line" && r["stream"] != stream && time_ns(&r["time"]) == ns);
        let gaps: Vec<(i64, i64)> = gaps
            .iter()
            .map(|&(from, to)| match stored.iter().map(|(time_ns, _)| *time_ns).find(|ns| *ns > from) {
                Some(first) if first < to && is_of_other(to) => (from, first),
                _ => (from, to),
            })
            .collect();
        if !is_one_run {
            // Its lines are those of the engine's log, which was compared above.
            eprintln!("{}: the engine ran it twice at once, and logged both {stream}", writer.name);
            continue;
        }
        for problem in numbered(writer, letter, &stored, &gaps, restarts) {
            say(format!("{stream}: {problem}"));
        }
    }
    eprintln!("{}: {} records, {} gaps", writer.name, records.len(), gaps.len());
}

/// A log in the order of its times, as records are, and whether it was so. An engine that is restarted
/// while it restarts a container can run that twice at once, and both write one log.
fn by_time(mut log: Vec<(i64, Vec<u8>)>) -> (Vec<(i64, Vec<u8>)>, bool) {
    let was_in_order = log.is_sorted_by_key(|line| line.0);
    log.sort_by_key(|line| line.0);
    (log, was_in_order)
}

/// A line as it is stored, perhaps within a record of several.
struct Stored {
    time_ns: i64,
    line: Vec<u8>,
    /// It is not the first line of its record.
    is_joined: bool,
}

fn stored_lines(records: &[Value], stream: &str) -> Vec<Stored> {
    let of_stream = records.iter().filter(|r| r["kind"] == "line" && r["stream"] == stream);
    let lines = of_stream.flat_map(|r| {
        let time_ns = time_ns(&r["time"]);
        let lines = r["line"].as_str().unwrap_or_default().split('\n').enumerate();
        lines.map(move |(n, line)| Stored { time_ns, line: line.as_bytes().to_vec(), is_joined: n > 0 })
    });
    lines.collect()
}

/// What is wrong with the stored lines of a stream as a sequence of printed ones.
fn numbered(
    writer: &Writer,
    stream: u8,
    stored: &[(i64, Vec<u8>)],
    gaps: &[(i64, i64)],
    restarts: &[(i64, i64)],
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut next: BTreeMap<u32, u64> = BTreeMap::new();
    let mut run = 1;
    let mut before_ns = i64::MIN;
    for (time_ns, line) in stored {
        if *time_ns < before_ns {
            problems.push(format!("time runs backwards at {time_ns}"));
        }
        let expected = *next.get(&run).unwrap_or(&1);
        let (here, number) = match lines::parse(line) {
            Some((run, letter, number)) if letter == stream => (run, number),
            Some(_) => {
                problems.push(format!("a line of the other stream: {:?}", shown(line)));
                continue;
            }
            None if line.is_empty() => (run, expected),
            None => {
                problems.push(format!("no line of ours: {:?}", shown(line)));
                continue;
            }
        };
        let expected = if here == run { expected } else { 1 };
        let covered = gaps.iter().any(|&(from, to)| from <= before_ns.max(from) && before_ns <= to && to <= *time_ns);
        // An engine loses what a container writes while it restarts; its own log, where it is
        // kept, was compared above.
        let restarted = restarts.iter().any(|&(from, to)| from <= *time_ns && before_ns <= to);
        let covered = covered || restarted;
        if here < run || number < expected {
            problems.push(format!(
                "run {here} line {number} again, or out of order, after run {run} line {}",
                expected - 1
            ));
        } else if number > expected && !covered {
            problems.push(format!(
                "run {here} lines {expected}..{number} are missing and no gap says so ({before_ns}..{time_ns})"
            ));
        } else if number == expected && *line != lines::line(writer.seed, here, stream, number, writer.mix) {
            problems.push(format!("run {here} line {number} is {:?}", shown(line)));
        }
        run = here;
        next.insert(run, number + 1);
        before_ns = *time_ns;
    }
    // An unfinished last run is the engine's doing, and compared with its log; one that is
    // removed has to be whole or end in a gap.
    let last = next.get(&run).copied().unwrap_or(1) - 1;
    if writer.removed && last < writer.count && !gaps.iter().any(|&(_, to)| to >= before_ns) {
        problems.push(format!("{last} of {} lines, and no gap says so", writer.count));
    }
    problems.truncate(10);
    problems
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned()
}

fn time_ns(time: &Value) -> i64 {
    let time = time.as_str().unwrap_or_default();
    chrono::DateTime::parse_from_rfc3339(time).expect("a time").timestamp_nanos_opt().expect("a near time")
}

#[test]
fn a_missing_line_is_found_by_the_check_itself() {
    let writer =
        Writer { name: "x", id: "0".repeat(12), seed: 1, mix: Mix::Small, removed: false, rotated: false, count: 3 };
    let line = |n: u64| (n as i64, lines::line(1, 1, lines::OUT, n, Mix::Small));
    let whole: Vec<_> = (1..=3).map(line).collect();
    assert!(numbered(&writer, lines::OUT, &whole, &[], &[]).is_empty());
    assert_eq!(numbered(&writer, lines::OUT, &[line(1), line(3)], &[], &[]).len(), 1);
    assert!(numbered(&writer, lines::OUT, &[line(1), line(3)], &[(1, 3)], &[]).is_empty());
    assert_eq!(numbered(&writer, lines::OUT, &[line(1), line(1), line(2)], &[], &[]).len(), 1);
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/engine.sh").exists());
}
