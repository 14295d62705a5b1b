//! A disk that is full at each stage of a commit, a merge, an opening and a deletion, and free again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use foghorn::record::{ContainerId, DAY_NS};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::files::{COMPONENTS, records, small, unlisted, watch};
use super::source::{close, find, open};
use crate::support::{Dice, Lab, Process, Stdout, command, patiently, poll, text};

const NO_SPACE: &str = "No space left on device";

/// A small file system of its own for Foghorn's data, in a mount namespace that ends with the process that
/// holds it.
struct Disk {
    holder: Child,
    /// As this process reaches it.
    data: PathBuf,
}

impl Disk {
    async fn mount(lab: &Lab, options: &str) -> Self {
        let data = lab.path().join("data");
        fs::create_dir(&data).unwrap();
        let script = r#"mount -t tmpfs -o "$1" tmpfs "$2" && echo mounted && exec cat"#;
        let mut holder = Command::new("unshare")
            .args(["-rm", "sh", "-c", script, "sh", options, data.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        let first = patiently("a small disk", lines.next_line()).await.unwrap();
        assert_eq!(
            first.as_deref(),
            Some("mounted"),
            "this test mounts a small tmpfs with `unshare -rm`, which is not possible here: run it as root, or allow user namespaces"
        );
        let data = format!("/proc/{}/root{}", holder.id().unwrap(), data.display()).into();
        Self { holder, data }
    }

    fn index(&self) -> PathBuf {
        self.data.join("index")
    }

    fn command(&self, lab: &Lab, arguments: &[&str]) -> Command {
        let holder = self.holder.id().unwrap().to_string();
        let enter = ["--target", &holder, "--user", "--preserve-credentials", "--mount"];
        command(lab, "nsenter", &[&enter[..], &[env!("CARGO_BIN_EXE_foghorn")], arguments].concat())
    }

    async fn foghorn(&self, lab: &Lab) -> Process {
        Process::of(self.command(lab, &[])).await
    }

    /// Leaves so many files that can be made; answers how many there were.
    fn leave_files(&self, left: usize) -> usize {
        let ballast = self.data.join("ballast");
        fs::create_dir_all(&ballast).unwrap();
        let path = |n: usize| ballast.join(n.to_string());
        let made = (0..10_000).take_while(|n| fs::File::create_new(path(*n)).is_ok()).count();
        assert!(made >= left, "there were only {made} files left");
        (0..left).for_each(|n| fs::remove_file(path(n)).unwrap());
        made
    }

    /// Leaves about so many bytes.
    fn leave_bytes(&self, left: usize) {
        let path = self.data.join("bytes");
        let mut block = vec![1_u8; 4 << 20];
        while block.len() >= 4096 {
            let written = fs::File::options().create(true).append(true).open(&path);
            match written.and_then(|mut file| std::io::Write::write_all(&mut file, &block)) {
                Ok(()) => {}
                Err(_) => block.truncate(block.len() / 4),
            }
        }
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(file.metadata().unwrap().len().saturating_sub(left as u64)).unwrap();
    }

    fn free(&self) {
        drop(fs::remove_dir_all(self.data.join("ballast")));
        drop(fs::remove_file(self.data.join("bytes")));
    }
}

/// Waits until no records are taken; answers why.
async fn paused(foghorn: &Process) -> String {
    let status = foghorn.status_is("a pause", |s| s["store"]["paused"].is_string()).await;
    let reason = text(&status["store"], "paused").to_owned();
    let problems = foghorn.ready(503).await;
    assert!(
        foghorn.metric("foghorn_index_paused").await > 0.0 && problems.contains("the store takes no records"),
        "{problems}"
    );
    reason
}

/// Waits until everything said is in the segments that are listed.
async fn durable(lab: &Lab, ids: &[&String], disk: &Disk) {
    let all = lab.said(ids).len() as u64;
    patiently("everything to be durable", poll(async || records(&disk.index()) >= all)).await;
}

/// Lets commits have room for one file more each time, until one succeeds; answers how many did not.
async fn with_room_for(first: usize, step: usize) -> usize {
    let lab = Lab::new();
    let ids = [lab.run("web"), lab.run("api")];
    let ids: Vec<&String> = ids.iter().collect();
    let disk = Disk::mount(&lab, "size=256m,nr_inodes=600").await;
    let foghorn = disk.foghorn(&lab).await;
    let mut numbers = (0..).step_by(10).map(|n| n..n + 10);
    let mut say = || {
        let some = numbers.next().unwrap();
        ids.iter().for_each(|id| lab.count(id, some.clone()));
    };
    say();
    durable(&lab, &ids, &disk).await;
    let mut failures = 0;
    for room in (first..).step_by(step) {
        disk.leave_files(room);
        let before = foghorn.status().await["store"].clone();
        say();
        let count = |status: &serde_json::Value, name: &str| status[name].as_u64().unwrap();
        let is_over = |s: &serde_json::Value| {
            ["commits", "failed_commits"].iter().any(|name| count(&s["store"], name) > count(&before, name))
        };
        let status = foghorn.status_is("a commit or its failure", is_over).await["store"].clone();
        let is_failed = count(&status, "failed_commits") > count(&before, "failed_commits");
        if is_failed {
            failures += 1;
            let reason = paused(&foghorn).await;
            assert!(reason.contains(NO_SPACE), "room for {room} files: {reason}");
            // What cannot be made durable can be found.
            foghorn.exactly(&lab.said(&ids)).await;
        }
        disk.free();
        assert_eq!(foghorn.ready(200).await, "[]");
        durable(&lab, &ids, &disk).await;
        foghorn.exactly(&lab.said(&ids)).await;
        if !is_failed {
            break;
        }
    }
    assert!(foghorn.terminate().await.success());
    let foghorn = disk.foghorn(&lab).await;
    ids.iter().for_each(|id| lab.say(id, "the last"));
    foghorn.exactly(&lab.said(&ids)).await;
    assert_eq!(foghorn.status().await["store"]["damaged"].as_array().unwrap().len(), 0);
    assert!(foghorn.terminate().await.success());
    failures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_any_of_its_files_has_no_room_for_is_made_when_there_is() {
    const LABS: usize = 4;
    let labs = (0..LABS).map(|first| with_room_for(first, LABS));
    let failures: usize = futures_util::future::join_all(labs).await.into_iter().sum();
    // Nine files of the segment, and what describes it.
    assert!(failures >= 10, "only {failures} commits failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_while_a_commit_writes_loses_nothing() {
    let lab = Lab::new();
    let id = lab.run("web");
    let disk = Disk::mount(&lab, "size=192m").await;
    let mut command = disk.command(&lab, &[]);
    command.env("FOGHORN_STORE_COMMIT_INTERVAL", "2s").env("FOGHORN_STORE_COMMIT_BYTES", "6MiB");
    let foghorn = Process::of(command).await;
    let mut dice = Dice(51);
    let mut failed = 0;
    for files in [1, 2, 1, 3] {
        // Lines that are no smaller when they are packed: 6 MiB are a commit.
        for n in 0..1_600 {
            let drawn: String = (0..4_000).map(|_| char::from(b'a' + dice.roll(26) as u8)).collect();
            lab.write(&id, Stdout, format!("{n} {drawn}\n").as_bytes());
        }
        let before = foghorn.status().await["store"]["failed_commits"].as_u64().unwrap();
        let all = lab.said(&[&id]).len() as u64;
        // Enough for it to begin.
        disk.leave_bytes(56 << 20);
        watch("a commit", || unlisted(&disk.index()) >= files || records(&disk.index()) >= all);
        disk.leave_bytes(0);
        foghorn.exactly(&lab.said(&[&id])).await;
        let is_over = |s: &serde_json::Value| {
            s["store"]["failed_commits"].as_u64().unwrap() > before || records(&disk.index()) >= all
        };
        let status = foghorn.status_is("a commit or its failure", is_over).await;
        if status["store"]["failed_commits"].as_u64().unwrap() > before {
            failed += 1;
            let reason = paused(&foghorn).await;
            assert!(reason.contains(NO_SPACE) || reason.contains("the disk is full"), "{reason}");
            foghorn.exactly(&lab.said(&[&id])).await;
        }
        disk.free();
        assert_eq!(foghorn.ready(200).await, "[]");
        durable(&lab, &[&id], &disk).await;
    }
    assert!(failed >= 2, "only {failed} commits failed");
    foghorn.exactly(&lab.said(&[&id])).await;
    assert!(foghorn.terminate().await.success());
    let foghorn = disk.foghorn(&lab).await;
    lab.say(&id, "the last");
    foghorn.exactly(&lab.said(&[&id])).await;
    assert!(foghorn.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_that_has_no_room_loses_nothing_and_comes_about_later() {
    const MERGED: usize = 16;
    let lab = Lab::new();
    let id = lab.run("web");
    let disk = Disk::mount(&lab, "size=256m,nr_inodes=1000").await;
    let mut number = 0;
    let mut say = || {
        lab.count(&id, number..number + 5);
        number += 5;
    };
    for room in [0, 1, 3, 5, 7] {
        // After a merge that failed there is none for a while but in another process.
        let foghorn = disk.foghorn(&lab).await;
        while small(&disk.index()) < MERGED - 1 {
            say();
            durable(&lab, &[&id], &disk).await;
        }
        // A description is written beside the one before, and takes its place.
        disk.leave_files(COMPONENTS + 2 + room);
        say();
        durable(&lab, &[&id], &disk).await;
        say();
        let reason = paused(&foghorn).await;
        assert!(reason.contains(NO_SPACE), "room for {room} files: {reason}");
        assert!(small(&disk.index()) >= MERGED, "room for {room} files was enough");
        foghorn.exactly(&lab.said(&[&id])).await;
        disk.free();
        assert_eq!(foghorn.ready(200).await, "[]");
        patiently("the merge", poll(async || small(&disk.index()) < MERGED)).await;
        foghorn.exactly(&lab.said(&[&id])).await;
        assert!(foghorn.terminate().await.success());
    }
    let foghorn = disk.foghorn(&lab).await;
    say();
    foghorn.exactly(&lab.said(&[&id])).await;
    assert_eq!(foghorn.status().await["store"]["damaged"].as_array().unwrap().len(), 0);
    assert!(foghorn.terminate().await.success());
}

/// Lines of some days on a disk, the last of them today, which no Foghorn has open.
async fn filled(lab: &Lab, ids: &[&String], days: i64) -> Disk {
    let disk = Disk::mount(lab, "size=256m,nr_inodes=600").await;
    let now_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap();
    for age in (1..days).rev() {
        for n in 0..50 {
            for id in ids {
                let line = format!("{n} of {age} days ago\n");
                lab.engine.write_at(id, Stdout, now_ns - age * DAY_NS + n, line.as_bytes()).unwrap();
            }
        }
    }
    ids.iter().for_each(|id| lab.count(id, 0..50));
    // One commit, so that each segment is of all.
    let mut command = disk.command(lab, &[]);
    command.env("FOGHORN_STORE_COMMIT_INTERVAL", "5m");
    let foghorn = Process::of(command).await;
    foghorn.exactly(&lab.said(ids)).await;
    assert!(foghorn.terminate().await.success());
    disk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_on_a_full_disk_is_opened_and_served_and_goes_on_by_itself() {
    let lab = Lab::new();
    let ids = [lab.run("web"), lab.run("api")];
    let ids: Vec<&String> = ids.iter().collect();
    // Of more days the oldest would go, to make room.
    let disk = filled(&lab, &ids, 1).await;
    disk.leave_bytes(0);
    disk.leave_files(0);
    ids.iter().for_each(|id| lab.count(id, 50..100));
    let foghorn = disk.foghorn(&lab).await;
    let reason = paused(&foghorn).await;
    assert!(reason.contains("the disk is full"), "{reason}");
    foghorn.exactly(&lab.said(&ids)).await;
    disk.free();
    assert_eq!(foghorn.ready(200).await, "[]");
    ids.iter().for_each(|id| lab.count(id, 100..150));
    foghorn.exactly(&lab.said(&ids)).await;
    assert_eq!(foghorn.status().await["store"]["damaged"].as_array().unwrap().len(), 0);
    assert!(foghorn.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_day_on_a_full_disk_is_set_aside_when_there_is_room() {
    let lab = Lab::new();
    let ids = [lab.run("web"), lab.run("api")];
    let ids: Vec<&String> = ids.iter().collect();
    let disk = filled(&lab, &ids, 2).await;
    let today = fs::read_dir(disk.index()).unwrap().map(|entry| entry.unwrap().path());
    let today = today.filter(|path| path.join("meta.json").exists()).max().unwrap();
    fs::write(today.join("meta.json"), "{").unwrap();
    disk.leave_files(0);
    let foghorn = disk.foghorn(&lab).await;
    let names_today = |s: &serde_json::Value| {
        let name = today.file_name().unwrap().to_str().unwrap();
        s["store"]["damaged"].as_array().unwrap().iter().any(|told| told.as_str().unwrap().starts_with(name))
    };
    foghorn.status_is("the day to be named", names_today).await;
    // Its lines are read again, and found where they cannot be stored.
    let reason = paused(&foghorn).await;
    assert!(reason.contains(NO_SPACE), "{reason}");
    foghorn.exactly(&lab.said(&ids)).await;
    disk.free();
    assert_eq!(foghorn.ready(200).await, "[]");
    ids.iter().for_each(|id| lab.count(id, 50..100));
    foghorn.exactly(&lab.said(&ids)).await;
    durable(&lab, &ids, &disk).await;
    let status = foghorn.status().await;
    assert_eq!(status["store"]["damaged"].as_array().unwrap().len(), 1, "{status:#}");
    assert!(disk.index().join("damaged").is_dir());
    assert!(foghorn.terminate().await.success());
    let foghorn = disk.foghorn(&lab).await;
    foghorn.exactly(&lab.said(&ids)).await;
    assert!(foghorn.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_made_on_a_full_disk_is_no_start_and_says_why() {
    let lab = Lab::new();
    let id = lab.run("web");
    lab.count(&id, 0..50);
    let disk = Disk::mount(&lab, "size=256m,nr_inodes=600").await;
    for room in 0..2 {
        disk.leave_files(room);
        let mut command = disk.command(&lab, &[]);
        let output = patiently("its end", command.stderr(Stdio::piped()).output()).await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(NO_SPACE), "{said}");
        disk.free();
    }
    let foghorn = disk.foghorn(&lab).await;
    foghorn.exactly(&lab.said(&[&id])).await;
    assert!(foghorn.terminate().await.success());
}

async fn delete(lab: &Lab, disk: &Disk) -> (bool, String) {
    let mut command = disk.command(lab, &["delete", "--service", "api", "--yes"]);
    let Output { status, stderr, .. } = patiently("a deletion", command.stderr(Stdio::piped()).output()).await.unwrap();
    (status.success(), String::from_utf8(stderr).unwrap())
}

/// Copies the partitions of one index to another place.
fn copy(from: &Path, to: &Path) {
    for day in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|day| day.path().is_dir()) {
        let to = to.join(day.file_name());
        fs::create_dir_all(&to).unwrap();
        for file in fs::read_dir(day.path()).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// How many records of a container there are, in a store that no one has open.
async fn stored(disk: &Disk, id: &str) -> usize {
    let copied = tempfile::tempdir().unwrap();
    copy(&disk.index(), &copied.path().join("index"));
    let store = open(copied.path());
    let reader = store.reader();
    assert!(reader.status().damaged.is_empty(), "{:?}", reader.status().damaged);
    let id = ContainerId::new(id);
    let count = find(&reader, "a store that was deleted from").keys().filter(|key| key.container == id).count();
    close(store).await;
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_any_of_its_files_has_no_room_for_takes_nothing_else_and_goes_on() {
    let lab = Lab::new();
    let (web, api) = (lab.run("web"), lab.run("api"));
    let disk = filled(&lab, &[&web, &api], 2).await;
    let (all_web, all_api) = (lab.said(&[&web]).len(), lab.said(&[&api]).len());
    // Not with a reserve of bytes, either.
    disk.leave_bytes(1 << 20);
    let (is_done, said) = delete(&lab, &disk).await;
    assert!(!is_done && said.contains("not all are deleted: the disk is full"), "{said}");
    disk.free();
    assert_eq!((stored(&disk, &web).await, stored(&disk, &api).await), (all_web, all_api));
    let before = tempfile::tempdir().unwrap();
    copy(&disk.index(), before.path());
    let mut room = 0;
    loop {
        // What an attempt left is no room for the next.
        for day in fs::read_dir(before.path()).unwrap() {
            fs::remove_dir_all(disk.index().join(day.unwrap().file_name())).unwrap();
        }
        copy(before.path(), &disk.index());
        disk.leave_files(room);
        let (is_done, said) = delete(&lab, &disk).await;
        disk.free();
        assert_eq!(stored(&disk, &web).await, all_web, "room for {room} files");
        if is_done {
            assert!(said.contains("deleted"), "{said}");
            break;
        }
        assert!(said.contains("not all are deleted") && said.contains(NO_SPACE), "room for {room} files: {said}");
        assert!(stored(&disk, &api).await <= all_api);
        room += 1;
    }
    // A list of deletes, the files of a segment, and what describes it.
    assert!(room > COMPONENTS, "only {room} deletions failed");
    assert_eq!(stored(&disk, &api).await, 0);
    let foghorn = disk.foghorn(&lab).await;
    [&web, &api].iter().for_each(|id| lab.say(id, "the last"));
    foghorn.status_is("the last lines", |s| s["store"]["records"] == all_web as u64 + 2).await;
    let of_api: Vec<_> = foghorn.all("service:api").await.iter().map(|r| text(r, "line").to_owned()).collect();
    assert_eq!(of_api, ["the last"]);
    assert!(foghorn.terminate().await.success());
}
