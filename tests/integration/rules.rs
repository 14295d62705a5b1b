//! A user's own rules, from the file and from a container's labels: what they find is in the API,
//! by search, and again after a restart.

use foghorn::config::{Config, Overrides, RulesConfig};
use foghorn::sim::ContainerSpec;
use serde_json::{Value, json};

use crate::support::{Lab, Process, TestApp, command, container, text};

const PAGE: &str = include_str!("../../docs/formats.md");

/// The first block of that language in the section about rules.
fn block(language: &str) -> &'static str {
    let (_, section) = PAGE.split_once("\n## Formats and fields of one's own\n").unwrap();
    let (_, block) = section.split_once(&format!("\n```{language}\n")).unwrap();
    block.split_once("\n```\n").unwrap().0
}

fn rules(lab: &Lab, toml: &str) -> RulesConfig {
    let file = lab.path().join("foghorn.toml");
    std::fs::write(&file, toml).unwrap();
    let overrides = Overrides { file: Some(file), ..Overrides::default() };
    Config::load(&overrides, &|_| None, []).unwrap().rules
}

fn labelled(service: &str, labels: &[(&str, &str)]) -> ContainerSpec {
    let mut spec = ContainerSpec::compose("shop", service);
    spec.labels.extend(labels.iter().map(|(name, value)| (format!("foghorn.{name}"), (*value).to_owned())));
    spec
}

/// Compares what the records say, without who says it and when.
#[track_caller]
fn assert_says(record: &Value, expected: &Value) {
    for key in ["level", "format", "message", "logger", "log_time", "http", "operation", "error", "fields"] {
        assert_eq!(record[key], expected[key], "{key} of {record:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_rules_do_what_they_say() {
    let lab = Lab::new();
    let said: Vec<(&str, &str)> = block("text").lines().map(|line| line.split_once(" | ").unwrap()).collect();
    let expected: Vec<Value> = block("json").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(said.len(), expected.len());
    let [billing, web, worker] = ["billing", "web", "worker"].map(|service| lab.run(service));
    let mut config = lab.config();
    config.rules = rules(&lab, block("toml"));
    let app = TestApp::start(&config).await;
    for (service, line) in &said {
        let id = [("billing", &billing), ("web", &web), ("worker", &worker)];
        lab.say(id.iter().find(|(name, _)| *name == service.trim()).unwrap().1, line);
    }
    let check = async |app: &TestApp| {
        let records = app.records(said.len()).await;
        assert_eq!(records.len(), said.len());
        for (record, expected) in records.iter().zip(&expected) {
            assert_says(record, expected);
        }
        assert_eq!(text(&records[3], "line"), "badge [redacted:badge] was refused");
        for (query, count) in [
            ("format:billing", 1),
            ("order_id:17", 1),
            ("gate:4", 1),
            ("status:503", 1),
            ("job.elapsed:250", 1),
            ("order_id:18", 0),
        ] {
            assert_eq!(app.all(query).await.len(), count, "{query}");
        }
    };
    check(&app).await;
    app.stop().await;
    let app = TestApp::start(&config).await;
    check(&app).await;
    app.stop().await;
    // Without the rules, what Foghorn itself reads in the lines.
    let app = lab.app().await;
    let records = app.records(said.len()).await;
    let plain = records.iter().find(|record| record["format"] == "billing").unwrap();
    assert_eq!([&plain["level"], &plain["fields"]], [&json!("warn"), &Value::Null]);
    assert!(text(plain, "message").ends_with("slow, order=17"), "{plain}");
    let gate = records.iter().find(|record| record["format"] == "gate").unwrap();
    assert_eq!([&gate["message"], &gate["http"]], [&gate["line"], &Value::Null]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_says_by_label_how_it_is_read() {
    let lab = Lab::new();
    let mut config = lab.config();
    config.rules =
        rules(&lab, "[[format]]\nname = 'mine'\ngrok = '^%{WORD:who}/%{GREEDYDATA:message}'\nservices = ['no']\n");
    let app = TestApp::start(&config).await;
    let own = lab.start(labelled("own", &[("format", "mine"), ("level", "debug")]));
    let blocks = lab.start(labelled("blocks", &[("multiline.start", r"^#\d")]));
    let bare = lab.start(labelled("bare", &[("redact", "false"), ("format", "logfmt")]));
    lab.say(&own, "bob/hello");
    lab.say(&own, r#"{"level":"error"}"#);
    for line in ["#1 one", "more of it", "#2 two"] {
        lab.say(&blocks, line);
    }
    lab.say(&bare, "user=bob password=hunter2");
    lab.say(&bare, r#"{"a":1}"#);
    // A record that may go on ends with its container.
    lab.engine.die(&blocks, 0).unwrap();
    app.records(6).await;
    let lines = async |query: &str| -> Vec<[String; 3]> {
        let of = |record: &Value| ["line", "format", "level"].map(|key| text(record, key).to_owned());
        app.all(query).await.iter().map(of).collect()
    };
    assert_eq!(lines("service:own").await, [["bob/hello", "mine", "debug"], [r#"{"level":"error"}"#, "text", "debug"]]);
    assert_eq!(
        lines("service:blocks").await,
        [["#1 one\nmore of it", "text", "unknown"], ["#2 two", "text", "unknown"]]
    );
    let bare = [["user=bob password=hunter2", "logfmt", "unknown"], [r#"{"a":1}"#, "text", "unknown"]];
    assert_eq!(lines("service:bare").await, bare);
    assert_eq!(app.all("who:bob").await.len(), 1);
    let status = app.status().await;
    for name in ["shop-own-1", "shop-bare-1"] {
        assert_eq!(container(&status, name).unwrap()["warnings"], Value::Null, "{name}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_label_is_shown_and_harms_nothing() {
    let lab = Lab::new();
    let wrong = [("format", "jsn"), ("level", "loud"), ("multiline.start", "("), ("redact", "maybe")];
    let id = lab.start(labelled("web", &wrong));
    let app = lab.app().await;
    lab.say(&id, r#"{"level":"warn","msg":"token=hunter2hunter2"}"#);
    let records = app.records(1).await;
    assert_says(
        &records[0],
        &json!({
            "level": "warn", "format": "json", "message": "token=[redacted:token]",
            "fields": { "level": "warn", "msg": "token=[redacted:token]" },
        }),
    );
    let status = app.status_is("a container", |status| container(status, "shop-web-1").is_some()).await;
    let warnings = container(&status, "shop-web-1").unwrap()["warnings"].as_array().unwrap();
    let starts = [
        "foghorn.format: \"jsn\" is no format, expected ",
        "foghorn.level: \"loud\" is no level, expected trace, ",
        "foghorn.multiline.start: \"(\" is no regular expression: unclosed group, at character 1",
        "foghorn.redact: \"maybe\" is neither, expected true or false",
    ];
    assert_eq!(warnings.len(), starts.len(), "{warnings:?}");
    for (warning, start) in warnings.iter().zip(starts) {
        assert!(warning.as_str().unwrap().starts_with(start), "{warning}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_rule_stops_the_start_and_the_check() {
    let lab = Lab::new();
    let file = lab.path().join("foghorn.toml");
    let run = async |arguments: &[&str]| {
        // It catches standard error, too.
        let output = command(&lab, env!("CARGO_BIN_EXE_foghorn"), arguments).output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    std::fs::write(&file, "\n[[format]]\nname = 'billing'\npattern = '(?<x>'\n").unwrap();
    for arguments in [&[][..], &["check"]] {
        let (code, _, error) = run(arguments).await;
        let expected = "foghorn: foghorn.toml:2: [[format]] 1 \"billing\": pattern: unclosed group, at character 1\n";
        assert_eq!((code, error.as_str()), (Some(2), expected));
    }
    std::fs::write(&file, block("toml")).unwrap();
    let (code, out, _) = run(&["check"]).await;
    assert_eq!(code, Some(0));
    let counts = "# rules: 2 of [[format]], 1 of [[field]], 1 of [[duration]], 1 of [[redact]]";
    assert!(out.lines().any(|line| line == counts), "{out}");
    Process::start(&lab).await.terminate().await;
}
