//! The store: damage, retention, and a full disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use foghorn::sim::ContainerSpec;

use crate::support::{Lab, Process, Stdout, TestApp, assert_exact, command, patiently, poll, target, text};

const DAY_NS: i64 = 86_400_000_000_000;

/// The partitions' directories, oldest first.
fn partitions(index: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(index).unwrap().map(|entry| entry.unwrap().path());
    let is_day = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("20");
    let mut partitions: Vec<PathBuf> = entries.filter(is_day).collect();
    partitions.sort();
    partitions
}

/// A file of a partition, the largest of that ending.
fn file(partition: &Path, ending: &str) -> PathBuf {
    let files = fs::read_dir(partition).unwrap().map(|entry| entry.unwrap().path());
    let of_kind = files.filter(|path| path.to_string_lossy().ends_with(ending));
    of_kind
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap_or_else(|| panic!("no {ending} in {}", partition.display()))
}

async fn set_aside_and_read_again(what: &str, damage: impl Fn(&Path)) {
    let lab = Lab::new();
    let ids = [lab.run("web"), lab.run("api")];
    let ids: Vec<&String> = ids.iter().collect();
    let app = lab.app().await;
    ids.iter().for_each(|id| lab.count(id, 0..200));
    app.exactly(&lab.said(&ids)).await;
    app.stop().await;
    damage(partitions(&lab.index()).last().unwrap());

    let app = lab.app().await;
    ids.iter().for_each(|id| lab.count(id, 200..210));
    app.exactly(&lab.said(&ids)).await;
    let status = app.status().await;
    assert_eq!(status["store"]["damaged"].as_array().unwrap().len(), 1, "{what}: {status:#}");
    assert_eq!(fs::read_dir(lab.index().join("damaged")).unwrap().count(), 1, "{what}");
    assert!((app.metric("foghorn_index_damaged_partitions").await - 1.0).abs() < 0.1);
    app.stop().await;
    let app = lab.app().await;
    app.exactly(&lab.said(&ids)).await;
    assert_eq!(app.status().await["store"]["damaged"].as_array().unwrap().len(), 0, "{what}: once is enough");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_without_its_description_is_set_aside_and_its_lines_read_again() {
    set_aside_and_read_again("no meta.json", |partition| fs::remove_file(partition.join("meta.json")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_with_a_broken_description_is_set_aside_and_its_lines_read_again() {
    set_aside_and_read_again("half of meta.json", |partition| {
        let path = partition.join("meta.json");
        let text = fs::read(&path).unwrap();
        fs::write(&path, &text[..text.len() / 2]).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_with_a_missing_file_is_set_aside_and_its_lines_read_again() {
    set_aside_and_read_again("no postings", |partition| fs::remove_file(file(partition, ".idx")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_with_a_cut_file_is_set_aside_and_its_lines_read_again() {
    for ending in [".store", ".term", ".fast"] {
        set_aside_and_read_again(ending, |partition| {
            let file = fs::File::options().write(true).open(file(partition, ending)).unwrap();
            file.set_len(20).unwrap();
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_older_than_the_retention_are_counted_and_not_kept() {
    let lab = Lab::new();
    let id = lab.run("web");
    let mut config = lab.config();
    config.retention.max_age = std::time::Duration::from_secs(7 * 86_400);
    let now_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap();
    for age in [30, 20, 9] {
        for n in 0..10 {
            let line = format!("{age} days old\n");
            lab.engine.write_at(&id, Stdout, now_ns - age * DAY_NS + n, line.as_bytes()).unwrap();
        }
    }
    for age in [5, 3, 1] {
        let line = format!("only {age} days old\n");
        lab.engine.write_at(&id, Stdout, now_ns - age * DAY_NS, line.as_bytes()).unwrap();
    }
    let app = TestApp::start(&config).await;
    let records = app.records(3).await;
    let lines: Vec<&str> = records.iter().map(|r| text(r, "line")).collect();
    assert_eq!(lines, ["only 5 days old", "only 3 days old", "only 1 days old"]);
    let dropped = app.metric(r#"foghorn_log_lines_dropped_total{reason="older_than_retention"}"#).await;
    assert!((dropped - 30.0).abs() < 0.1, "{dropped} were dropped");
    app.stop().await;
    // They are not read again and again.
    let app = TestApp::start(&config).await;
    lab.say(&id, "new");
    assert_eq!(app.records(4).await.len(), 4);
    assert!(app.metric(r#"foghorn_log_lines_dropped_total{reason="older_than_retention"}"#).await.abs() < 0.1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_are_partitions_and_old_ones_go_at_the_next_start() {
    let lab = Lab::new();
    let id = lab.run("web");
    let now_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap();
    for age in (0..6).rev() {
        let line = format!("{age} days old\n");
        lab.engine.write_at(&id, Stdout, now_ns - age * DAY_NS, line.as_bytes()).unwrap();
    }
    let app = lab.app().await;
    app.records(6).await;
    app.stop().await;
    assert_eq!(partitions(&lab.index()).len(), 6);
    let mut config = lab.config();
    config.retention.max_age = std::time::Duration::from_secs(2 * 86_400);
    let app = TestApp::start(&config).await;
    app.status_is("three partitions", |s| s["store"]["partitions"] == 3).await;
    let lines: Vec<String> = app.all("").await.iter().map(|r| text(r, "line").to_owned()).collect();
    assert_eq!(lines, ["2 days old", "1 days old", "0 days old"]);
    app.stop().await;
    assert_eq!(partitions(&lab.index()).len(), 3);
}

/// What describes each partition, which changes with whatever is done to it.
fn metas(index: &Path) -> Vec<Vec<u8>> {
    partitions(index).iter().map(|partition| fs::read(partition.join("meta.json")).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_has_an_age_of_its_own() {
    let lab = Lab::new();
    let now_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap();
    let days = |days: u64| std::time::Duration::from_secs(days * 86_400);
    let write = |id: &str, ages: &[i64]| {
        for age in ages {
            let line = format!("{age} days old\n");
            lab.engine.write_at(id, Stdout, now_ns - age * DAY_NS, line.as_bytes()).unwrap();
        }
    };
    let (web, nginx, audit) = (lab.run("web"), lab.run("nginx"), lab.run("audit"));
    write(&web, &[6, 4, 3, 1, 0]);
    // Of one day, there is nothing else.
    write(&nginx, &[8, 6, 4, 3, 1, 0]);
    write(&audit, &[30, 6, 4, 3, 1, 0]);
    let mut config = lab.config();
    config.retention.max_age = days(60);
    let app = TestApp::start(&config).await;
    app.records(17).await;
    app.stop().await;
    assert_eq!(partitions(&lab.index()).len(), 7);

    config.retention.max_age = days(4);
    config.retention.services = [("nginx".to_owned(), days(2)), ("audit".to_owned(), days(20))].into();
    let app = TestApp::start(&config).await;
    let status = app.status_is("ten records", |s| s["store"]["records"] == 11).await;
    assert_eq!(status["store"]["partitions"], 5, "{status:#}");
    let ages = async |app: &TestApp, service: &str| -> Vec<String> {
        let records = app.all(&format!("service:{service}")).await;
        records.iter().map(|r| text(r, "line").split(' ').next().unwrap().to_owned()).collect()
    };
    let expected =
        [("web", ["4", "3", "1", "0"].as_slice()), ("nginx", &["1", "0"]), ("audit", &["6", "4", "3", "1", "0"])];
    for (service, expected) in expected {
        assert_eq!(ages(&app, service).await, expected, "{service}");
    }
    let removed = |status: &serde_json::Value| status["store"]["removed_records"].as_u64().unwrap();
    let status = app.status_is("all to be counted", |s| removed(s) == 4).await;
    // One by the longest age, and one in which nothing was left.
    assert_eq!(status["store"]["removed"]["age"], 2, "{status:#}");
    assert!((app.metric("foghorn_index_removed_records_total").await - 4.0).abs() < 0.1);
    app.stop().await;
    assert_eq!(partitions(&lab.index()).len(), 5);

    // What comes is too old for its service, or is not.
    let before = metas(&lab.index());
    for service in ["late", "nginx", "audit"] {
        let name = format!("shop-{service}-2");
        write(&lab.start(ContainerSpec { name, ..ContainerSpec::compose("shop", service) }), &[5, 3]);
    }
    let app = TestApp::start(&config).await;
    let dropped = r#"foghorn_log_lines_dropped_total{reason="older_than_retention"}"#;
    patiently("the old lines", poll(async || (app.metric(dropped).await - 3.0).abs() < 0.1)).await;
    app.records(14).await;
    for (service, expected) in
        [("late", ["3"].as_slice()), ("nginx", &["1", "0"]), ("audit", &["6", "5", "4", "3", "3", "1", "0"])]
    {
        assert_eq!(ages(&app, service).await, expected, "{service}");
    }
    app.stop().await;
    let after = metas(&lab.index());
    assert_eq!(after.len(), 6);
    assert_eq!((&after[0], &after[2]), (&before[0], &before[1]), "what was done is not done again");
    let app = TestApp::start(&config).await;
    app.records(14).await;
    assert_eq!(removed(&app.status().await), 0);
    app.stop().await;
    assert_eq!(metas(&lab.index())[..3], after[..3]);
}

/// Foghorn with its store on a file system of its own, in a mount namespace that ends with it.
/// Answers the file system's root as this process reaches it.
async fn on_a_small_disk(lab: &Lab, options: &str) -> (Process, PathBuf) {
    let data = lab.path().join("data");
    fs::create_dir(&data).unwrap();
    let unshare = std::process::Command::new("unshare").args(["-rm", "true"]).stderr(Stdio::null()).status();
    assert!(
        unshare.is_ok_and(|status| status.success()),
        "this test mounts a small tmpfs with `unshare -rm`, which is not possible here: run it as root, or allow user namespaces"
    );
    let script = r#"mount -t tmpfs -o "$1" tmpfs "$2" && exec "$3""#;
    let arguments = ["-rm", "sh", "-c", script, "sh", options, data.to_str().unwrap(), env!("CARGO_BIN_EXE_foghorn")];
    let foghorn = Process::of(command(lab, "unshare", &arguments)).await;
    let inside = format!("/proc/{}/root{}", foghorn.pid(), data.display());
    (foghorn, inside.into())
}

/// Fills the disk, sees Foghorn pause, frees it, and finds every line once.
async fn full_and_free_again(options: &str, message: &str, fill: impl Fn(&Path), free: impl Fn(&Path)) {
    let lab = Lab::new();
    let ids = [lab.run("web"), lab.run("api")];
    let ids: Vec<&String> = ids.iter().collect();
    let (foghorn, disk) = on_a_small_disk(&lab, options).await;
    ids.iter().for_each(|id| lab.count(id, 0..100));
    foghorn.exactly(&lab.said(&ids)).await;
    foghorn.status_is("a commit", |s| s["store"]["commits"].as_u64().unwrap() > 0).await;
    assert_eq!(foghorn.ready(200).await, "[]");

    fill(&disk);
    ids.iter().for_each(|id| lab.count(id, 100..200));
    let problems = foghorn.ready(503).await;
    assert!(problems.contains(message), "{problems} does not say {message:?}");
    assert!((foghorn.metric("foghorn_index_paused").await - 1.0).abs() < 0.1);
    assert!(foghorn.metric("foghorn_index_failed_commits_total").await > 0.0);
    // Far more than it may hold in memory: the engine keeps the rest.
    for id in &ids {
        for n in 0..2000 {
            lab.write(id, Stdout, format!("{n} {}\n", "x".repeat(2000)).as_bytes());
        }
    }
    // What is there can be searched meanwhile.
    assert!(foghorn.all("\"line 99\"").await.len() >= 2);
    free(&disk);
    assert_eq!(foghorn.ready(200).await, "[]");
    foghorn.exactly(&lab.said(&ids)).await;
    assert!(foghorn.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_bytes_pauses_reading_and_loses_nothing() {
    let fill = |disk: &Path| fs::write(disk.join("ballast"), vec![0; 100 << 20]).unwrap();
    let free = |disk: &Path| fs::remove_file(disk.join("ballast")).unwrap();
    full_and_free_again("size=128m", "the disk is full", fill, free).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_disk_is_nearly_full_the_oldest_days_go_and_the_newest_lines_stay() {
    let lab = Lab::new();
    let (old, new) = (lab.run("old"), lab.run("new"));
    let (foghorn, disk) = on_a_small_disk(&lab, "size=256m").await;
    let now_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap();
    // Some 12 MB of the index a day: signs that look drawn do not compress well.
    let mut state = 1_u64;
    for day in (1..=3).rev() {
        for n in 0..2_000 {
            let mut line = format!("day {day} line {n} ");
            while line.len() < 4_000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                line.push(char::from(b'!' + (state >> 40) as u8 % 90));
            }
            line.push('\n');
            lab.engine.write_at(&old, Stdout, now_ns - day * DAY_NS + n, line.as_bytes()).unwrap();
        }
    }
    lab.count(&new, 0..100);
    foghorn.status_is("all lines", |s| s["store"]["records"] == 6_100).await;
    foghorn.status_is("a commit of today", |s| s["store"]["partitions"] == 4).await;
    let lag = r#"foghorn_ingest_lag_seconds{compose_project="shop",compose_service="old",container="shop-old-1"}"#;
    patiently("all lines to be durable", poll(async || foghorn.metric(lag).await.abs() < 1e-9)).await;
    let status = foghorn.status().await;
    let free = status["store"]["filesystem_bytes"][0].as_u64().unwrap();
    fs::write(disk.join("ballast"), vec![0; free as usize - (24 << 20)]).unwrap();
    lab.count(&new, 100..200);
    patiently("the new lines", poll(async || foghorn.all("service:new").await.len() == 200)).await;
    assert_exact(&foghorn.all("service:new").await, &lab.said(&[&new]));
    let removed = r#"foghorn_index_removed_partitions_total{reason="free_space"}"#;
    foghorn.status_is("a removal", |s| s["store"]["removed"]["free_space"].as_u64().unwrap() > 0).await;
    // Until a commit has room, more may go.
    assert_eq!(foghorn.ready(200).await, "[]");
    let status = foghorn.status().await;
    let gone = status["store"]["removed"]["free_space"].as_u64().unwrap();
    assert!((foghorn.metric(removed).await - gone as f64).abs() < 0.1);
    assert_eq!(status["store"]["partitions"].as_u64().unwrap(), 4 - gone, "{status:#}");
    let count = async |day: u64| foghorn.json(&target("/api/v1/facets", &[("query", &format!("\"day {day}\""))])).await;
    for day in 1..=3 {
        let expected = if day > 3 - gone { 0 } else { 2_000 };
        assert_eq!(count(day).await["total"], expected, "day {day} of {gone} gone");
    }
    assert!(gone < 3, "{status:#}");
    assert!(foghorn.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_refuses_files_pauses_reading_and_loses_nothing() {
    // There are bytes enough, so the commit fails in its middle.
    let fill = |disk: &Path| {
        let created = (0..).map(|n| fs::File::create(disk.join(format!("ballast-{n}"))));
        assert!(created.take_while(Result::is_ok).count() > 10);
    };
    let free = |disk: &Path| {
        for entry in fs::read_dir(disk).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().starts_with("ballast") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    };
    full_and_free_again("size=256m,nr_inodes=400", "No space left on device", fill, free).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foghorn_can_be_stopped_while_the_disk_is_full() {
    let lab = Lab::new();
    let id = lab.run("web");
    let (foghorn, disk) = on_a_small_disk(&lab, "size=128m").await;
    fs::write(disk.join("ballast"), vec![0; 100 << 20]).unwrap();
    for n in 0..10_000 {
        lab.write(&id, Stdout, format!("{n} {}\n", "x".repeat(2000)).as_bytes());
    }
    foghorn.ready(503).await;
    assert!(foghorn.terminate().await.success());
}
