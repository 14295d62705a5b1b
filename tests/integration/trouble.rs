//! An engine that is away, restarts, or talks nonsense: Foghorn says so, waits, and loses nothing.

use foghorn::sim::{ContainerSpec, Endpoint, EngineRestart, Fault, FaultKind, RestartPolicy, Version};

use crate::support::{Lab, Stderr, Stdout};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_away_is_named_until_it_answers() {
    for (kind, message) in [(FaultKind::NoSocket, "there is no socket"), (FaultKind::Refuse, "refuses connections")] {
        let lab = Lab::new();
        let id = lab.run("web");
        lab.count(&id, 0..20);
        let fault = lab.engine.inject(Fault::new(kind));
        let app = lab.app().await;
        assert_eq!(app.get("/healthz").await.status, 200, "foghorn itself is well");
        let status = app.status_is("an error", |s| s["engine"]["error"].is_string()).await;
        let problems = app.ready(503).await;
        let error = status["engine"]["error"].as_str().unwrap();
        assert!(error.contains(message), "{error:?} does not say {message:?}");
        assert!(error.contains(lab.socket().to_str().unwrap()), "{error:?} does not say where");
        assert!(problems.contains(error), "/readyz says {problems}");
        assert!(status["engine"]["version"].is_null());
        assert!(app.metric("foghorn_docker_connected").await.abs() < 0.1);

        lab.engine.clear_fault(fault).unwrap();
        assert_eq!(app.ready(200).await, "[]");
        app.exactly(&lab.said(&[&id])).await;
        assert!(app.status().await["engine"]["error"].is_null());
        assert!((app.metric("foghorn_docker_connected").await - 1.0).abs() < 0.1);
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_engine_restart_loses_nothing() {
    for restart in [EngineRestart::LiveRestore, EngineRestart::Stopped, EngineRestart::Killed] {
        for version in [Version::V28_5_2, Version::V20_10_24] {
            let lab = Lab::with(version);
            let always =
                |service| ContainerSpec { restart: RestartPolicy::Always, ..ContainerSpec::compose("shop", service) };
            let (web, api) = (lab.start(always("web")), lab.start(always("api")));
            let mortal = lab.run("mortal");
            let ids = [&web, &api, &mortal];
            let app = lab.app().await;
            ids.iter().for_each(|id| lab.count(id, 0..50));
            app.exactly(&lab.said(&ids)).await;
            // Cut in two by the restart, one in the middle of a long line.
            lab.write(&web, Stdout, b"half of a ");
            lab.write(&api, Stderr, &[b'x'; 20_000]);
            lab.engine.restart_engine(restart).await;
            lab.write(&web, Stdout, b"line\n");
            lab.write(&api, Stderr, b"line\n");
            // What has no restart policy lives on with live-restore only; the dead write nothing.
            let alive = if restart == EngineRestart::LiveRestore { &ids[..] } else { &ids[..2] };
            alive.iter().for_each(|id| lab.count(id, 50..100));
            app.exactly(&lab.said(&ids)).await;
            app.ready(200).await;
            app.stop().await;
            let app = lab.app().await;
            lab.say(&web, "good night");
            app.exactly(&lab.said(&ids)).await;
            app.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_break_or_make_no_sense_hide_no_container() {
    let lab = Lab::new();
    let app = lab.app().await;
    app.ready(200).await;
    let kinds = [
        FaultKind::GarbageEvent("{\"Type\": \"conta".into()),
        FaultKind::GarbageEvent("null".into()),
        FaultKind::UnknownEventType,
        FaultKind::DuplicateEvent,
        FaultKind::Cut,
        FaultKind::CutAfterBytes(100),
    ];
    let mut ids = Vec::new();
    for (n, kind) in kinds.into_iter().enumerate() {
        lab.engine.inject(Fault::new(kind).on(Endpoint::Events).times(1));
        let id = lab.run(&format!("web{n}"));
        lab.say(&id, "hello");
        ids.push(id);
        app.exactly(&lab.said(&ids.iter().collect::<Vec<_>>())).await;
    }
    assert!(app.metric(r#"foghorn_docker_reconnects_total{stream="events"}"#).await >= 1.0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_list_is_asked_for_again() {
    let lab = Lab::new();
    let id = lab.run("web");
    lab.count(&id, 0..20);
    lab.engine.inject(Fault::new(FaultKind::Status(500, "the database is locked".into())).on(Endpoint::List).times(2));
    let app = lab.app().await;
    let status = app.status_is("an error", |s| s["engine"]["error"].is_string()).await;
    assert!(status["engine"]["error"].as_str().unwrap().contains("the database is locked"), "{status:#}");
    app.ready(200).await;
    app.exactly(&lab.said(&[&id])).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_without_a_reader_is_shown_as_unreadable_while_others_go_on() {
    for version in [Version::V28_5_2, Version::V20_10_24] {
        let lab = Lab::with(version);
        let silent = lab.start(ContainerSpec { driver: "none".into(), ..ContainerSpec::compose("shop", "silent") });
        let web = lab.run("web");
        let app = lab.app().await;
        lab.say(&silent, "nobody can read this");
        lab.count(&web, 0..20);
        let note = app.reading("shop-silent-1", "unreadable").await;
        assert!(note.contains("does not support reading"), "{note:?}");
        app.exactly(&lab.said(&[&web])).await;
        app.ready(200).await;
        // It is not asked again and again.
        let asked =
            || lab.engine.requests().iter().filter(|r| r.path.contains(&silent) && r.path.ends_with("/logs")).count();
        let before = asked();
        lab.count(&web, 20..40);
        app.exactly(&lab.said(&[&web])).await;
        assert_eq!(asked(), before);
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_exit_is_found_by_listing_again() {
    let lab = Lab::new();
    let id = lab.run("web");
    let mut config = lab.config();
    config.docker.resync_interval = std::time::Duration::from_secs(1);
    let app = crate::support::TestApp::start(&config).await;
    app.ready(200).await;
    // Events are silent from now on.
    lab.engine.inject(Fault::new(FaultKind::Stall).on(Endpoint::Events));
    let late = lab.run("late");
    lab.say(&late, "hello");
    lab.engine.die(&id, 0).unwrap();
    app.reading("shop-web-1", "ended").await;
    app.exactly(&lab.said(&[&id, &late])).await;
    app.stop().await;
}
