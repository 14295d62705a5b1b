//! Reading what goes right, from each kind of engine: every shape of line, once, as it was said.

use foghorn::sim::{ContainerSpec, State, Version};

use crate::support::{Lab, Stderr, Stdout, container, text};

const KIB: usize = 1024;

/// Every shape of line that containers write, on both streams.
fn write_all_shapes(lab: &Lab, id: &str) {
    lab.say(id, "GET /health 200");
    lab.write(id, Stderr, b"ERROR the disk is on fire\n");
    lab.write(id, Stdout, b"\n");
    lab.write(id, Stderr, b"\n");
    lab.write(id, Stdout, b"from windows\r\n");
    lab.write(id, Stdout, b"with a \0 inside\n");
    lab.write(id, Stdout, b"caf\xe9 \xff\xfe broken \xe2\x82\n");
    lab.write(id, Stdout, br#"{"level":"warn","msg":"low on coal","left":3}"#);
    lab.write(id, Stdout, b"\n");
    // Two long lines whose pieces interleave.
    lab.write(id, Stdout, &[b'o'; 20 * KIB]);
    lab.write(id, Stderr, &[b'e'; 17 * KIB]);
    lab.write(id, Stdout, &[b'O'; 20 * KIB]);
    lab.write(id, Stderr, &[b'E'; 17 * KIB]);
    lab.write(id, Stderr, b" the end of stderr\n");
    lab.write(id, Stdout, b" the end of stdout\n");
    // Exactly a piece, and exactly two.
    lab.write(id, Stdout, &[b'1'; 16 * KIB]);
    lab.write(id, Stdout, b"\n");
    lab.write(id, Stderr, &[b'2'; 32 * KIB]);
    lab.write(id, Stderr, b"\n");
    lab.say(id, "after the long ones");
}

/// Every shape in every kind of container, half of it before Foghorn is there; nothing is lost,
/// repeated or changed, and a second start adds nothing.
async fn reads_every_shape(version: Version, mode: &str, drivers: &[&str]) {
    let lab = Lab::with(version);
    let mut ids = Vec::new();
    for driver in drivers {
        let spec = ContainerSpec::compose("shop", &format!("web-{driver}"));
        ids.push(lab.start(ContainerSpec { driver: (*driver).to_owned(), ..spec }));
        let spec = ContainerSpec::new(&format!("console-{driver}"), "busybox");
        ids.push(lab.start(ContainerSpec { driver: (*driver).to_owned(), tty: true, ..spec }));
    }
    let ids: Vec<&String> = ids.iter().collect();
    ids.iter().for_each(|id| write_all_shapes(&lab, id));
    let app = lab.app().await;
    ids.iter().for_each(|id| write_all_shapes(&lab, id));
    ids.iter().for_each(|id| lab.say(id, "good night"));

    let expected = lab.said(&ids);
    let records = app.exactly(&expected).await;
    let status = app.status().await;
    assert_eq!(status["engine"]["mode"], mode);
    assert_eq!(status["engine"]["version"], format!("Docker {}", version.engine));
    // The texts as they were written, not as the engine's log has them: nothing was split.
    for (line, count) in [
        (format!("{}{} the end of stdout", "o".repeat(20 * KIB), "O".repeat(20 * KIB)), 2),
        (format!("{}{} the end of stderr", "e".repeat(17 * KIB), "E".repeat(17 * KIB)), 2),
        ("1".repeat(16 * KIB), 2),
        ("2".repeat(32 * KIB), 2),
        ("from windows\r".to_owned(), 2),
        ("with a \0 inside".to_owned(), 2),
    ] {
        // A terminal mixes what two streams write, so its long lines are not compared.
        for id in ids.iter().step_by(2) {
            let is_it =
                |record: &&serde_json::Value| text(record, "line") == line && text(record, "container_id") == **id;
            let start: String = line.chars().take(20).collect();
            assert_eq!(records.iter().filter(is_it).count(), count, "{start:?} of {} bytes", line.len());
        }
    }
    app.stop().await;

    let again = lab.app().await;
    ids.iter().for_each(|id| lab.say(id, "good morning"));
    let expected = lab.said(&ids);
    again.exactly(&expected).await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn following_finds_every_shape_of_line_once() {
    reads_every_shape(Version::V28_5_2, "follow", &["json-file", "local"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polling_finds_every_shape_of_line_once() {
    // Its local driver drops the newline of a split line.
    reads_every_shape(Version::V20_10_24, "poll", &["json-file", "local"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_engine_is_polled_and_never_followed() {
    let lab = Lab::with(Version::V20_10_24);
    let id = lab.run("web");
    let app = lab.app().await;
    lab.count(&id, 0..20);
    app.records(20).await;
    app.reading("shop-web-1", "polling").await;
    let requests = lab.engine.requests();
    let logs: Vec<_> = requests.iter().filter(|r| r.path.ends_with("/logs")).collect();
    assert!(!logs.is_empty());
    assert!(logs.iter().all(|r| !r.query.contains("follow=1") && !r.query.contains("follow=true")), "{logs:?}");
    assert!(logs.iter().all(|r| !r.query.contains("since=")), "since loses lines of rotated files there: {logs:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_says_who_said_it_when_where_and_how_bad_it_is() {
    let lab = Lab::new();
    let mut spec = ContainerSpec::compose("shop", "web");
    spec.name = "shop-web-7".into();
    spec.labels.insert("com.docker.compose.container-number".into(), "7".into());
    let web = lab.start(spec);
    let tty = lab.start(ContainerSpec { tty: true, ..ContainerSpec::new("console", "busybox") });
    let app = lab.app().await;
    lab.engine.write_at(&web, Stderr, 1_795_224_647_450_000_001, b"ERROR no coal left\n").unwrap();
    lab.write(&web, Stdout, b"{\"level\":\"warn\",\"left\":3}\n");
    lab.write(&tty, Stderr, b"just text\n");
    let records = app.records(3).await;

    let one = |line: &str| records.iter().find(|r| text(r, "line").contains(line)).unwrap();
    let error = one("no coal");
    let seen =
        ["container", "container_id", "project", "service", "stream", "kind", "level", "time"].map(|f| text(error, f));
    let expected = ["shop-web-7", &web, "shop", "web", "stderr", "line", "error", "2026-11-21T01:30:47.450000001Z"];
    assert_eq!(seen, expected);
    assert_eq!(error["number"], 7);
    assert_eq!(text(error, "id"), format!("1795224647450000001-stderr-1-{web}"));
    let warning = one("left\":3");
    assert_eq!((text(warning, "level"), text(warning, "stream")), ("warn", "stdout"));
    assert_eq!(warning["fields"]["left"], 3);
    let plain = one("just text");
    assert_eq!(
        [text(plain, "service"), text(plain, "project")],
        ["console", ""],
        "outside Compose the name is the service"
    );
    assert_eq!(text(plain, "stream"), "stdout", "a terminal has one stream");
    assert_eq!(text(plain, "level"), "unknown");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_beyond_the_cap_is_cut_marked_and_counted() {
    for (version, tty) in [(Version::V28_5_2, false), (Version::V28_5_2, true), (Version::V20_10_24, false)] {
        let lab = Lab::with(version);
        let id = lab.start(ContainerSpec { tty, ..ContainerSpec::compose("shop", "web") });
        let app = lab.app().await;
        lab.say(&id, "before");
        lab.write(&id, Stdout, &[b'x'; 1536 * KIB]);
        lab.write(&id, Stdout, b"the end\nafter\n");
        let records = app.records(3).await;
        let seen: Vec<(usize, bool)> =
            records.iter().map(|r| (text(r, "line").len(), r["truncated"] == true)).collect();
        assert_eq!(seen, [("before".len(), false), (KIB * KIB, true), ("after".len(), false)], "tty: {tty}");
        let cut = app.metric("foghorn_log_cut_bytes_total").await;
        assert!((cut - (512.0 * 1024.0 + 7.0)).abs() < 0.5, "{cut} bytes were cut");
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_without_a_newline_is_found_when_the_terminal_goes_on() {
    let lab = Lab::new();
    let id = lab.start(ContainerSpec { tty: true, ..ContainerSpec::new("console", "busybox") });
    let app = lab.app().await;
    lab.followed(&id).await;
    lab.write(&id, Stdout, b"password: ");
    lab.engine.flush(&id).unwrap();
    lab.say(&id, "welcome");
    lab.write(&id, Stdout, b"$ ");
    lab.engine.die(&id, 0).unwrap();
    app.reading("console", "ended").await;
    let lines: Vec<String> = app.all("").await.iter().map(|r| text(r, "line").to_owned()).collect();
    assert_eq!(lines, ["password: ", "welcome", "$ "]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_gets_nothing_but_get_and_only_what_reading_needs() {
    let lab = Lab::new();
    let id = lab.run("web");
    let app = lab.app().await;
    lab.count(&id, 0..10);
    app.records(10).await;
    let short_lived = lab.start(ContainerSpec { auto_remove: true, ..ContainerSpec::compose("shop", "job") });
    lab.followed(&short_lived).await;
    lab.engine.die(&short_lived, 1).unwrap();
    lab.engine.remove(&id).unwrap();
    app.status_is("no containers", |s| container(s, "shop-web-1").is_none() && container(s, "shop-job-1").is_none())
        .await;
    app.stop().await;

    assert_eq!(lab.engine.read(State::not_get_count), 0);
    let requests = lab.engine.requests();
    for what in ["/version", "/containers/json", "/events", "/logs"] {
        assert!(requests.iter().any(|r| r.path.ends_with(what)), "nobody asked for {what}");
    }
    for request in &requests {
        assert_eq!(request.method, "GET", "{request:?}");
        let path = request.path.as_str();
        let known = ["/version", "/containers/json", "/events"].iter().any(|known| path.ends_with(known))
            || path.contains("/containers/") && (path.ends_with("/json") || path.ends_with("/logs"));
        assert!(known, "{request:?}");
    }
    let events = requests.iter().find(|r| r.path.ends_with("/events")).unwrap();
    assert!(events.query.contains("container"), "only container events may be asked for: {events:?}");
}
