//! The HTTP interface: pages, bad input, live tail and metrics.

use std::collections::{BTreeSet, HashSet};

use foghorn::sim::ContainerSpec;
use serde_json::Value;
use tokio::net::TcpSocket;

use crate::support::{Lab, Live, Stderr, Stdout, TestApp, target, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_visit_each_record_once_while_more_arrive() {
    let lab = Lab::new();
    let ids = [lab.run("web"), lab.run("api")];
    let app = lab.app().await;
    // Some of one time, so that pages end among them.
    for n in 0..150 {
        let time_ns = 1_795_224_647_000_000_000 + n / 7 * 1_000_000;
        lab.engine.write_at(&ids[0], Stdout, time_ns, format!("old {n}\n").as_bytes()).unwrap();
    }
    lab.count(&ids[1], 0..150);
    app.records(300).await;
    for (order, limit) in [("newest", "7"), ("oldest", "7"), ("newest", "1"), ("oldest", "299")] {
        let before: HashSet<String> = app.all("").await.iter().map(|r| text(r, "id").to_owned()).collect();
        let mut visited = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = app.page(&[("order", order), ("limit", limit), ("cursor", &cursor)]).await;
            let records = page["records"].as_array().unwrap();
            assert!(records.len() <= limit.parse().unwrap());
            visited.extend(records.iter().map(|r| (text(r, "time").to_owned(), text(r, "id").to_owned())));
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
            if visited.len() < 200 {
                lab.say(&ids[1], "more arrives");
            }
        }
        let unique: HashSet<&String> = visited.iter().map(|(_, id)| id).collect();
        assert_eq!(unique.len(), visited.len(), "{order}: a record was visited twice");
        assert!(before.iter().all(|id| unique.contains(id)), "{order}: a record was skipped");
        let times: Vec<&String> = visited.iter().map(|(time, _)| time).collect();
        let sorted = if order == "oldest" { times.is_sorted() } else { times.iter().rev().is_sorted() };
        assert!(sorted, "{order}: out of order");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_is_inclusive_and_to_is_not() {
    let lab = Lab::new();
    let id = lab.run("web");
    let app = lab.app().await;
    for n in 0..10 {
        lab.engine.write_at(&id, Stdout, 1_795_224_647_000_000_000 + n, format!("{n}\n").as_bytes()).unwrap();
    }
    app.records(10).await;
    let at = |n: u32| format!("2026-11-21T01:30:47.00000000{n}Z");
    let found = async |parameters: &[(&str, &str)]| -> Vec<String> {
        let page = app.page(&[parameters, &[("order", "oldest")]].concat()).await;
        page["records"].as_array().unwrap().iter().map(|r| text(r, "line").to_owned()).collect()
    };
    assert_eq!(found(&[("from", &at(3)), ("to", &at(6))]).await, ["3", "4", "5"]);
    assert_eq!(found(&[("from", &at(8))]).await, ["8", "9"]);
    assert_eq!(found(&[("to", &at(1))]).await, ["0"]);
    assert_eq!(found(&[("from", &at(6)), ("to", &at(3))]).await.len(), 0);
    assert_eq!(found(&[("from", "2026-11-21T02:30:47.000000008+01:00")]).await, ["8", "9"]);
    assert_eq!(found(&[("to", "-5000d")]).await.len(), 0);
    assert_eq!(found(&[("from", "-5000d"), ("query", "3")]).await, ["3"]);
    assert_eq!(app.page(&[]).await["next_cursor"], Value::Null, "there is no further page");
    let newest = app.page(&[("limit", "1")]).await;
    assert_eq!(text(&newest["records"][0], "line"), "9", "newest first is the default");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_that_the_index_leaves_out_are_found_on_disk_all_the_same() {
    let lab = Lab::new();
    let id = lab.run("web");
    let app = lab.app().await;
    for line in ["attempt 7 of 12", "attempt 8 of 12", r#"{"pid":7,"took":0.5}"#, "7.5 127 x7"] {
        lab.say(&id, line);
    }
    app.records(4).await;
    app.stop().await;
    let app = lab.app().await;
    for (query, expected) in [
        ("7", vec![0, 2, 3]),
        ("\"7 of 12\"", vec![0]),
        ("12*", vec![0, 1, 3]),
        ("8 -7", vec![1]),
        ("pid:7", vec![2]),
        ("pid:70", vec![]),
        ("took:0.50", vec![2]),
        ("127 7", vec![3]),
    ] {
        let all = app.all("").await;
        let found = app.all(query).await;
        let expected: Vec<&Value> = expected.into_iter().map(|at| &all[at]).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_refused_with_its_place() {
    let lab = Lab::new();
    let app = lab.app().await;
    // The parameter, its value, and the column where a query is wrong.
    let cases = [
        ("order", "sideways", None),
        ("order", "Newest", None),
        ("limit", "0", None),
        ("limit", "-1", None),
        ("limit", "5001", None),
        ("limit", "ten", None),
        ("limit", "1.5", None),
        ("limit", "99999999999999999999", None),
        ("from", "yesterday", None),
        ("from", "-5", None),
        ("from", "-5x", None),
        ("to", "2026-13-01T00:00:00Z", None),
        ("to", "1795224647", None),
        ("cursor", "the next", None),
        ("cursor", "1-stdout-1-", None),
        ("query", "status:", Some(8)),
        ("query", "fine \"not closed", Some(6)),
        ("query", "level:shouting", Some(7)),
        ("query", "a ( b", Some(3)),
    ];
    for (parameter, value, column) in cases {
        let answer = app.get(&target("/api/v1/logs", &[(parameter, value)])).await;
        assert_eq!(answer.status, 400, "{parameter}={value}: {}", answer.body);
        let error = &answer.json()["error"];
        assert_eq!(error["parameter"], parameter, "{value}: {error}");
        assert_eq!(error["column"].as_u64(), column, "{parameter}={value}: {error}");
        let code = if parameter == "query" { "bad_query" } else { "bad_parameter" };
        assert_eq!(error["code"], code, "{parameter}={value}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("expected"), "{parameter}={value}: {message:?} does not say what is accepted");
        if parameter == "query" {
            let live = app.get(&target("/api/v1/live", &[(parameter, value)])).await;
            assert_eq!((live.status, &live.json()["error"]), (400, error), "live tail says the same");
        }
    }
    for target in ["/api/v1/logs?limits=5", "/api/v1/logs?limit=5&limit=6", "/api/v1/live?limit=5"] {
        let answer = app.get(target).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (400, Some("bad_request")), "{target}");
    }
    for limit in ["1", "5000"] {
        assert_eq!(app.get(&target("/api/v1/logs", &[("limit", limit)])).await.status, 200);
    }
    for (method, path, status) in [
        ("POST", "/api/v1/logs", 405),
        ("DELETE", "/api/v1/logs", 405),
        ("PUT", "/", 405),
        ("POST", "/metrics", 405),
        ("GET", "/api/v1/", 404),
        ("GET", "/assets/0/../../etc/passwd", 404),
        ("GET", "/nothing", 404),
    ] {
        let answer = app.request(method, path).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.json()["error"]["message"].is_string(), "{method} {path}: {}", answer.body);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_carry_the_headers_that_protect_a_reader() {
    let lab = Lab::new();
    let id = lab.run("web");
    lab.say(&id, "<script>alert(1)</script>");
    let app = lab.app().await;
    app.records(1).await;
    for path in ["/", "/api/v1/logs", "/nothing", "/metrics"] {
        let answer = app.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'self'"), "{path}: {policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert!(answer.headers.contains_key("cache-control"), "{path}");
    }
    let page = app.get("/").await;
    // What the page names is there, and may be kept for ever.
    let assets: BTreeSet<&str> = page.body.split('"').filter(|part| part.contains("assets/")).collect();
    assert!(!assets.is_empty());
    for asset in assets {
        let answer = app.get(&format!("/{}", asset.trim_start_matches('/'))).await;
        assert_eq!(answer.status, 200, "{asset}");
        assert!(answer.headers["cache-control"].to_str().unwrap().contains("immutable"), "{asset}");
    }
    app.stop().await;
}

/// Checks one line of OpenMetrics text, and answers the name of its series.
fn series(line: &str) -> &str {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line:?} has no value"));
    let (name, rest) = line.split_at(end);
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line:?}");
    let value = match rest.strip_prefix('{') {
        Some(rest) => {
            let (labels, value) = rest.rsplit_once("} ").unwrap_or_else(|| panic!("{line:?} has no end of labels"));
            for label in labels.split("\",").filter(|l| !l.is_empty()) {
                assert!(label.contains("=\""), "{label:?} in {line:?}");
            }
            value
        }
        None => rest.trim_start(),
    };
    let value: f64 = value.parse().unwrap_or_else(|e| panic!("{e}: {line:?}"));
    assert!(value.is_finite() && value >= 0.0, "{line:?}");
    name
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_can_be_read_and_count_what_was_written() {
    let lab = Lab::new();
    // A name that has to be escaped, and lines from before the first sight, which are history.
    let mut spec = ContainerSpec::compose("shop", "web");
    spec.labels.insert("com.docker.compose.service".into(), "we\"b\\\n".into());
    let id = lab.start(spec);
    lab.count(&id, 0..50);
    let app = lab.app().await;
    app.records(50).await;
    lab.followed(&id).await;
    for n in 0..7 {
        lab.write(&id, Stderr, format!("ERROR number {n}\n").as_bytes());
    }
    lab.say(&id, "INFO all is well");
    app.records(58).await;

    let answer = app.get("/metrics").await;
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    assert!(answer.body.ends_with("# EOF\n"));
    let mut types = HashSet::new();
    let mut names = HashSet::new();
    for line in answer.body.lines() {
        match line.strip_prefix("# ") {
            Some("EOF") => {}
            Some(comment) => {
                let mut words = comment.split(' ');
                let (kind, name) = (words.next().unwrap(), words.next().unwrap());
                assert!(["HELP", "TYPE", "UNIT"].contains(&kind), "{line:?}");
                if kind == "TYPE" {
                    assert!(types.insert(name.to_owned()), "{name} is described twice");
                }
            }
            None => {
                names.insert(series(line).to_owned());
            }
        }
    }
    for name in [
        "foghorn_build_info",
        "foghorn_docker_connected",
        "foghorn_docker_containers",
        "foghorn_docker_reconnects_total",
        "foghorn_docker_events_dropped_total",
        "foghorn_log_gaps_total",
        "foghorn_log_lines_total",
        "foghorn_log_bytes_total",
        "foghorn_log_cut_bytes_total",
        "foghorn_log_lines_dropped_total",
        "foghorn_ingest_lag_seconds",
        "foghorn_index_size_bytes",
        "foghorn_index_records",
        "foghorn_index_partitions",
        "foghorn_index_damaged_partitions",
        "foghorn_index_paused",
        "foghorn_index_commits_total",
        "foghorn_index_failed_commits_total",
        "foghorn_index_removed_records_total",
        "foghorn_live_readers",
        "foghorn_storage_filesystem_available_bytes",
        "foghorn_storage_filesystem_size_bytes",
    ] {
        assert!(names.contains(name), "{name} is missing in\n{}", answer.body);
        let family = name.trim_end_matches("_total");
        assert!(types.contains(family), "{family} has no type");
    }
    let labels = |level: &str| format!(r#"{{compose_project="shop",compose_service="we\"b\\\n",level="{level}"}}"#);
    let count = async |family: &str, level: &str| app.metric(&format!("{family}{}", labels(level))).await;
    assert!((count("foghorn_log_lines_total", "error").await - 7.0).abs() < 0.1);
    assert!((count("foghorn_log_bytes_total", "error").await - 7.0 * 15.0).abs() < 0.1);
    assert!((count("foghorn_log_lines_total", "info").await - 1.0).abs() < 0.1);
    assert!(count("foghorn_log_lines_total", "unknown").await.abs() < 0.1, "history is not counted");
    assert!((app.metric("foghorn_index_records").await - 58.0).abs() < 0.1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_tail_shows_what_matches_in_order_and_ends_with_foghorn() {
    let lab = Lab::new();
    let (web, api) = (lab.run("web"), lab.run("api"));
    let app = lab.app().await;
    app.ready(200).await;
    let mut errors = app.live("level:error service:web").await;
    let mut everything = app.live("").await;
    for n in 0..30 {
        lab.say(&web, &format!("INFO {n}"));
        lab.write(&api, Stderr, format!("ERROR {n} elsewhere\n").as_bytes());
        lab.write(&web, Stderr, format!("ERROR {n} here\n").as_bytes());
    }
    for n in 0..30 {
        let event = errors.next().await.unwrap();
        assert_eq!((event.event.as_str(), text(&event.data, "line")), ("record", format!("ERROR {n} here").as_str()));
        assert_eq!(event.id, text(&event.data, "id"));
    }
    let mut seen = HashSet::new();
    for _ in 0..90 {
        assert!(seen.insert(text(&everything.record().await, "id").to_owned()), "shown twice");
    }
    assert_eq!(app.status().await["live"]["readers"], 2);
    // What is shown live is what search finds, in the same form.
    lab.say(&web, "{\"level\":\"warn\",\"n\":1}");
    let shown = everything.record().await;
    app.records(91).await;
    assert_eq!(app.all("n:1").await, [shown]);
    drop(errors);
    app.status_is("one reader", |s| s["live"]["readers"] == 1).await;
    app.stop().await;
    assert_eq!(everything.next().await.unwrap().event, "bye");
    assert!(everything.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_beyond_the_bound_are_refused_until_one_leaves() {
    let lab = Lab::new();
    let mut config = lab.config();
    config.live.max_readers = 2;
    let app = TestApp::start(&config).await;
    let readers = [app.live("").await, app.live("").await];
    let refused = app.get("/api/v1/live").await;
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (503, Some("too_many_readers")));
    drop(readers);
    app.status_is("no readers", |s| s["live"]["readers"] == 0).await;
    drop(app.live("").await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_is_told_what_it_missed_and_slows_nobody() {
    let lab = Lab::new();
    let id = lab.run("web");
    let mut config = lab.config();
    config.live.buffer_batches = 16;
    let app = TestApp::start(&config).await;
    app.ready(200).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = Live::over(socket.connect(app.address).await.unwrap(), "").await;
    // More than sockets and ring can hold together; the reader takes nothing of it meanwhile.
    let lines = 200;
    for n in 0..lines {
        lab.write(&id, Stdout, format!("{n} {}\n", "x".repeat(60_000)).as_bytes());
    }
    assert_eq!(app.records(lines).await.len(), lines, "the store has them all");
    let (mut shown, mut lagged) = (0, 0);
    while lagged == 0 {
        let event = slow.next().await.unwrap();
        match event.event.as_str() {
            "record" => shown += 1,
            "lagged" => lagged = event.data["batches"].as_u64().unwrap(),
            other => panic!("{other}"),
        }
    }
    assert!(shown < lines, "nothing was missed after all");
    // It goes on with what is new.
    lab.say(&id, "are you there?");
    loop {
        let event = slow.next().await.unwrap();
        if event.data["line"] == "are you there?" {
            break;
        }
    }
    app.stop().await;
}
