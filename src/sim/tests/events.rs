//! Tests of what happens to containers: the engine's sequences of events, and their readers.

use serde_json::Value;

use super::client::{Answer, Bench};
use crate::sim::{
    ContainerSpec, Endpoint, Engine, Event, Fault, FaultKind, Health, RestartPolicy, SimError, Status, StopOutcome,
    Version,
};

/// `kill{15} die{0} stop`, without networks and execs.
fn sequence(events: &[Event]) -> String {
    let shown = events.iter().filter(|event| event.kind == "container" && !event.action.starts_with("exec_"));
    let words: Vec<String> = shown
        .map(|event| {
            let attributes = &event.attributes;
            match attributes.get("signal").or(attributes.get("exitCode")) {
                Some(detail) => format!("{}{{{detail}}}", event.action),
                None => event.action.clone(),
            }
        })
        .collect();
    words.join(" ")
}

/// Does something to a running container of the newest engine and compares what it leaves.
fn check(spec: ContainerSpec, act: impl Fn(&Engine, &str) -> Result<(), SimError>, expected: (&str, Option<Status>)) {
    check_on(Version::V28_5_2, spec, act, expected);
}

fn check_on(
    version: Version,
    spec: ContainerSpec,
    act: impl Fn(&Engine, &str) -> Result<(), SimError>,
    expected: (&str, Option<Status>),
) {
    let bench = Bench::new(version);
    let engine = &bench.engine;
    let id = engine.create(spec).unwrap();
    engine.start(&id).unwrap();
    let before = engine.events().len();
    act(engine, &id).unwrap();
    let events = engine.events();
    let status = engine.read(|state| state.status(&id));
    assert_eq!(expected, (sequence(&events[before..]).as_str(), status));
    assert!(events.windows(2).all(|pair| pair[0].time_ns < pair[1].time_ns));
}

#[tokio::test]
async fn sequences_are_the_engines() {
    use Status::{Exited, Paused, Restarting, Running};
    let plain = || ContainerSpec::new("web", "img");
    let with = |restart| ContainerSpec { restart, ..plain() };
    let always = || with(RestartPolicy::Always);
    let throwaway = || ContainerSpec { auto_remove: true, ..plain() };
    let graceful = StopOutcome::Exits(0);

    check(plain(), |e, id| e.stop(id, graceful), ("kill{15} stop die{0}", Some(Exited)));
    check(always(), |e, id| e.stop(id, StopOutcome::TimesOut), ("kill{15} kill{9} stop die{137}", Some(Exited)));
    check(plain(), |e, id| e.restart(id, graceful), ("kill{15} stop die{0} start restart", Some(Running)));
    check(plain(), |e, id| e.die(id, 1), ("die{1}", Some(Exited)));
    check(always(), |e, id| e.die(id, 1), ("die{1} start", Some(Running)));
    check(with(RestartPolicy::OnFailure { max_retries: 0 }), |e, id| e.die(id, 0), ("die{0}", Some(Exited)));
    check(plain(), Engine::remove, ("kill{9} die{137} destroy", None));
    check(plain(), Engine::oom_die, ("oom die{137}", Some(Exited)));
    check(plain(), Engine::oom_child, ("oom", Some(Running)));
    check(plain(), |e, id| e.kill(id, 9), ("kill{9} die{137}", Some(Exited)));
    check(plain(), Engine::pause, ("pause", Some(Paused)));
    check(plain(), |e, id| e.rename(id, "old_web"), ("rename", Some(Running)));
    check(throwaway(), |e, id| e.die(id, 0), ("die{0} destroy", None));
    check(throwaway(), |e, id| e.stop(id, graceful), ("kill{15} stop die{0} destroy", None));
    // A signal disarms the restart policy.
    check(always(), |e, id| e.kill(id, 1).and_then(|()| e.die(id, 129)), ("kill{1} die{129}", Some(Exited)));
    // In its wait for a restart, stop is all there is.
    check(always(), |e, id| e.die_to_backoff(id, 1), ("die{1}", Some(Restarting)));
    check(always(), |e, id| e.die_to_backoff(id, 1).and_then(|()| e.stop(id, graceful)), ("die{1} stop", Some(Exited)));
    check(always(), |e, id| e.die_to_backoff(id, 1).and_then(|()| e.end_backoff(id)), ("die{1} start", Some(Running)));
    // Only changes of the health are told.
    check(
        plain(),
        |e, id| {
            e.health(id, Health::Healthy, 0, "")?;
            e.health(id, Health::Healthy, 0, "")?;
            e.health(id, Health::Unhealthy, 1, "no")
        },
        ("health_status: healthy health_status: unhealthy", Some(Running)),
    );
}

#[tokio::test]
async fn the_old_engine_tells_of_the_death_before_the_stop() {
    let plain = || ContainerSpec::new("web", "img");
    let graceful = StopOutcome::Exits(0);
    check_on(
        Version::V20_10_24,
        plain(),
        |e, id| e.stop(id, StopOutcome::TimesOut),
        ("kill{15} kill{9} die{137} stop", Some(Status::Exited)),
    );
    check_on(
        Version::V20_10_24,
        plain(),
        |e, id| e.restart(id, graceful),
        ("kill{15} die{0} stop start restart", Some(Status::Running)),
    );
}

#[tokio::test]
async fn marks_and_counts_are_the_engines() {
    for (version, mark) in [(Version::V20_10_24, true), (Version::V28_5_2, false)] {
        let bench = Bench::new(version);
        let engine = &bench.engine;
        let spec =
            ContainerSpec { restart: RestartPolicy::OnFailure { max_retries: 2 }, ..ContainerSpec::new("web", "img") };
        let id = engine.create(spec).unwrap();
        engine.start(&id).unwrap();
        let inspect = async || {
            let (_, shown) = bench.json("/containers/web/json").await;
            let state = &shown["State"];
            (
                shown["RestartCount"].as_i64().unwrap(),
                state["OOMKilled"].as_bool().unwrap(),
                state["ExitCode"].as_i64().unwrap(),
            )
        };
        engine.oom_child(&id).unwrap();
        assert_eq!((0, true, 0), inspect().await);
        engine.oom_die(&id).unwrap();
        engine.die(&id, 1).unwrap();
        assert_eq!((2, mark, 0), inspect().await);
        engine.oom_die(&id).unwrap();
        assert_eq!((2, true, 137), inspect().await);
        engine.start(&id).unwrap();
        assert_eq!((0, mark, 0), inspect().await);
    }
}

#[tokio::test]
async fn a_failed_start_leaves_a_created_container() {
    let bench = Bench::new(Version::V28_5_2);
    let engine = &bench.engine;
    engine.create(ContainerSpec::new("broken", "img")).unwrap();
    engine.fail_start("broken", 127, "no such file").unwrap();
    let (_, shown) = bench.json("/containers/broken/json").await;
    let state = &shown["State"];
    assert_eq!("created", state["Status"]);
    assert_eq!(127, state["ExitCode"]);
    assert_eq!("no such file", state["Error"]);
    assert_eq!("create", sequence(&engine.events()));
}

async fn next_event(answer: &mut Answer) -> Value {
    serde_json::from_str(&answer.next_line().await).unwrap()
}

#[tokio::test]
async fn readers_get_what_the_filters_let_through() {
    let bench = Bench::new(Version::V28_5_2);
    let engine = &bench.engine;
    let spec = ContainerSpec {
        healthcheck: Some(vec!["CMD-SHELL".to_owned(), "curl -u root:secret x".to_owned()]),
        ..ContainerSpec::compose("shop", "web")
    };
    let id = engine.create(spec).unwrap();
    let filters = "%7B%22type%22:%5B%22container%22%5D,%22event%22:%5B%22start%22,%22die%22,\
                   %22health_status%22%5D%7D";
    let mut events = bench.get(&format!("/events?filters={filters}")).await;
    engine.start(&id).unwrap();
    engine.health(&id, Health::Healthy, 0, "").unwrap();
    engine.die(&id, 139).unwrap();

    let start = next_event(&mut events).await;
    assert_eq!("container", start["Type"]);
    assert_eq!("start", start["Action"]);
    assert_eq!(id, start["Actor"]["ID"]);
    let attributes = &start["Actor"]["Attributes"];
    assert_eq!("shop-web-1", attributes["name"]);
    assert_eq!("shop-web:latest", attributes["image"]);
    assert_eq!("web", attributes["com.docker.compose.service"]);
    let time_ns = start["timeNano"].as_i64().unwrap();
    assert_eq!(time_ns / 1_000_000_000, start["time"].as_i64().unwrap());
    let health = next_event(&mut events).await;
    assert_eq!("health_status: healthy", health["Action"]);
    let die = next_event(&mut events).await;
    assert_eq!("139", die["Actor"]["Attributes"]["exitCode"]);

    // Who asks for no filter gets networks, and the secrets of the probes.
    let all = bench.get("/events?since=0&until=1").await.all().await.unwrap();
    assert!(all.is_empty());
    let until = engine.events().last().unwrap().time_ns;
    let path = format!("/events?since=0&until={}.{:09}", until / 1_000_000_000, until % 1_000_000_000);
    let all = bench.get(&path).await.all().await.unwrap().concat();
    let all = String::from_utf8(all).unwrap();
    assert!(all.contains("root:secret") && all.contains("\"network\""), "{all}");
}

#[tokio::test]
async fn since_replays_the_ring_and_goes_on() {
    let bench = Bench::new(Version::V28_5_2);
    let engine = &bench.engine;
    let id = engine.create(ContainerSpec::new("web", "img")).unwrap();
    for _ in 0..200 {
        engine.exec(&id, "true", 0).unwrap_err();
    }
    engine.start(&id).unwrap();
    for _ in 0..100 {
        engine.exec(&id, "true", 0).unwrap();
    }
    let mut events = bench.get("/events?since=0").await;
    for _ in 0..256 {
        next_event(&mut events).await;
    }
    engine.pause(&id).unwrap();
    assert_eq!("pause", next_event(&mut events).await["Action"]);
    assert_eq!(1, engine.read(crate::sim::State::event_readers));
    drop(events);
    engine.wait_for(|state| state.event_readers() == 0).await;
}

#[tokio::test]
async fn garbage_doubles_and_strangers_come_on_demand() {
    let bench = Bench::new(Version::V28_5_2);
    let engine = &bench.engine;
    let id = engine.create(ContainerSpec::new("web", "img")).unwrap();
    let filters = "%7B%22type%22:%5B%22container%22%5D%7D";
    let mut events = bench.get(&format!("/events?filters={filters}")).await;
    engine.inject(Fault::new(FaultKind::GarbageEvent("{not json".to_owned())).times(1));
    engine.inject(Fault::new(FaultKind::UnknownEventType).times(1));
    engine.inject(Fault::new(FaultKind::DuplicateEvent).times(1).for_container(&id));
    engine.start(&id).unwrap();
    assert_eq!("{not json", events.next_line().await);
    assert_eq!("teapot", next_event(&mut events).await["Type"]);
    assert_eq!("start", next_event(&mut events).await["Action"]);
    assert_eq!("start", next_event(&mut events).await["Action"]);
    engine.pause(&id).unwrap();
    assert_eq!("pause", next_event(&mut events).await["Action"]);
    engine.inject(Fault::new(FaultKind::Cut).on(Endpoint::Events).times(1));
    assert_eq!((Vec::new(), true), events.until_broken().await);
}
