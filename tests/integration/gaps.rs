//! Lines that nobody can read any more: one gap that says from when to when and why, and no gap
//! where nothing is missing.

use foghorn::record::time_text;
use foghorn::sim::{ContainerSpec, Endpoint, Fault, FaultKind, Version};
use serde_json::Value;

use crate::support::{Lab, Said, Stderr, Stdout, TestApp, assert_exact, container, text};

/// Takes what is found apart: what containers said, and the one gap.
async fn one_gap(app: &TestApp) -> (Vec<Value>, Value) {
    let (mut gaps, lines): (Vec<_>, Vec<_>) = app.all("").await.into_iter().partition(|r| text(r, "kind") == "gap");
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
    assert_eq!(app.all("kind:gap").await, gaps, "a gap can be searched");
    (lines, gaps.remove(0))
}

/// Compares what a gap says of itself.
#[track_caller]
fn assert_gap(gap: &Value, from: Option<&Said>, to: Option<&Said>, reason: &str) {
    assert_eq!(gap["fields"]["gap.reason"], reason);
    assert_eq!(gap["fields"]["gap.from"].as_str(), from.map(|line| line.time.as_str()));
    if let Some(to) = to {
        assert_eq!(gap["fields"]["gap.to"], to.time.as_str());
        assert_eq!(text(gap, "time"), to.time);
    }
    assert_eq!([text(gap, "stream"), text(gap, "level")], ["foghorn", "warn"]);
    assert!(text(gap, "line").starts_with("lines are missing from "), "{gap}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_that_outruns_the_reader_is_one_gap() {
    for version in [Version::V28_5_2, Version::V20_10_24] {
        let lab = Lab::with(version);
        let id = lab.run("web");
        let app = lab.app().await;
        lab.count(&id, 0..50);
        let before = lab.said(&[&id]);
        app.exactly(&before).await;
        app.stop().await;
        lab.count(&id, 50..1000);
        lab.engine.rotate(&id, 300).unwrap();
        let after = lab.said(&[&id]);
        let all = [before.as_slice(), &after].concat();

        let app = lab.app().await;
        app.records(all.len() + 1).await;
        let (lines, gap) = one_gap(&app).await;
        assert_exact(&lines, &all);
        assert_gap(&gap, before.last(), after.first(), "rotated");
        assert_eq!(text(&gap, "container_id"), id);
        assert!((app.metric(r#"foghorn_log_gaps_total{reason="rotated"}"#).await - 1.0).abs() < 0.1);
        app.stop().await;

        // It is told once, and reading went on.
        let app = lab.app().await;
        lab.say(&id, "the next");
        assert_eq!(app.records(all.len() + 2).await.len(), all.len() + 2);
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_under_a_poll_that_fails_is_one_gap() {
    let lab = Lab::with(Version::V20_10_24);
    let id = lab.run("web");
    let app = lab.app().await;
    lab.count(&id, 0..50);
    let before = lab.said(&[&id]);
    app.exactly(&before).await;
    let fault = lab.engine.inject(Fault::new(FaultKind::Status(500, "busy".into())).on(Endpoint::Logs));
    app.reading("shop-web-1", "retrying").await;
    lab.count(&id, 50..500);
    lab.engine.rotate(&id, 10).unwrap();
    let after = lab.said(&[&id]);
    lab.engine.clear_fault(fault).unwrap();
    let all = [before.as_slice(), &after].concat();
    app.records(all.len() + 1).await;
    let (lines, gap) = one_gap(&app).await;
    assert_exact(&lines, &all);
    assert_gap(&gap, before.last(), after.first(), "rotated");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_behind_the_reader_is_no_gap() {
    for version in [Version::V28_5_2, Version::V20_10_24] {
        let lab = Lab::with(version);
        let id = lab.run("web");
        let app = lab.app().await;
        let mut live = app.live("").await;
        let mut all = Vec::new();
        for round in 0..10 {
            lab.count(&id, round * 100..round * 100 + 99);
            lab.say(&id, &format!("round {round}"));
            live.line(&format!("round {round}")).await;
            all.extend(lab.said(&[&id]));
            // The last line stays, and with it the proof that nothing is missing.
            lab.engine.rotate(&id, 1).unwrap();
            lab.engine.inject(Fault::new(FaultKind::Cut).on(Endpoint::Logs).times(1));
        }
        all.dedup();
        app.exactly(&all).await;
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_read_is_one_gap_and_what_is_behind_it_arrives() {
    // Much and little behind the damage, and what was read long before it or up to it.
    let versions = [Version::V28_5_2, Version::V20_10_24];
    for (version, read, end) in versions.into_iter().flat_map(|v| [(v, 50, 1000), (v, 190, 220), (v, 200, 210)]) {
        let lab = Lab::with(version);
        let id = lab.run("web");
        let app = lab.app().await;
        lab.count(&id, 0..read);
        app.exactly(&lab.said(&[&id])).await;
        app.stop().await;
        lab.count(&id, read..end);
        lab.engine.corrupt_after(&id, 199).unwrap();
        let all = lab.said(&[&id]);

        let app = lab.app().await;
        app.status_is("what is behind", |s| s["store"]["records"].as_u64().unwrap() > end as u64).await;
        let mut live = app.live("").await;
        lab.say(&id, "still here");
        live.line("still here").await;
        app.records(end + 2).await;
        let (lines, gap) = one_gap(&app).await;
        // Which lines before the damage are read is the reader's choice; behind it all are.
        let last = lab.said(&[&id]).pop().unwrap();
        let behind: Vec<Said> = [&all[200..], &[last]].concat();
        let times: Vec<&str> = behind.iter().map(|line| line.time.as_str()).collect();
        let found: Vec<Value> = lines.iter().filter(|r| times.contains(&text(r, "time"))).cloned().collect();
        assert_exact(&found, &behind);
        assert_eq!(gap["fields"]["gap.reason"], "unreadable");
        let first_behind = text(&gap, "time");
        let known: Vec<&Said> = all.iter().filter(|line| line.time.as_str() < first_behind).collect();
        assert_eq!(gap["fields"]["gap.to"], first_behind);
        // What is missing lies inside of the gap.
        let from = gap["fields"]["gap.from"].as_str().unwrap();
        for line in known.iter().filter(|line| line.time.as_str() <= from) {
            assert!(lines.iter().any(|r| text(r, "time") == line.time), "{line:?} is missing before the gap");
        }
        assert!((app.metric(r#"foghorn_log_gaps_total{reason="unreadable"}"#).await - 1.0).abs() < 0.1);
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_removed_while_foghorn_was_away_is_a_gap() {
    let lab = Lab::new();
    let id = lab.run("web");
    let app = lab.app().await;
    lab.count(&id, 0..50);
    let before = lab.said(&[&id]);
    app.exactly(&before).await;
    app.stop().await;
    lab.count(&id, 50..60);
    lab.engine.remove(&id).unwrap();
    for start in 0..2 {
        let app = lab.app().await;
        app.records(51).await;
        app.ready(200).await;
        let (lines, gap) = one_gap(&app).await;
        assert_exact(&lines, &before);
        assert_gap(&gap, before.last(), None, "removed");
        assert_eq!(text(&gap, "service"), "web", "start {start}");
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_removed_after_its_last_line_was_read_is_no_gap() {
    for version in [Version::V28_5_2, Version::V20_10_24] {
        let lab = Lab::with(version);
        let ids = [lab.run("web"), lab.run("api")];
        let app = lab.app().await;
        ids.iter().for_each(|id| lab.count(id, 0..50));
        let all = lab.said(&[&ids[0], &ids[1]]);
        ids.iter().for_each(|id| lab.engine.die(id, 0).unwrap());
        app.reading("shop-web-1", "ended").await;
        app.reading("shop-api-1", "ended").await;
        // One while it is watched, the other while nobody is there.
        lab.engine.remove(&ids[0]).unwrap();
        app.status_is("one container", |s| container(s, "shop-web-1").is_none()).await;
        app.stop().await;
        lab.engine.remove(&ids[1]).unwrap();
        let app = lab.app().await;
        app.ready(200).await;
        app.exactly(&all).await;
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auto_removed_container_leaves_all_its_lines_and_no_gap() {
    // An old engine's are followed, too, or their ends would go with them.
    for version in [Version::V28_5_2, Version::V20_10_24] {
        let lab = Lab::with(version);
        let app = lab.app().await;
        let mut all = Vec::new();
        for n in 0..5 {
            let spec = ContainerSpec { auto_remove: true, ..ContainerSpec::compose("shop", &format!("job{n}")) };
            let id = lab.engine.create(spec).unwrap();
            // The first line comes before the start.
            lab.say(&id, "early");
            lab.engine.start(&id).unwrap();
            lab.count(&id, 0..20);
            lab.followed(&id).await;
            lab.count(&id, 20..400);
            all.extend(lab.said(&[&id]));
            lab.engine.die(&id, 1).unwrap();
        }
        let nobody = |s: &Value| s["containers"].as_array().unwrap().is_empty();
        app.records(all.len()).await;
        app.status_is("no containers", nobody).await;
        if version.major() >= 23 {
            app.exactly(&all).await;
        } else {
            // That engine's follow may miss the end, so the end is marked as unproven.
            let lines: Vec<Value> = app.all("-kind:gap").await;
            assert_exact(&lines, &all);
        }
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_came_and_went_unseen_is_a_gap() {
    let lab = Lab::new();
    let app = lab.app().await;
    app.ready(200).await;
    let stall = lab.engine.inject(Fault::new(FaultKind::Stall).on(Endpoint::Events));
    let id = lab.start(ContainerSpec { auto_remove: true, ..ContainerSpec::compose("shop", "job") });
    lab.write(&id, Stdout, b"nobody reads this\n");
    lab.write(&id, Stderr, b"nor this\n");
    lab.engine.die(&id, 1).unwrap();
    lab.engine.clear_fault(stall).unwrap();
    app.records(1).await;
    let gaps = app.all("").await;
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
    assert_gap(&gaps[0], None, None, "removed");
    assert_eq!([text(&gaps[0], "container_id"), text(&gaps[0], "service")], [id.as_str(), "job"]);
    assert!(text(&gaps[0], "line").contains("from the container's start to "));
    assert!(text(&gaps[0], "time") > time_text(1_700_000_000_000_000_000).as_str());
    app.stop().await;
}
