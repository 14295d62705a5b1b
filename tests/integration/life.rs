//! What containers do in their lives, and which of them are read.

use foghorn::sim::{ContainerSpec, Endpoint, Fault, FaultKind, RestartPolicy, StopOutcome, Version};
use serde_json::Value;

use crate::support::{Lab, Process, Stderr, Stdout, command, container, text};

const VERSIONS: [Version; 2] = [Version::V28_5_2, Version::V20_10_24];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_and_stops_and_starts_lose_nothing() {
    for version in VERSIONS {
        let lab = Lab::with(version);
        let id = lab.run("web");
        let app = lab.app().await;
        for round in 0..4 {
            lab.count(&id, 0..30);
            lab.engine.restart(&id, StopOutcome::Exits(0)).unwrap();
            lab.say(&id, &format!("restarted {round}"));
            lab.engine.stop(&id, StopOutcome::TimesOut).unwrap();
            lab.say(&id, &format!("stopped {round}"));
            app.reading("shop-web-1", "ended").await;
            lab.engine.start(&id).unwrap();
            lab.say(&id, &format!("started {round}"));
        }
        app.exactly(&lab.said(&[&id])).await;
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loop_loses_nothing() {
    for version in VERSIONS {
        let lab = Lab::with(version);
        let app = lab.app().await;
        let spec = ContainerSpec { restart: RestartPolicy::Always, ..ContainerSpec::compose("shop", "web") };
        let id = lab.start(spec);
        for run in 0..30 {
            lab.write(&id, Stderr, format!("FATAL run {run}: host not found in upstream\n").as_bytes());
            // An unfinished line ends with its run.
            lab.write(&id, Stdout, b"about to");
            lab.engine.die(&id, 1).unwrap();
        }
        lab.say(&id, "up at last");
        app.exactly(&lab.said(&[&id])).await;
        assert_eq!(app.all("level:fatal").await.len(), 30);
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_container_is_still_followed() {
    let lab = Lab::new();
    let id = lab.run("web");
    let app = lab.app().await;
    lab.say(&id, "before");
    lab.engine.pause(&id).unwrap();
    lab.say(&id, "still in the pipe");
    app.records(2).await;
    lab.engine.unpause(&id).unwrap();
    lab.say(&id, "after");
    app.exactly(&lab.said(&[&id])).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_lines_after_die_are_read() {
    for version in VERSIONS {
        let lab = Lab::with(version);
        let id = lab.run("web");
        let app = lab.app().await;
        let mut live = app.live("").await;
        lab.say(&id, "before");
        live.line("before").await;
        lab.engine.hold_log_end(&id).unwrap();
        lab.engine.die(&id, 137).unwrap();
        // The engine says that it ended, and its copier is not done yet.
        lab.count(&id, 0..200);
        live.line("line 199 of many").await;
        lab.say(&id, "the very last");
        lab.engine.release_log_end(&id).unwrap();
        app.reading("shop-web-1", "ended").await;
        app.exactly(&lab.said(&[&id])).await;
        app.stop().await;
    }
}

/// The engine may list its containers before it has looked at the request for its events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_between_the_list_and_the_events_is_seen() {
    for version in VERSIONS {
        let lab = Lab::with(version);
        let id = lab.run("web");
        let late = lab.engine.inject(Fault::new(FaultKind::Late).on(Endpoint::Events));
        let app = lab.app().await;
        lab.count(&id, 0..10);
        app.records(10).await;
        lab.engine.wait_for(|state| state.held_answers() == 1).await;
        lab.engine.die(&id, 1).unwrap();
        lab.engine.clear_fault(late).unwrap();
        app.reading("shop-web-1", "ended").await;
        app.exactly(&lab.said(&[&id])).await;
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_service_is_two_containers_of_one_service() {
    for version in VERSIONS {
        let lab = Lab::with(version);
        let old = lab.run("web");
        let app = lab.app().await;
        lab.count(&old, 0..50);
        app.records(50).await;
        // As Compose does it: the old one steps aside, the new one starts, the old one goes.
        lab.engine.rename(&old, &format!("{}_shop-web-1", &old[..12])).unwrap();
        lab.say(&old, "under another name");
        app.records(51).await;
        let mut all = lab.said(&[&old]);
        lab.engine.stop(&old, StopOutcome::Exits(0)).unwrap();
        let new = lab.run("web");
        app.reading(&format!("{}_shop-web-1", &old[..12]), "ended").await;
        lab.engine.remove(&old).unwrap();
        lab.count(&new, 0..50);
        all.extend(lab.said(&[&new]));
        app.exactly(&all).await;
        assert_eq!(app.all("service:web").await.len(), 101, "both are of one service");
        let status = app.status_is("one container", |s| s["containers"].as_array().unwrap().len() == 1).await;
        assert_eq!(container(&status, "shop-web-1").unwrap()["container"]["id"], new.as_str());
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_is_read_from_its_first_line_and_when_it_was_never_started() {
    let lab = Lab::new();
    let ended = lab.run("ended");
    lab.count(&ended, 0..100);
    lab.engine.die(&ended, 0).unwrap();
    let running = lab.run("running");
    lab.count(&running, 0..500);
    let created = lab.engine.create(ContainerSpec::compose("shop", "created")).unwrap();
    let app = lab.app().await;
    assert_eq!(app.reading("shop-created-1", "waiting").await, "");
    app.exactly(&lab.said(&[&ended, &running])).await;
    lab.engine.start(&created).unwrap();
    lab.say(&created, "hello");
    let late = lab.run("late");
    lab.say(&late, "hello, too");
    app.exactly(&lab.said(&[&ended, &running, &created, &late])).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_excluded_is_not_read() {
    let lab = Lab::new();
    let web = lab.run("web");
    let mut spec = ContainerSpec::compose("shop", "quiet");
    spec.labels.insert("foghorn.enable".into(), "false".into());
    let by_label = lab.start(spec);
    let by_name = lab.start(ContainerSpec::new("buildx-builder", "buildkit"));
    let by_project = lab.start(ContainerSpec::compose("secret", "web"));
    let mut config = lab.config();
    config.docker.exclude_names = vec!["buildx*".parse().unwrap()];
    config.docker.exclude_projects = vec!["secret".parse().unwrap()];
    let app = crate::support::TestApp::start(&config).await;
    let excluded = [&by_label, &by_name, &by_project];
    excluded.iter().for_each(|id| lab.say(id, "not to be seen"));
    lab.say(&web, "to be seen");
    app.exactly(&lab.said(&[&web])).await;
    // What comes later is judged the same, and nobody asks for the logs of the others.
    let later = lab.start(ContainerSpec::compose("secret", "db"));
    lab.say(&later, "not to be seen");
    let also = lab.run("api");
    lab.say(&also, "to be seen, too");
    app.exactly(&lab.said(&[&web, &also])).await;
    let logs: Vec<_> = lab.engine.requests().into_iter().filter(|r| r.path.ends_with("/logs")).collect();
    for id in excluded.into_iter().chain([&later]) {
        assert!(logs.iter().all(|r| !r.path.contains(&**id)), "the log of {id} was read");
    }
    let names = |s: &Value| s["containers"].as_array().unwrap().len();
    assert_eq!(names(&app.status().await), 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_is_included_is_read() {
    let lab = Lab::new();
    let ids = [lab.run("web"), lab.run("api"), lab.start(ContainerSpec::compose("blog", "web"))];
    ids.iter().for_each(|id| lab.say(id, "hello"));
    let mut config = lab.config();
    config.docker.include_projects = vec!["sh*".parse().unwrap()];
    config.docker.include_names = vec!["*-web-*".parse().unwrap()];
    let app = crate::support::TestApp::start(&config).await;
    app.ready(200).await;
    app.exactly(&lab.said(&[&ids[0]])).await;
    assert_eq!(app.status().await["containers"].as_array().unwrap().len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foghorn_leaves_its_own_container_out() {
    let lab = Lab::new();
    let own = lab.start(ContainerSpec::new("foghorn", "foghorn"));
    let web = lab.run("web");
    // A mount namespace in which /etc/hostname is what the engine mounts there.
    let folder = lab.path().join("containers").join(&own);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("hostname"), "foghorn\n").unwrap();
    let script = r#"mount --bind "$1" /etc/hostname && exec "$2""#;
    let hostname = folder.join("hostname");
    let arguments = ["-rm", "sh", "-c", script, "sh", hostname.to_str().unwrap(), env!("CARGO_BIN_EXE_foghorn")];
    let foghorn = Process::of(command(&lab, "unshare", &arguments)).await;
    lab.say(&own, "I listen to myself");
    lab.say(&web, "hello");
    let records = foghorn.records(1).await;
    assert_eq!(records.iter().map(|r| text(r, "line")).collect::<Vec<_>>(), ["hello"]);
    let status = foghorn.status().await;
    assert!(container(&status, "foghorn").is_none(), "{status:#}");
    assert!(foghorn.terminate().await.success());
}
