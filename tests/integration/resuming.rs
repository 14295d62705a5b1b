//! Connections that break anywhere while lines are written: nothing is missing, and nothing twice.

use std::num::NonZeroUsize;

use foghorn::sim::{ContainerSpec, Endpoint, Fault, FaultKind, Version};

use crate::support::{Dice, Lab, Live, Said, Stderr, Stdout, TestApp, text};

const CONTAINERS: usize = 5;
const ROUNDS: usize = 12;
const HOUR_NS: i64 = 3_600_000_000_000;

/// Something written: many short lines, a long one whose pieces interleave, or both.
fn write_something(lab: &Lab, id: &str, dice: &mut Dice, round: usize) {
    for n in 0..=dice.roll(40) {
        let stream = if dice.roll(3) == 0 { Stderr } else { Stdout };
        lab.write(id, stream, format!("round {round} line {n}\n").as_bytes());
    }
    if dice.roll(2) == 0 {
        lab.write(id, Stdout, &vec![b'o'; 1 + dice.roll(60_000)]);
        lab.write(id, Stderr, &vec![b'e'; 1 + dice.roll(60_000)]);
        lab.write(id, Stdout, format!("O{round}\n").as_bytes());
        lab.write(id, Stderr, format!("E{round}\n").as_bytes());
    }
}

/// A fault for the next response, and often one for the response after it.
fn a_fault(dice: &mut Dice) -> FaultKind {
    match dice.roll(7) {
        0 | 1 => FaultKind::CutAfterBytes(dice.roll(20_000)),
        2 => FaultKind::Split(NonZeroUsize::new(1 + dice.roll(700)).unwrap()),
        3 => FaultKind::EndAfterEntries(dice.roll(30)),
        4 => FaultKind::ErrorFrame(dice.roll(30), "unexpected EOF".to_owned()),
        5 => FaultKind::HangUp,
        _ => FaultKind::Status(500, "try later".to_owned()),
    }
}

/// Breaks one container's responses again and again while it writes. Answers what went wrong.
async fn break_again_and_again(lab: &Lab, id: &str, live: &mut Live, mut dice: Dice) -> usize {
    let mut faults = 0;
    for round in 0..ROUNDS {
        for _ in 0..=dice.roll(2) {
            lab.engine.inject(Fault::new(a_fault(&mut dice)).on(Endpoint::Logs).for_container(id).times(1));
            faults += 1;
        }
        write_something(lab, id, &mut dice, round);
        // What is open now is cut, so that the next response meets the fault.
        lab.engine.inject(Fault::new(FaultKind::Cut).on(Endpoint::Logs).for_container(id).times(1));
        faults += 1;
        write_something(lab, id, &mut dice, round);
        if dice.roll(3) == 0 {
            let stall = lab.engine.inject(Fault::new(FaultKind::Stall).on(Endpoint::Logs).for_container(id));
            faults += 1;
            write_something(lab, id, &mut dice, round);
            lab.engine.clear_fault(stall).unwrap();
        }
        let last = format!("round {round} of {id} is over");
        lab.say(id, &last);
        live.line(&last).await;
    }
    faults
}

/// What was written and found by now, and again after a start that resumes from the store.
async fn found_before_and_after_a_start(lab: &Lab, app: TestApp, ids: &[&String]) {
    let expected: Vec<Said> = lab.said(ids);
    app.exactly(&expected).await;
    app.stop().await;
    let app = lab.app().await;
    ids.iter().for_each(|id| lab.say(id, "one more"));
    app.exactly(&lab.said(ids)).await;
    for id in ids {
        lab.engine.die(id, 0).unwrap();
    }
    app.status_is("every log read to its end", |s| {
        s["containers"].as_array().unwrap().iter().all(|c| c["reading"] == "ended")
    })
    .await;
    app.exactly(&lab.said(ids)).await;
    app.stop().await;
}

async fn any_break_of_any_response(version: Version, seed: u64) {
    let lab = Lab::with(version);
    let driver = |n: usize| if n.is_multiple_of(2) { "json-file" } else { "local" }.to_owned();
    let spec = |n: usize| ContainerSpec { driver: driver(n), ..ContainerSpec::compose("shop", &format!("web{n}")) };
    let ids: Vec<String> = (0..CONTAINERS).map(|n| lab.start(spec(n))).collect();
    let app = lab.app().await;
    let mut readers = Vec::new();
    for n in 0..CONTAINERS {
        readers.push(app.live(&format!("service:web{n}")).await);
    }
    let breaking = ids.iter().zip(&mut readers).zip(1..);
    let breaking = breaking.map(|((id, live), n)| break_again_and_again(&lab, id, live, Dice(seed * n)));
    let faults: usize = futures_util::future::join_all(breaking).await.iter().sum();
    assert!(faults >= 50, "only {faults} faults");
    assert!(app.metric(r#"foghorn_docker_reconnects_total{stream="logs"}"#).await > 0.0);
    found_before_and_after_a_start(&lab, app, &ids.iter().collect::<Vec<_>>()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_break_of_a_followed_response_loses_and_repeats_nothing() {
    any_break_of_any_response(Version::V28_5_2, 0x0bad_cafe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_break_of_a_polled_response_loses_and_repeats_nothing() {
    any_break_of_any_response(Version::V20_10_24, 0x00c0_ffee).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_anywhere_in_a_frame_is_mended() {
    // 54 bytes are a whole frame of such a line: header, time, text and newline.
    let lab = Lab::new();
    let id = lab.run("web");
    let app = lab.app().await;
    let mut live = app.live("").await;
    lab.say(&id, "the first");
    live.line("the first").await;
    for bytes in (0..112).step_by(5) {
        lab.engine.inject(Fault::new(FaultKind::CutAfterBytes(bytes)).on(Endpoint::Logs).times(1));
        lab.engine.inject(Fault::new(FaultKind::Cut).on(Endpoint::Logs).times(1));
        let said = format!("line after {bytes:03}");
        lab.say(&id, &said);
        live.line(&said).await;
    }
    found_before_and_after_a_start(&lab, app, &[&id]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_the_engine_in_the_stream_is_no_line() {
    let lab = Lab::new();
    let id = lab.run("web");
    lab.count(&id, 0..20);
    lab.engine.inject(Fault::new(FaultKind::ErrorFrame(7, "unexpected EOF".into())).on(Endpoint::Logs).times(2));
    let app = lab.app().await;
    let records = app.exactly(&lab.said(&[&id])).await;
    assert!(records.iter().all(|r| !text(r, "line").contains("EOF")));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unfinished_long_line_is_read_again_after_a_start() {
    let lab = Lab::new();
    let id = lab.run("web");
    let app = lab.app().await;
    let mut live = app.live("").await;
    lab.say(&id, "before");
    lab.write(&id, Stdout, &[b'x'; 40_000]);
    lab.write(&id, Stderr, b"meanwhile\n");
    live.line("meanwhile").await;
    app.records(2).await;
    app.stop().await;
    lab.write(&id, Stdout, b"the end\n");
    lab.write(&id, Stderr, b"later\n");
    let app = lab.app().await;
    found_before_and_after_a_start(&lab, app, &[&id]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_one_time_are_told_apart() {
    // A coarse clock: many lines of one time, cut and resumed among them.
    for version in [Version::V28_5_2, Version::V20_10_24] {
        let lab = Lab::with(version);
        let id = lab.run("web");
        let app = lab.app().await;
        let mut live = app.live("").await;
        let start_ns = 1_795_224_647_000_000_000;
        for round in 0..10 {
            for n in 0..7 {
                let stream = if n % 2 == 0 { Stdout } else { Stderr };
                let said = format!("{round}: the same again\n");
                // Each round goes on with the last one's time before it takes its own.
                let time_ns = start_ns + 1_000_000 * (round + i64::from(n > 2));
                lab.engine.write_at(&id, stream, time_ns, said.as_bytes()).unwrap();
            }
            let last = format!("round {round}");
            lab.engine
                .write_at(&id, Stdout, start_ns + 1_000_000 * (round + 1), format!("{last}\n").as_bytes())
                .unwrap();
            live.line(&last).await;
            lab.engine.inject(Fault::new(FaultKind::Cut).on(Endpoint::Logs).times(1));
        }
        found_before_and_after_a_start(&lab, app, &[&id]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_set_back_loses_and_repeats_nothing() {
    let lab = Lab::new();
    let ids = [lab.run("web"), lab.run("api")];
    let app = lab.app().await;
    let mut live = app.live("").await;
    let mut dice = Dice(7);
    for round in 0..8 {
        for id in &ids {
            write_something(&lab, id, &mut dice, round);
        }
        match round {
            2 | 5 => lab.engine.step_clock_ns(-HOUR_NS),
            3 => lab.engine.step_clock_ns(HOUR_NS / 2),
            _ => lab.engine.step_clock_ns(-1_000_000),
        }
        for id in &ids {
            if round % 2 == 0 {
                lab.engine.inject(Fault::new(FaultKind::Cut).on(Endpoint::Logs).for_container(id).times(1));
            }
            write_something(&lab, id, &mut dice, round);
            let last = format!("round {round} of {id}");
            lab.say(id, &last);
            live.line(&last).await;
        }
    }
    found_before_and_after_a_start(&lab, app, &[&ids[0], &ids[1]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_after_a_clock_set_back_are_found_by_who_was_away() {
    for version in [Version::V28_5_2, Version::V20_10_24] {
        let lab = Lab::with(version);
        let ids = [lab.run("both"), lab.run("stdout")];
        let app = lab.app().await;
        lab.write(&ids[0], Stderr, b"the only one on stderr\n");
        ids.iter().for_each(|id| lab.write(id, Stdout, "before\n".repeat(100).as_bytes()));
        app.exactly(&lab.said(&[&ids[0], &ids[1]])).await;
        app.stop().await;
        lab.engine.step_clock_ns(-HOUR_NS);
        // More than the first tail that is asked for.
        ids.iter().for_each(|id| lab.write(id, Stdout, "after\n".repeat(300).as_bytes()));
        lab.write(&ids[0], Stderr, b"and one more\n");
        let app = lab.app().await;
        app.exactly(&lab.said(&[&ids[0], &ids[1]])).await;
        found_before_and_after_a_start(&lab, app, &[&ids[0], &ids[1]]).await;
    }
}
