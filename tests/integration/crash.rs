//! SIGKILL and SIGTERM of the real binary: what was written is found once, and what was shown stays.

use std::sync::atomic::{AtomicBool, Ordering};

use foghorn::sim::{Endpoint, Fault, FaultKind, Version};

use crate::support::{Dice, Lab, Process, Stderr, Stdout, command, text};

const KILLS: usize = 12;

/// Writes until told to stop, some lines a millisecond; at most so much.
async fn keep_writing(lab: &Lab, ids: &[&String], stop: &AtomicBool) {
    let mut dice = Dice(99);
    // Nothing waits for this: it spreads the lines over the kills.
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(1));
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) && n < 30_000 {
        for id in ids {
            let stream = if dice.roll(4) == 0 { Stderr } else { Stdout };
            lab.write(id, stream, format!("line {n} of {}\n", &id[..6]).as_bytes());
            n += 1;
        }
        if dice.roll(300) == 0 {
            lab.write(ids[0], Stdout, &vec![b'x'; 30_000]);
            lab.write(ids[0], Stderr, b"in between\n");
            lab.write(ids[0], Stdout, b"the end\n");
        }
        if dice.roll(3) == 0 {
            pace.tick().await;
        }
    }
}

/// Kills Foghorn at another moment of its work each time.
async fn killed_again_and_again(version: Version, set_back: bool) {
    let lab = Lab::with(version);
    let ids = [lab.run("web"), lab.run("api"), lab.run("db")];
    let ids: Vec<&String> = ids.iter().collect();
    let stop = AtomicBool::new(false);
    let kills = async {
        let mut dice = Dice(if set_back { 5 } else { 3 });
        for kill in 0..KILLS {
            let foghorn = Process::start(&lab).await;
            match kill % 5 {
                // Before it has read anything.
                0 => {}
                1 => lab.until("the first request for a log", |s| s.request_count() > 0).await,
                2 | 3 => {
                    // Amid reading, and mostly amid a commit.
                    let mut live = foghorn.live("").await;
                    for _ in 0..=dice.roll(400) {
                        live.record().await;
                    }
                }
                _ => {
                    let commits = 1 + dice.roll(2) as u64;
                    let what = |s: &serde_json::Value| s["store"]["commits"].as_u64().unwrap() >= commits;
                    foghorn.status_is("a commit", what).await;
                }
            }
            foghorn.kill().await;
            if set_back && kill % 3 == 1 {
                lab.engine.step_clock_ns(-3_600_000_000_000);
            }
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(keep_writing(&lab, &ids, &stop), kills);

    let foghorn = Process::start(&lab).await;
    ids.iter().for_each(|id| lab.say(id, "survived"));
    let expected = lab.said(&ids);
    assert!(expected.len() > 1000, "too little was written: {}", expected.len());
    foghorn.exactly(&expected).await;
    assert!(foghorn.terminate().await.success());
    // Nothing comes twice because of the last stop, either.
    let foghorn = Process::start(&lab).await;
    ids.iter().for_each(|id| lab.say(id, "good night"));
    foghorn.exactly(&lab.said(&ids)).await;
    assert!(foghorn.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_is_found_once_after_a_dozen_kills_while_following() {
    killed_again_and_again(Version::V28_5_2, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_is_found_once_after_a_dozen_kills_while_polling() {
    killed_again_and_again(Version::V20_10_24, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_is_found_once_after_kills_and_a_clock_set_back() {
    killed_again_and_again(Version::V28_5_2, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_shown_is_durable_after_sigterm() {
    let lab = Lab::new();
    let id = lab.run("web");
    // No commit is due while it runs: only the stop can make these lines durable.
    let mut late = command(&lab, env!("CARGO_BIN_EXE_foghorn"), &[]);
    late.env("FOGHORN_STORE_COMMIT_INTERVAL", "5m");
    let foghorn = Process::of(late).await;
    let mut live = foghorn.live("").await;
    lab.count(&id, 0..500);
    for _ in 0..500 {
        live.record().await;
    }
    assert_eq!(foghorn.status().await["store"]["commits"], 0);
    assert!(foghorn.terminate().await.success());
    assert_eq!(live.next().await.map(|event| event.event).as_deref(), Some("bye"));

    // The engine gives nothing any more, so what is found comes from the store.
    lab.engine.inject(Fault::new(FaultKind::Status(500, "no".into())).on(Endpoint::Logs));
    let foghorn = Process::start(&lab).await;
    foghorn.exactly(&lab.said(&[&id])).await;
    lab.engine.clear_faults().unwrap();
    lab.say(&id, "the next");
    foghorn.exactly(&lab.said(&[&id])).await;
    assert!(foghorn.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_foghorn_on_one_store_says_so_and_ends() {
    let lab = Lab::new();
    let id = lab.run("web");
    let foghorn = Process::start(&lab).await;
    let mut second = command(&lab, env!("CARGO_BIN_EXE_foghorn"), &[]);
    second.stderr(std::process::Stdio::piped());
    let output = crate::support::patiently("the second one's end", second.output()).await.unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    let expected = format!("{} is in use by another foghorn", lab.index().display());
    assert!(message.contains(&expected), "{message:?} does not say {expected:?}");
    // The first one goes on.
    lab.say(&id, "still here");
    assert_eq!(text(&foghorn.records(1).await[0], "line"), "still here");
    foghorn.kill().await;
}
