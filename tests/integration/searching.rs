//! Counting and searching: histograms, facets, and `foghorn search` in a terminal's place.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::support::{Lab, Stderr, Stdout, TestApp, command, patiently, target, text};

const START_NS: i64 = 1_795_224_600_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;

/// Two services, ten minutes: each minute two lines of web, and an error of api in each even one.
async fn stack(lab: &Lab) -> TestApp {
    let (web, api) = (lab.run("web"), lab.run("api"));
    let app = lab.app().await;
    for minute in 0..10 {
        let at_ns = START_NS + minute * MINUTE_NS;
        for n in 0..2 {
            let line = format!("{{\"level\":\"info\",\"msg\":\"served page {n}\",\"status\":{}}}\n", 200 + n * 4);
            lab.engine.write_at(&web, Stdout, at_ns + n, line.as_bytes()).unwrap();
        }
        if minute % 2 == 0 {
            let line = format!("{{\"level\":\"error\",\"msg\":\"no page {minute}\",\"status\":500}}\n");
            lab.engine.write_at(&api, Stderr, at_ns + 7, line.as_bytes()).unwrap();
        }
    }
    app.records(25).await;
    app
}

/// A page ends where its lines are 16 MiB, however many records may be in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_long_lines_ends_early_and_the_next_goes_on() {
    let lab = Lab::new();
    let id = lab.run("web");
    let app = lab.app().await;
    for n in 0..20 {
        lab.say(&id, &format!("{n} {}", "x".repeat(1_000_000)));
    }
    app.status_is("all lines", |s| s["store"]["records"] == 20).await;
    let numbers = |page: &Value| -> Vec<usize> {
        let records = page["records"].as_array().unwrap();
        records.iter().map(|record| text(record, "line").split(' ').next().unwrap().parse().unwrap()).collect()
    };
    let page = app.page(&[("order", "oldest"), ("limit", "1000")]).await;
    assert_eq!((numbers(&page), &page["partial"]), ((0..16).collect(), &json!(false)));
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = app.page(&[("order", "oldest"), ("limit", "1000"), ("cursor", cursor)]).await;
    assert_eq!((numbers(&page), &page["next_cursor"]), ((16..20).collect(), &Value::Null));
    // The sides of a context are pages, too.
    let id = text(&page["records"][3], "id").to_owned();
    let context = app.json(&target("/api/v1/context", &[("id", &id), ("before", "1000")])).await;
    assert_eq!((numbers(&context), &context["has_before"]), ((3..20).collect(), &json!(true)));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_histogram_counts_in_steps_of_time() {
    let lab = Lab::new();
    let app = stack(&lab).await;
    let histogram = async |parameters: &[(&str, &str)]| app.json(&target("/api/v1/histogram", parameters)).await;
    let range = [("from", "2026-11-21T01:30:30Z"), ("to", "2026-11-21T01:40:00Z")];
    let by_level = histogram(&[&range[..], &[("step", "5m"), ("by", "level")]].concat()).await;
    let expected = json!({
        "start": "2026-11-21T01:30:00.000000000Z", "step_ms": 300_000, "buckets": 2, "by": "level",
        "series": [{"value": "info", "counts": [8, 10]}, {"value": "error", "counts": [2, 2]}],
        "total": 22, "partial": false,
    });
    assert_eq!(by_level, expected, "the first minute lies before the range");
    let by_status = histogram(&[&range[..], &[("step", "1h"), ("by", "status"), ("query", "page -0")]].concat()).await;
    assert_eq!(
        by_status["series"],
        json!([{"value": "204", "counts": [9]}, {"value": "500", "counts": [4]}]),
        "{by_status}"
    );
    // With nothing given: all there is, until now.
    let all = histogram(&[]).await;
    assert_eq!((&all["total"], &all["by"]), (&json!(25), &Value::Null), "{all}");
    assert!(all["buckets"].as_u64().unwrap() <= 61, "{all}");
    assert_eq!(all["series"].as_array().unwrap().len(), 1, "{all}");
    let none = histogram(&[&range[..], &[("query", "nothing"), ("by", "level")]].concat()).await;
    assert_eq!((&none["series"], &none["total"]), (&json!([]), &json!(0)));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facets_count_the_values_of_fields() {
    let lab = Lab::new();
    let app = stack(&lab).await;
    let facets = async |parameters: &[(&str, &str)]| app.json(&target("/api/v1/facets", parameters)).await;
    let field = |field: &str, values: &[(&str, u64)], distinct: u64, others: u64, missing: u64| {
        let values: Vec<_> = values.iter().map(|(value, count)| json!({"value": value, "count": count})).collect();
        json!({
            "field": field, "values": values, "distinct": distinct, "others": others, "missing": missing,
            "approximate": false,
        })
    };
    let usual = facets(&[]).await;
    let expected = json!({
        "facets": [
            field("service", &[("web", 20), ("api", 5)], 2, 0, 0),
            field("level", &[("info", 20), ("error", 5)], 2, 0, 0),
        ],
        "total": 25, "partial": false,
    });
    assert_eq!(usual, expected);
    let parameters = [("fields", "status,Stream,http.path"), ("query", "served OR level:error"), ("limit", "1")];
    let some = facets(&parameters).await;
    let expected = json!([
        field("status", &[("200", 10)], 3, 15, 0),
        field("stream", &[("stdout", 20)], 2, 5, 0),
        field("http.path", &[], 0, 0, 25),
    ]);
    assert_eq!(some["facets"], expected, "{some}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_shown_among_others() {
    let lab = Lab::new();
    let app = stack(&lab).await;
    let web = app.all("service:web").await;
    let id = |record: &Value| text(record, "id").to_owned();
    let context = async |parameters: &[(&str, &str)]| app.json(&target("/api/v1/context", parameters)).await;
    let middle = context(&[("id", &id(&web[10])), ("before", "3"), ("after", "2")]).await;
    let expected = json!({"records": web[7..13], "at": 3, "has_before": true, "has_after": true, "partial": false});
    assert_eq!(middle, expected);
    let first = context(&[("id", &id(&web[0])), ("scope", "service")]).await;
    let expected = json!({"records": web[..20], "at": 0, "has_before": false, "has_after": false, "partial": false});
    assert_eq!(first, expected);
    let alone = context(&[("id", &id(&web[19])), ("before", "0"), ("after", "0")]).await;
    assert_eq!((&alone["records"], &alone["has_before"]), (&json!([web[19]]), &json!(true)));
    let gone = id(&web[0]).replace(&START_NS.to_string(), "1000");
    let answer = app.get(&target("/api/v1/context", &[("id", &gone)])).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (404, Some("not_found")));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_matches_is_exported() {
    let lab = Lab::new();
    let id = lab.run("web");
    let app = lab.app().await;
    lab.count(&id, 0..2_500);
    app.records(2_500).await;
    let exported = app.get("/api/v1/export?query=-2000").await;
    let found: Vec<Value> = exported.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(found == app.all("-2000").await, "more than one page, each record once");
    assert_eq!(found.len(), 2_499);
    assert_eq!(exported.headers["content-type"], "application/x-ndjson");
    let as_text = app.get("/api/v1/export?query=17&format=text").await;
    let (time, rest) = as_text.body.split_once(' ').unwrap();
    assert_eq!((time.len(), rest), (30, "shop-web-1 line 17 of many\n"));
    assert_eq!(app.get("/api/v1/export?query=nothing").await.body, "");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_are_known_with_examples() {
    let lab = Lab::new();
    let app = stack(&lab).await;
    let answer = app.json("/api/v1/fields?query=service:web&limit=4").await;
    assert_eq!(answer["records"], 4);
    let status = answer["fields"].as_array().unwrap().iter().find(|field| field["name"] == "status").unwrap();
    assert_eq!(*status, json!({"name": "status", "records": 4, "types": ["number"], "examples": ["204", "200"]}));
    let message = answer["fields"].as_array().unwrap().iter().find(|field| field["name"] == "message").unwrap();
    assert_eq!(message["examples"], json!(["served page 1", "served page 0"]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patterns_are_what_messages_look_like() {
    let lab = Lab::new();
    let app = stack(&lab).await;
    let all = app.json("/api/v1/patterns").await;
    let counted: Vec<_> =
        all["patterns"].as_array().unwrap().iter().map(|one| (&one["pattern"], &one["records"])).collect();
    assert_eq!(counted, [(&json!("served page <num>"), &json!(20)), (&json!("no page <num>"), &json!(5))]);
    assert_eq!((&all["records"], &all["others"], &all["partial"]), (&json!(25), &json!(0), &json!(false)));
    let errors = app.json(&target("/api/v1/patterns", &[("query", "level:error"), ("limit", "1")])).await;
    let error = &errors["patterns"][0];
    assert_eq!((&error["levels"], &error["services"]), (&json!({"error": 5}), &json!({"api": 5})), "{errors}");
    assert_eq!(error["example"], "{\"level\":\"error\",\"msg\":\"no page 8\",\"status\":500}");
    let times = [&error["first"], &error["last"]];
    assert_eq!(times, ["2026-11-21T01:30:00.000000007Z", "2026-11-21T01:38:00.000000007Z"]);
    let latest = app.all("level:error").await;
    assert_eq!(latest.iter().filter(|record| record["id"] == error["id"]).count(), 1, "{errors}");
    let few = app.json("/api/v1/patterns?records=7&limit=1").await;
    assert_eq!((&few["records"], &few["partial"]), (&json!(7), &json!(true)), "{few}");
    let listed = few["patterns"][0]["records"].as_u64().unwrap();
    assert_eq!(listed + few["others"].as_u64().unwrap(), 7, "{few}");
    let none = app.json("/api/v1/patterns?query=nothing").await;
    assert_eq!(none, json!({"patterns": [], "others": 0, "records": 0, "partial": false}));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_cannot_be_counted_is_refused() {
    let lab = Lab::new();
    let app = lab.app().await;
    let many = ('a'..='q').map(String::from).collect::<Vec<_>>().join(",");
    for (path, parameters, wrong) in [
        ("histogram", &[("step", "5")][..], "step"),
        ("histogram", &[("step", "0s")], "step"),
        ("histogram", &[("from", "-1d"), ("step", "1ms")], "step"),
        ("histogram", &[("from", "now"), ("to", "-1h")], "to"),
        ("histogram", &[("from", "yesterday")], "from"),
        ("histogram", &[("from", "1700-01-01T00:00:00Z"), ("step", "3000d")], "from"),
        ("histogram", &[("query", "a (")], "query"),
        ("facets", &[("fields", "level,,service")], "fields"),
        ("facets", &[("fields", &many)], "fields"),
        ("facets", &[("fields", "level,path,path")], "fields"),
        ("facets", &[("limit", "0")], "limit"),
        ("facets", &[("limit", "1001")], "limit"),
        ("facets", &[("query", "status:")], "query"),
        ("fields", &[("limit", "10001")], "limit"),
        ("patterns", &[("records", "1000001")], "records"),
        ("patterns", &[("limit", "0")], "limit"),
        ("export", &[("format", "csv")], "format"),
        ("export", &[("query", "a)")], "query"),
        ("context", &[], "id"),
        ("context", &[("id", "1-2-3")], "id"),
        ("context", &[("id", "1-stdout-1-aa"), ("scope", "world")], "scope"),
        ("context", &[("id", "1-stdout-1-aa"), ("before", "1001")], "before"),
    ] {
        let answer = app.get(&target(&format!("/api/v1/{path}"), parameters)).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, error["parameter"].as_str()), (400, Some(wrong)), "{parameters:?}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("expected"), "{parameters:?}: {message:?} does not say what is accepted");
    }
    for target in ["/api/v1/histogram?limit=5", "/api/v1/facets?step=5m", "/api/v1/facets?limit=1&limit=2"] {
        assert_eq!(app.get(target).await.json()["error"]["code"], "bad_request", "{target}");
    }
    let first_of_all = app.get("/api/v1/histogram?to=1677-09-21T00:12:44Z").await;
    assert_eq!(first_of_all.status, 200, "{}", first_of_all.body);
    // An empty store has nothing to count.
    let empty = app.json("/api/v1/histogram?by=level").await;
    assert_eq!((&empty["total"], &empty["series"]), (&json!(0), &json!([])));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_prints_what_is_found_and_exits_so() {
    let lab = Lab::new();
    let app = stack(&lab).await;
    let url = format!("http://{}/", app.address);
    let run = async |arguments: &[&str]| {
        let arguments = [&["search", "--url", &url], arguments].concat();
        let run = command(&lab, env!("CARGO_BIN_EXE_foghorn"), &arguments).env("TZ", "UTC").output();
        let output = patiently("foghorn search", run).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, error) = run(&["no", "page", "--lines", "2"]).await;
    let expected = "2026-11-21 01:36:00.000 shop-api-1 ERROR {\"level\":\"error\",\"msg\":\"no page 6\",\"status\":500}\n\
        2026-11-21 01:38:00.000 shop-api-1 ERROR {\"level\":\"error\",\"msg\":\"no page 8\",\"status\":500}\n";
    assert_eq!(
        (code, out.as_str(), error.as_str()),
        (Some(0), expected, ""),
        "the newest, oldest first, and no colours"
    );
    let (code, out, _) = run(&["--service", "api", "--service", "none", "--json", "-n", "all"]).await;
    let found: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, found.len()), (Some(0), 5), "{out}");
    assert_eq!(found[0]["message"], "no page 0", "{out}");
    assert_eq!(found, app.all("service:api").await, "the same as the API's");
    let (_, out, _) = run(&["--lines", "all", "--", "-served"]).await;
    assert_eq!(out.lines().count(), 5, "a query may begin with a dash: {out}");
    let (_, out, _) = run(&["--until", "2026-11-21T01:31:00Z", "-n", "50"]).await;
    assert_eq!(out.lines().count(), 3, "{out}");
    assert_eq!(run(&["nothing"]).await, (Some(1), String::new(), String::new()));
    assert_eq!(run(&["served", "--since", "1ms"]).await.0, Some(1), "nothing is so young");
    let (code, out, error) = run(&["level:loud"]).await;
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(error.starts_with("foghorn: column 7: expected one of unknown, "), "{error}");
    let (code, _, error) = run(&["--url", "http://127.0.0.1:1", "x"]).await;
    assert_eq!(code, Some(2), "given twice: {error}");
    app.stop().await;
    let (code, _, error) = run(&["x"]).await;
    assert_eq!(code, Some(2), "{error}");
    assert!(error.starts_with("foghorn: http://127.0.0.1:"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_follows_what_arrives() {
    let lab = Lab::new();
    let id = lab.run("web");
    let app = lab.app().await;
    lab.count(&id, 0..20);
    app.records(20).await;
    let url = format!("http://{}", app.address);
    let arguments = ["search", "--url", &url, "--follow", "--json", "line -17"];
    let mut child = command(&lab, env!("CARGO_BIN_EXE_foghorn"), &arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = patiently("a line of foghorn search", lines.next_line()).await.unwrap().expect("it ended");
        serde_json::from_str::<Value>(&line).unwrap()["line"].as_str().unwrap().to_owned()
    };
    for n in [9, 10, 11, 12, 13, 14, 15, 16, 18, 19] {
        assert_eq!(next().await, format!("line {n} of many"));
    }
    lab.count(&id, 20..25);
    for n in 20..25 {
        assert_eq!(next().await, format!("line {n} of many"));
    }
    app.stop().await;
    let status = patiently("the end of foghorn search", child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0), "Foghorn said that it stops");
}
