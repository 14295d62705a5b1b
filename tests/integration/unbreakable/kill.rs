//! SIGKILL at each stage of a commit, a merge, a removal and an export: every record is there once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;

use foghorn::record::{DAY_NS, time_text};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::process::{Child, Command};

use super::files::{COMPONENTS, partitions, records, small, unlisted, watch};
use crate::support::{Dice, Lab, Process, Stdout, command, patiently, target, text};

/// Lines of a file by how often they are stored, whatever was killed.
type Count = BTreeMap<String, usize>;

fn importing(lab: &Lab, path: &str) -> Command {
    let mut command = command(lab, env!("CARGO_BIN_EXE_foghorn"), &["import", path]);
    command.env("FOGHORN_STORE_COMMIT_RECORDS", "400").stdout(Stdio::null());
    command
}

/// A file with so many lines on each of some days that ended before today, oldest first.
fn write_file(lab: &Lab, name: &str, days: std::ops::Range<i64>, lines_a_day: i64, written: &mut Count) -> String {
    let today_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap() / DAY_NS * DAY_NS;
    let mut file = String::new();
    for day in days.rev() {
        for n in 0..lines_a_day {
            let time = time_text(today_ns - day * DAY_NS + n * 1_000_000);
            let line = format!("INFO {name} says {n} of day {day}: {:x} \u{e9}", n * 2_654_435_761);
            writeln!(file, "{time} {line}").unwrap();
            *written.entry(format!("{time} {line}")).or_default() += 1;
        }
    }
    let path = lab.path().join(name);
    fs::write(&path, file).unwrap();
    path.to_str().unwrap().to_owned()
}

fn is_over(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_some()
}

/// Ends the process, and says whether it was amid a commit or a merge.
async fn kill(mut child: Child, lab: &Lab) -> bool {
    child.kill().await.unwrap();
    unlisted(&lab.index()) > 0
}

/// Every line is stored as often as it was written, and no partition was set aside.
async fn assert_stored(foghorn: &Process, expected: &Count, what: &str) {
    let mut found = Count::new();
    for record in foghorn.all("").await {
        *found.entry(format!("{} {}", text(&record, "time"), text(&record, "line"))).or_default() += 1;
    }
    let wrong = expected.iter().find(|(line, count)| found.get(*line) != Some(count));
    assert!(wrong.is_none(), "{what}: {wrong:?} is found {:?} times", wrong.and_then(|(line, _)| found.get(line)));
    assert_eq!(found.len(), expected.len(), "{what}: lines are found that nobody wrote");
    let status = foghorn.status().await;
    assert_eq!(status["store"]["damaged"].as_array().unwrap().len(), 0, "{what}: {status:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_killed_amid_commits_and_merges_is_stored_once() {
    let lab = Lab::new();
    let mut dice = Dice(11);
    let mut written = Count::new();
    let (mut kills, mut cut) = (0, 0);
    for number in 0..3 {
        let path = write_file(&lab, &format!("part{number}.log"), 1..4, 2_000, &mut written);
        for _ in 0..4 {
            let begun = records(&lab.index());
            let mut child = importing(&lab, &path).spawn().unwrap();
            // Behind some commits, at one of the files of the next.
            let (commits, files) = (dice.roll(3) as u64, 1 + dice.roll(COMPONENTS));
            watch("an import's commits", || {
                let is_there = records(&lab.index()) >= begun + commits * 400 && unlisted(&lab.index()) >= files;
                is_there || is_over(&mut child)
            });
            kills += usize::from(!is_over(&mut child));
            cut += usize::from(kill(child, &lab).await);
        }
        // All is stored, and its pieces are being merged: at the first day, the second or the third.
        let mut child = importing(&lab, &path).spawn().unwrap();
        let files = 1 + dice.roll(COMPONENTS);
        watch("the pieces of an import to be merged", || {
            let partitions = partitions(&lab.index());
            let is_merging = partitions.iter().map(|p| p.records).sum::<u64>() == written.len() as u64
                && partitions.iter().filter(|partition| partition.segments <= number + 1).count() == number
                && partitions.iter().any(|partition| partition.unlisted >= files);
            is_merging || is_over(&mut child)
        });
        kills += usize::from(!is_over(&mut child));
        cut += usize::from(kill(child, &lab).await);
        let output =
            patiently("an import's end", importing(&lab, &path).stderr(Stdio::piped()).output()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(kills >= 12 && cut >= 8, "of {kills} kills only {cut} were amid a commit or a merge");
    let foghorn = Process::start(&lab).await;
    assert_stored(&foghorn, &written, "after the kills").await;
    assert!(foghorn.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_is_found_once_after_kills_at_the_files_of_merges() {
    const KILLS: usize = 7;
    const MERGED: usize = 16;
    let lab = Lab::new();
    let ids = [lab.run("web"), lab.run("api")];
    let ids: Vec<&String> = ids.iter().collect();
    let mut dice = Dice(21);
    let (mut number, mut cut, mut merged) = (0, 0, 0);
    for kill in 0..KILLS {
        let foghorn = Process::start(&lab).await;
        let mut say = async |foghorn: &Process| {
            ids.iter().for_each(|id| lab.count(id, number..number + 5));
            number += 5;
            // Each is a commit, and each sixteenth begins a merge.
            let all = 2 * number as u64;
            patiently("a commit", crate::support::poll(async || records(&lab.index()) >= all)).await;
            assert_eq!(foghorn.status().await["store"]["failed_commits"], 0);
        };
        while small(&lab.index()) < MERGED - 1 {
            say(&foghorn).await;
        }
        ids.iter().for_each(|id| lab.count(id, number..number + 5));
        number += 5;
        // At one of the files of the merge, or just behind it.
        let files = 1 + dice.roll(COMPONENTS);
        watch("a merge", || {
            let count = small(&lab.index());
            count < MERGED - 1 || count >= MERGED && (kill == 0 || unlisted(&lab.index()) >= files)
        });
        foghorn.kill().await;
        cut += usize::from(unlisted(&lab.index()) > 0);
        merged += usize::from(small(&lab.index()) < MERGED);
    }
    assert!(cut + merged >= KILLS - 2, "of {KILLS} kills only {cut} were amid a merge, and {merged} behind one");
    let foghorn = Process::start(&lab).await;
    foghorn.exactly(&lab.said(&ids)).await;
    // The next merge comes about, and leaves nothing of those before.
    while small(&lab.index()) >= MERGED || unlisted(&lab.index()) > 0 {
        ids.iter().for_each(|id| lab.count(id, number..number + 1));
        number += 1;
        let all = 2 * number as u64;
        patiently("a commit", crate::support::poll(async || records(&lab.index()) >= all)).await;
    }
    foghorn.exactly(&lab.said(&ids)).await;
    assert_eq!(foghorn.status().await["store"]["damaged"].as_array().unwrap().len(), 0);
    assert!(foghorn.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_days_go_whole_whenever_their_removal_is_killed() {
    const OLD: usize = 40;
    let lab = Lab::new();
    let (mut old, mut written) = (Count::new(), Count::new());
    let files = [
        write_file(&lab, "old.log", 10..10 + OLD as i64, 20, &mut old),
        write_file(&lab, "new.log", 1..4, 500, &mut written),
    ];
    for path in &files {
        let mut command = importing(&lab, path);
        command.env("FOGHORN_RETENTION_MAX_AGE", "100d").stderr(Stdio::piped());
        let output = patiently("an import's end", command.output()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let left = || partitions(&lab.index()).len().saturating_sub(3);
    assert_eq!(left(), OLD);
    let mut dice = Dice(31);
    let mut amid = 0;
    while left() > 0 {
        let before = left();
        let mut command = command(&lab, env!("CARGO_BIN_EXE_foghorn"), &[]);
        command.env("FOGHORN_RETENTION_MAX_AGE", "7d");
        let mut child = command.spawn().unwrap();
        let gone = 1 + dice.roll(4);
        watch("days to be removed", || left() <= before.saturating_sub(gone) || is_over(&mut child));
        assert!(!is_over(&mut child), "foghorn ended by itself");
        child.kill().await.unwrap();
        amid += usize::from(left() > 0);
    }
    assert!(amid >= 3, "only {amid} kills were amid the removal");
    let mut command = command(&lab, env!("CARGO_BIN_EXE_foghorn"), &[]);
    command.env("FOGHORN_RETENTION_MAX_AGE", "7d");
    let foghorn = Process::of(command).await;
    assert_stored(&foghorn, &written, "after the kills").await;
    let rest: Vec<_> = fs::read_dir(lab.index()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(rest.len(), 4, "three days and the lock are left: {rest:?}");
    assert!(foghorn.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_a_kill_cuts_off_is_not_taken_for_whole() {
    const KILLS: usize = 4;
    const LINES: usize = 8_000;
    let lab = Lab::new();
    let id = lab.run("web");
    let mut dice = Dice(41);
    // Far more than lies between the two in the kernel.
    for n in 0..LINES {
        lab.write(&id, Stdout, format!("line {n} {}\n", "x".repeat(3_000)).as_bytes());
    }
    let whole = target("/api/v1/export", &[("query", "line")]);
    for kill in 0..KILLS {
        let foghorn = Process::start(&lab).await;
        foghorn.exactly(&lab.said(&[&id])).await;
        let (response, _connection) = foghorn.send("GET", &whole).await;
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        let wanted = dice.roll(2_000_000);
        while bytes.len() <= wanted {
            let frame = patiently("a part of an export", body.frame()).await.unwrap().unwrap();
            bytes.extend_from_slice(frame.data_ref().unwrap());
        }
        // What is written meanwhile is committed meanwhile.
        lab.count(&id, kill * 100..(kill + 1) * 100);
        foghorn.kill().await;
        let is_broken = loop {
            match patiently("the rest of an export", body.frame()).await {
                Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().unwrap()),
                Some(Err(_)) => break true,
                None => break false,
            }
        };
        assert!(is_broken, "an export of {} bytes ended as if it were whole", bytes.len());
        // What came before the end is what was said, each line once and in order.
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = std::str::from_utf8(&bytes[..end]).unwrap().lines();
        let said = lab.said(&[&id]);
        let count = lines
            .zip(&said)
            .inspect(|(line, said)| {
                let record: Value = serde_json::from_str(line).unwrap();
                assert_eq!(text(&record, "line"), said.text);
            })
            .count();
        assert!(count > 0 && count < LINES, "{count} records came");
    }
    let foghorn = Process::start(&lab).await;
    let said = lab.said(&[&id]);
    foghorn.exactly(&said).await;
    let exported = foghorn.get(&target("/api/v1/export", &[("query", "")])).await.body;
    let lines: Vec<String> =
        exported.lines().map(|line| text(&serde_json::from_str::<Value>(line).unwrap(), "line").to_owned()).collect();
    assert!(lines.iter().eq(said.iter().map(|said| &said.text)), "an export is not what was written");
    assert!(foghorn.terminate().await.success());
}
