//! Tests of the engine as a whole: its answers, its versions, its restarts and its end.

use serde_json::{Value, json};

use super::client::Bench;
use crate::sim::{
    ContainerSpec, Engine, EngineRestart, Fault, FaultKind, Health, Mount, MountSource, Port, RequestSeen,
    RestartPolicy, SimError, Status, StopOutcome, Stream, Version,
};

#[tokio::test]
async fn answers_carry_the_engines_headers() {
    for version in [Version::V20_10_24, Version::V26_1_5, Version::V28_5_2] {
        let bench = Bench::new(version);
        let answer = bench.get("/_ping").await;
        assert_eq!(Some(version.api), answer.header("api-version"));
        assert_eq!(b"OK".as_slice(), answer.all().await.unwrap().concat());
        let (_, answer) = bench.json(&format!("/v{}/version", version.api)).await;
        assert_eq!(version.engine, answer["Version"]);
        assert_eq!(version.min_api, answer["MinAPIVersion"]);
        let (_, info) = bench.json("/info").await;
        assert_eq!(version.engine, info["ServerVersion"]);
    }
}

#[tokio::test]
async fn what_is_no_get_or_not_known_is_refused() {
    let bench = Bench::new(Version::V28_5_2);
    for (method, path, status, message) in [
        ("GET", "/images/json", 404, "page not found"),
        ("GET", "/v1.99/info", 400, "is too new"),
        ("GET", "/v1.12/info", 400, "is too old"),
        ("POST", "/containers/a/start", 405, "method not allowed"),
        ("DELETE", "/containers/a", 405, "method not allowed"),
        ("GET", "/containers/a/json", 404, "No such container: a"),
        ("GET", "/containers/a/logs?stdout=1", 404, "No such container: a"),
        ("GET", "/events?since=2024-01-01T00:00:00Z", 500, "invalid syntax"),
        ("GET", "/containers/json?filters=%7B%22zzz%22:%5B%5D%7D", 400, "invalid filter 'zzz'"),
        ("GET", "/events?since=5&until=3", 400, "`since` time (5) cannot be after `until` time (3)"),
        ("GET", "/containers/json?filters=nonsense", 400, "invalid filter"),
    ] {
        let answer = bench.send(method, path).await;
        assert_eq!(status, answer.status(), "{path}");
        let body = answer.all().await.unwrap().concat();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let found = body["message"].as_str().unwrap();
        assert!(found.contains(message), "{path}: {found}");
    }
    let not_get: Vec<String> = bench
        .engine
        .requests()
        .iter()
        .filter(|request| request.method != "GET")
        .map(|request| request.path.clone())
        .collect();
    assert_eq!(["/containers/a/start", "/containers/a"].as_slice(), not_get);
    assert_eq!(2, bench.engine.read(crate::sim::State::not_get_count));
    let last = RequestSeen {
        method: "GET".to_owned(),
        path: "/containers/json".to_owned(),
        query: "filters=nonsense".to_owned(),
    };
    assert_eq!(Some(&last), bench.engine.requests().last());
}

#[tokio::test]
async fn inspect_tells_what_the_container_is() {
    let bench = Bench::new(Version::V28_5_2);
    let engine = &bench.engine;
    let spec = ContainerSpec {
        memory_limit_bytes: Some(64 << 20),
        restart: RestartPolicy::OnFailure { max_retries: 3 },
        env: vec!["TOKEN=secret".to_owned()],
        healthcheck: Some(vec!["CMD-SHELL".to_owned(), "curl localhost".to_owned()]),
        mounts: vec![Mount {
            source: MountSource::Volume("data".to_owned()),
            destination: "/data".to_owned(),
            read_only: false,
        }],
        ports: vec![Port { container: 8080, host: Some(80) }],
        ..ContainerSpec::compose("shop", "web")
    };
    let id = engine.create(spec).unwrap();
    assert_eq!(64, id.len());
    let (_, created) = bench.json(&format!("/containers/{id}/json")).await;
    assert_eq!("created", created["State"]["Status"]);
    assert_eq!("0001-01-01T00:00:00Z", created["State"]["StartedAt"]);

    engine.start(&id).unwrap();
    for probe in 0..7 {
        let output = format!("{probe} {}", "x".repeat(5_000));
        engine.health(&id, Health::Unhealthy, 1, &output).unwrap();
    }
    engine.patch_inspect(&id, json!({"HostConfig": {"Privileged": true}})).unwrap();
    // By id, its beginning, and both forms of the name.
    for reference in [&id, &id[..12], "shop-web-1", "%2Fshop-web-1"] {
        let (_, shown) = bench.json(&format!("/containers/{reference}/json")).await;
        assert_eq!(id, shown["Id"]);
        assert_eq!("/shop-web-1", shown["Name"]);
        assert_eq!(64 << 20, shown["HostConfig"]["Memory"]);
        assert_eq!("on-failure", shown["HostConfig"]["RestartPolicy"]["Name"]);
        assert_eq!(true, shown["HostConfig"]["Privileged"]);
        assert_eq!("volume", shown["Mounts"][0]["Type"]);
        assert_eq!("80", shown["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"]);
        assert_eq!("shop", shown["Config"]["Labels"]["com.docker.compose.project"]);
        let health = &shown["State"]["Health"];
        assert_eq!(7, health["FailingStreak"]);
        let log = health["Log"].as_array().unwrap();
        assert_eq!(5, log.len());
        assert_eq!(4_096, log[4]["Output"].as_str().unwrap().len());
        assert!(log[4]["Output"].as_str().unwrap().starts_with("6 "));
    }
}

#[tokio::test]
async fn the_list_shows_what_is_up_or_all() {
    let bench = Bench::new(Version::V28_5_2);
    let engine = &bench.engine;
    let names = |list: &Value| -> Vec<String> {
        let rows = list.as_array().unwrap().iter();
        rows.map(|row| row["Names"][0].as_str().unwrap().to_owned()).collect()
    };
    let db = engine.create(ContainerSpec::compose("shop", "db")).unwrap();
    let web = engine.create(ContainerSpec::compose("shop", "web")).unwrap();
    engine.create(ContainerSpec::new("other", "img:1")).unwrap();
    engine.start(&db).unwrap();
    engine.start(&web).unwrap();
    engine.die(&db, 3).unwrap();
    for (query, expected) in [
        ("", &["/shop-web-1"][..]),
        ("?all=1", &["/other", "/shop-web-1", "/shop-db-1"]),
        ("?all=true&limit=1", &["/other"]),
        (
            "?all=1&filters=%7B%22label%22%3A%5B%22com.docker.compose.project%3Dshop%22%5D%7D",
            &["/shop-web-1", "/shop-db-1"],
        ),
        ("?filters={\"status\":[\"exited\"]}", &["/shop-db-1"]),
        ("?all=1&filters={\"volume\":[\"x\"],\"name\":[\"web\"]}", &["/shop-web-1"]),
    ] {
        // Hyper's client takes no quotes in a path.
        let query = query.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
        let (status, list) = bench.json(&format!("/containers/json{query}")).await;
        assert_eq!(200, status, "{query}");
        assert_eq!(expected, names(&list), "{query}");
    }
    let (_, list) = bench.json("/containers/json?all=1").await;
    assert_eq!("exited", list[2]["State"]);
    assert_eq!("Exited (3) Less than a second ago", list[2]["Status"]);
    assert_eq!("Up Less than a second", list[1]["Status"]);
    assert_eq!("Created", list[0]["Status"]);
}

#[tokio::test]
async fn a_restart_closes_connections_and_empties_the_ring() {
    let bench = Bench::new(Version::V28_5_2);
    let engine = &bench.engine;
    let id = engine.create(ContainerSpec::new("web", "img")).unwrap();
    engine.start(&id).unwrap();
    let follower = bench.get("/containers/web/logs?stdout=1&follow=1").await;
    let events = bench.get("/events").await;
    engine.write(&id, Stream::Stdout, b"half").unwrap();
    assert_eq!(2, engine.read(crate::sim::State::connections));

    engine.restart_engine(EngineRestart::LiveRestore).await;
    assert_eq!(0, engine.open_followers());
    assert!(follower.until_broken().await.1);
    assert!(events.until_broken().await.1);
    assert!(engine.events().is_empty());
    assert_eq!(Some(Status::Running), engine.read(|state| state.status("web")));
    engine.write(&id, Stream::Stdout, b" a line\n").unwrap();
    let log = bench.log("/containers/web/logs?stdout=1").await;
    assert_eq!(["half", " a line\n"].as_slice(), log);
}

/// What the live readers and then the ring tell of container `web`, and its state in the end.
async fn check_restart(restart: EngineRestart, policy: RestartPolicy, expected: (&str, &str, Status)) {
    let bench = Bench::new(Version::V28_5_2);
    let engine = &bench.engine;
    let spec = ContainerSpec { restart: policy, ..ContainerSpec::new("web", "img") };
    let id = engine.create(spec).unwrap();
    engine.start(&id).unwrap();
    let filters = "%7B%22type%22:%5B%22container%22%5D%7D";
    let reader = bench.get(&format!("/events?filters={filters}")).await;
    let read = async {
        let (bytes, broken) = reader.until_broken().await;
        assert!(broken);
        let text = String::from_utf8(bytes).unwrap();
        let actions: Vec<String> = text
            .lines()
            .map(|line| {
                let event: Value = serde_json::from_str(line).unwrap();
                event["Action"].as_str().unwrap().to_owned()
            })
            .collect();
        actions.join(" ")
    };
    let (live, ()) = tokio::join!(read, engine.restart_engine(restart));
    let events = engine.events();
    let ring: Vec<&str> =
        events.iter().filter(|event| event.kind == "container").map(|event| event.action.as_str()).collect();
    let status = engine.read(|state| state.status("web")).unwrap();
    assert_eq!(expected, (live.as_str(), ring.join(" ").as_str(), status), "{restart:?} {policy:?}");
}

#[tokio::test]
async fn without_live_restore_containers_stop_and_start() {
    use EngineRestart::{Killed, LiveRestore, Stopped};
    use RestartPolicy::{Always, No, UnlessStopped};
    use Status::{Exited, Running};
    let on_failure = RestartPolicy::OnFailure { max_retries: 0 };
    for (restart, policy, live, ring, status) in [
        (LiveRestore, No, "", "", Running),
        (Stopped, Always, "kill stop die", "start", Running),
        (Stopped, UnlessStopped, "kill stop die", "start", Running),
        (Stopped, on_failure, "kill stop die", "start", Running),
        (Stopped, No, "kill stop die", "", Exited),
        (Killed, Always, "", "kill stop die start", Running),
        (Killed, on_failure, "", "kill stop die start", Running),
        (Killed, UnlessStopped, "", "kill stop die", Exited),
        (Killed, No, "", "kill stop die", Exited),
    ] {
        check_restart(restart, policy, (live, ring, status)).await;
    }
}

#[tokio::test]
async fn a_death_that_nobody_saw_leaves_no_event() {
    let bench = Bench::new(Version::V28_5_2);
    let engine = &bench.engine;
    let id = engine.create(ContainerSpec::new("web", "img")).unwrap();
    engine.start(&id).unwrap();
    engine.write(&id, Stream::Stderr, b"whole\nlost").unwrap();
    engine.inject(Fault::new(FaultKind::Refuse));
    engine.die_unobserved(&id, 137).unwrap();
    engine.restart_engine(EngineRestart::LiveRestore).await;
    assert!(bench.connect().await.is_err());
    engine.clear_faults().unwrap();
    let (_, shown) = bench.json("/containers/web/json").await;
    assert_eq!("exited", shown["State"]["Status"]);
    assert_eq!(false, shown["State"]["OOMKilled"]);
    assert!(engine.events().is_empty());
    let log = bench.log("/containers/web/logs?stderr=1").await;
    assert_eq!(["whole\n"].as_slice(), log);
}

#[tokio::test]
async fn the_last_handle_closes_the_engine() {
    let bench = Bench::new(Version::V28_5_2);
    let id = bench.engine.create(ContainerSpec::new("web", "img")).unwrap();
    let second: Engine = bench.engine.clone();
    second.start(&id).unwrap();
    drop(second);
    let follower = bench.get("/containers/web/logs?stdout=1&follow=1").await;
    let folder = bench.close();
    assert!(follower.until_broken().await.1);
    assert!(!folder.path().join("docker.sock").exists());
}

#[tokio::test]
async fn a_socket_in_use_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let _engine = Engine::serve(&socket, Version::V28_5_2).unwrap();
    let error = Engine::serve(&socket, Version::V28_5_2).unwrap_err();
    assert_eq!(std::io::ErrorKind::AddrInUse, error.kind());
}

#[tokio::test]
async fn mistakes_are_told() {
    let bench = Bench::new(Version::V28_5_2);
    let engine = &bench.engine;
    let id = engine.create(ContainerSpec::new("web", "img")).unwrap();
    for (result, expected) in [
        (engine.start("nobody"), "no such container: nobody"),
        (engine.die(&id, 1), "cannot die container web: it is created, expected running or paused"),
        (engine.rename(&id, "a/b"), "invalid container name \"a/b\", only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
        (engine.stop(&id, StopOutcome::TimesOut), ""),
    ] {
        let message = result.err().map_or(String::new(), |error| error.to_string());
        assert_eq!(expected, message);
    }
    let twice = engine.create(ContainerSpec::new("web", "img"));
    assert!(matches!(twice, Err(SimError::NameInUse { owner, .. }) if owner == id));
    assert_eq!("sim-3", {
        let id = engine.create(ContainerSpec::default()).unwrap();
        let (_, shown) = bench.json(&format!("/containers/{id}/json")).await;
        shown["Name"].as_str().unwrap().trim_start_matches('/').to_owned()
    });
}
