//! What real containers do besides printing: TTYs, drivers that cannot be read, TLS.

use serde_json::{Value, json};

use super::api::Engine;
use super::foghorn::Foghorn;
use super::{ENGINES, wait_for};

#[test]
fn a_new_container_is_searched_with_its_service_on_every_engine() {
    for version in ENGINES {
        let engine = Engine::up(version, &[]);
        let directory = tempfile::tempdir().expect("a directory");
        let foghorn = Foghorn::start(&engine, &directory.path().join("store"), &[]);
        let labels = json!({ "Labels": { "com.docker.compose.project": "shop", "com.docker.compose.service": "api", "com.docker.compose.container-number": "2" } });
        engine.run("shop-api-2", &["say", "a needle in the hay"], &json!({}), &labels);
        engine.run(
            "quiet",
            &["say", "nobody needles here"],
            &json!({}),
            &json!({ "Labels": { "foghorn.enable": "false" } }),
        );
        engine.run("mute", &["say", "needle without a log"], &json!({ "LogConfig": { "Type": "none" } }), &json!({}));
        engine.run("terminal", &["tty", "--count", "2", "--pause-ms", "50"], &json!({}), &json!({ "Tty": true }));
        wait_for("the needle", 20, || !foghorn.records("needle").is_empty());
        let record = foghorn.records("needle").remove(0);
        assert_eq!(record["line"], "a needle in the hay", "{version}");
        for (key, value) in [("project", "shop"), ("service", "api"), ("container", "shop-api-2"), ("stream", "stdout")]
        {
            assert_eq!(record[key], value, "{version} {key}");
        }
        assert_eq!(record["number"], 2);
        wait_for("the terminal", 20, || foghorn.records("container:terminal").len() >= 2);
        assert!(foghorn.records("container:terminal").iter().all(|r| r["stream"] == "stdout"));
        wait_for("the mute container to be reported", 20, || {
            foghorn.json("/api/v1/status")["containers"].as_array().is_some_and(|all| {
                all.iter().any(|c| {
                    c["container"]["name"] == "mute" && c["reading"] == "unreadable" && c["note"] != Value::Null
                })
            })
        });
        assert!(foghorn.records("container:quiet").is_empty(), "it is excluded by its label");
        assert_eq!(foghorn.get("/readyz").0, 200);
    }
}

#[test]
fn an_engine_is_read_over_tls() {
    let engine = Engine::up("28.5", &["--tcp-tls"]);
    let directory = tempfile::tempdir().expect("a directory");
    let port = std::fs::read_to_string(engine.directory.join("tls/port")).expect("a port");
    let certificates = engine.directory.join("tls");
    let host = format!("tcp://127.0.0.1:{}", port.trim());
    let certificates = certificates.to_str().expect("a plain path");
    let settings = [
        ("FOGHORN_DOCKER_HOST", host.as_str()),
        ("FOGHORN_DOCKER_TLS_VERIFY", "true"),
        ("FOGHORN_DOCKER_CERT_PATH", certificates),
    ];
    let foghorn = Foghorn::start(&engine, &directory.path().join("store"), &settings);
    engine.run("hello", &["say", "through tls"], &json!({}), &json!({}));
    wait_for("the line", 20, || foghorn.records("tls").len() == 1);
}
