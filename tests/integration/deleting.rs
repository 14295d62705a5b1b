//! `foghorn delete` as the real binary: what a service said is gone, and stays so.

use std::fs;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::support::{Lab, Process, Stdout, command, patiently, text};

/// Runs it with this standard input; answers the exit code and all that it said.
async fn run(lab: &Lab, program: &str, arguments: &[&str], stdin: &str) -> (i32, String) {
    let mut command = command(lab, program, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // It need not read it.
    drop(input.write_all(stdin.as_bytes()).await);
    drop(input);
    let output = patiently("its end", child.wait_with_output()).await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

async fn delete(lab: &Lab, arguments: &[&str]) -> (i32, String) {
    run(lab, env!("CARGO_BIN_EXE_foghorn"), &[&["delete"], arguments].concat(), "").await
}

/// The segments of all partitions, by what is said of them.
fn segments(lab: &Lab) -> Vec<Value> {
    let partitions = fs::read_dir(lab.index()).unwrap().flatten();
    let metas = partitions.filter_map(|partition| fs::read(partition.path().join("meta.json")).ok());
    let segments =
        |meta: Vec<u8>| serde_json::from_slice::<Value>(&meta).unwrap()["segments"].as_array().unwrap().clone();
    metas.flat_map(segments).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_service_is_gone_and_not_read_again() {
    const DAY_NS: i64 = 86_400_000_000_000;
    let lab = Lab::new();
    let (web, api) = (lab.run("web"), lab.run("api"));
    let now_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap();
    for (age, n) in (0..3).rev().zip(0..) {
        for id in [&web, &api] {
            let line = format!("private word of {}\n", if *id == web { "web" } else { "api" });
            lab.engine.write_at(id, Stdout, now_ns - age * DAY_NS + n, line.as_bytes()).unwrap();
        }
    }
    let foghorn = Process::start(&lab).await;
    lab.count(&web, 0..50);
    lab.count(&api, 0..70);
    patiently("all lines", async {
        foghorn.status_is("all lines", |s| s["store"]["records"] == 126).await;
    })
    .await;
    let (code, said) = delete(&lab, &["--service", "api", "--yes"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("in use by another foghorn; stop it, delete, and start it again"), "{said}");
    assert!(foghorn.terminate().await.success());

    let (code, said) = delete(&lab, &["--service", "API", "--yes"]).await;
    assert_eq!((code, said.as_str()), (1, "foghorn: no records of service \"API\"; there are records of api, web\n"));
    let (code, said) = delete(&lab, &["--service", "api", "--project", "", "--yes"]).await;
    assert_eq!(code, 1, "{said}");
    let (code, said) = delete(&lab, &["--service", "api"]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.starts_with("73 records of service api of project shop\n"), "{said}");
    // At a terminal, another answer than the name deletes nothing.
    let foghorn_delete = format!("{} delete --service api", env!("CARGO_BIN_EXE_foghorn"));
    let (code, said) = run(&lab, "script", &["-qec", &foghorn_delete, "/dev/null"], "yes\n").await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("nothing was deleted"), "{said}");
    assert!(segments(&lab).iter().all(|segment| segment["deletes"].is_null()));
    let (code, said) = run(&lab, "script", &["-qec", &foghorn_delete, "/dev/null"], "api\n").await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("deleted 73 records of service api"), "{said}");
    // Written anew, no file holds them any more.
    let segments = segments(&lab);
    assert!(segments.iter().all(|segment| segment["deletes"].is_null()), "{segments:#?}");
    assert_eq!(segments.iter().map(|segment| segment["max_doc"].as_u64().unwrap()).sum::<u64>(), 53, "{segments:#?}");

    let foghorn = Process::start(&lab).await;
    lab.say(&api, "a new line");
    foghorn.status_is("the new line", |s| s["store"]["records"] == 54).await;
    let records = foghorn.all("").await;
    let of_api: Vec<&str> = records.iter().filter(|r| r["service"] == "api").map(|r| text(r, "line")).collect();
    assert_eq!(of_api, ["a new line"]);
    assert_eq!(foghorn.all("private").await.len(), 3, "web's stay");
    assert!(foghorn.terminate().await.success());
}
