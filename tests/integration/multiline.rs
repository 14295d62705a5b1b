//! Records of several lines: one each, however they arrive, and the same after a crash.

use std::time::Duration;

use foghorn::sim::Version;
use serde_json::Value;

use crate::support::{Lab, Process, Stderr, Stdout, TestApp, command, text};

const TRACEBACK: &str = "ERROR:app.db:query failed
Traceback (most recent call last):
  File \"/app/db.py\", line 6, in query
    rows = execute(sql)
           ^^^^^^^^^^^^
ValueError: bad";

/// Versions whose logs are followed, and polled.
const VERSIONS: [Version; 2] = [Version::V28_5_2, Version::V20_10_24];

async fn joining(lab: &Lab) -> TestApp {
    let mut config = lab.config();
    config.multiline.enabled = true;
    config.multiline.timeout = Duration::from_millis(200);
    TestApp::start(&config).await
}

fn lines(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| text(record, "line")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_traceback_is_one_record_between_lines_of_the_other_stream() {
    for version in VERSIONS {
        let lab = Lab::with(version);
        let id = lab.run("web");
        let app = joining(&lab).await;
        for (n, line) in TRACEBACK.lines().enumerate() {
            lab.write(&id, Stderr, format!("{line}\n").as_bytes());
            lab.write(
                &id,
                Stdout,
                format!("10.0.0.1 - - [21/Nov/2026:01:30:08 +0000] \"GET /{n} HTTP/1.1\" 200 1\n").as_bytes(),
            );
        }
        let records = app.records(7).await;
        let errors = app.all("stream:stderr").await;
        assert_eq!(lines(&errors), [TRACEBACK], "{version:?}: {records:#?}");
        assert_eq!(
            (errors[0]["error"]["type"].as_str(), text(&errors[0], "message")),
            (Some("ValueError"), "query failed")
        );
        assert_eq!(app.all("error.type:ValueError format:python logger:app.db").await.len(), 1);
        assert_eq!(app.all("status:200 path:/3").await.len(), 1);
        let signature = text(&errors[0], "signature");
        assert_eq!(app.all(&format!("signature:{signature}")).await.len(), 1, "{signature}");
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_traceback_is_one_record_across_pieces_of_a_long_line_and_the_end_of_its_container() {
    for version in VERSIONS {
        let lab = Lab::with(version);
        let id = lab.run("web");
        let app = joining(&lab).await;
        // The engine sends the message in three pieces.
        let traceback = TRACEBACK.replace("bad", &"b".repeat(40_000));
        let (begin, end) = traceback.split_at(TRACEBACK.len());
        lab.write(&id, Stderr, begin.as_bytes());
        lab.write(&id, Stdout, b"in between\n");
        lab.write(&id, Stderr, end.as_bytes());
        lab.engine.die(&id, 1).unwrap();
        app.records(2).await;
        assert_eq!(lines(&app.all("stream:stderr").await), [traceback.as_str()], "{version:?}");
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_tail_shows_a_record_at_once_and_again_when_it_is_whole() {
    let lab = Lab::new();
    let id = lab.run("web");
    let mut config = lab.config();
    config.multiline.enabled = true;
    // Longer than the test: nothing but the next record ends the first.
    config.multiline.timeout = Duration::from_mins(1);
    let app = TestApp::start(&config).await;
    lab.followed(&id).await;
    let mut live = app.live("").await;
    lab.say(&id, "ERROR:app:boom");
    let open = live.next().await.unwrap();
    assert_eq!((open.event.as_str(), text(&open.data, "line")), ("open", "ERROR:app:boom"));
    lab.write(
        &id,
        Stdout,
        b"Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nKeyError: 'k'\n",
    );
    lab.say(&id, "INFO:app:next");
    let whole = live.record().await;
    assert_eq!(text(&whole, "id"), open.id, "the same record");
    assert!(text(&whole, "line").ends_with("KeyError: 'k'"), "{whole}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_a_kill_interrupts_is_whole_afterwards() {
    for version in VERSIONS {
        let lab = Lab::with(version);
        let id = lab.run("web");
        let start = async || {
            let mut command = command(&lab, env!("CARGO_BIN_EXE_foghorn"), &["serve"]);
            command.env("FOGHORN_MULTILINE_ENABLED", "true").env("FOGHORN_MULTILINE_TIMEOUT", "10s");
            Process::of(command).await
        };
        let halves = TRACEBACK.split_at(TRACEBACK.find("    rows").unwrap());
        for round in 0..4 {
            let foghorn = start().await;
            lab.say(&id, &format!("INFO:app:round {round}"));
            lab.write(&id, Stdout, halves.0.as_bytes());
            // What comes before is durable with the place where the open record begins.
            let line = format!("\"round {round}\"");
            foghorn
                .status_is("the line before", |status| status["store"]["records"].as_u64().unwrap() > 2 * round)
                .await;
            assert!(foghorn.all(&line).await.len() <= 1);
            foghorn.kill().await;
            lab.write(&id, Stdout, format!("{}\n", halves.1).as_bytes());
        }
        lab.say(&id, "INFO:app:the end");
        lab.engine.die(&id, 0).unwrap();
        let foghorn = start().await;
        let records = foghorn.records(9).await;
        let mut expected = Vec::new();
        let rounds: Vec<String> = (0..4).map(|round| format!("INFO:app:round {round}")).collect();
        for round in &rounds {
            expected.extend([round.as_str(), TRACEBACK]);
        }
        expected.push("INFO:app:the end");
        assert_eq!(lines(&records), expected, "{version:?}");
        foghorn.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_line_of_a_burst_is_found_behind_the_other_streams_burst() {
    for version in VERSIONS {
        let lab = Lab::with(version);
        let id = lab.run("web");
        let mut config = lab.config();
        config.multiline.enabled = true;
        config.multiline.timeout = Duration::from_mins(1);
        let app = TestApp::start(&config).await;
        lab.count(&id, 0..200);
        app.records(190).await;
        for n in 0..300 {
            lab.write(&id, Stdout, format!("out {n}\n").as_bytes());
        }
        for n in 0..300 {
            lab.write(&id, Stderr, format!("err {n}\n").as_bytes());
        }
        // Read again from the place that was durable: the open line of standard output lies far back.
        app.records(790).await;
        app.stop().await;
        lab.engine.die(&id, 0).unwrap();
        let app = TestApp::start(&config).await;
        let records = app.records(800).await;
        assert_eq!(records.len(), 800, "{version:?}");
        app.exactly(&lab.said(&[&id])).await;
        app.stop().await;
    }
}
