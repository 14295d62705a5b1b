//! Tests of logs responses against the findings about real engines.

use super::client::Bench;
use crate::sim::{ContainerSpec, Engine, RestartPolicy, StopOutcome, Stream, Version};

const SECOND_NS: i64 = 1_000_000_000;

/// A running container `web` whose clock stands at 100 s.
fn running(spec: ContainerSpec, version: Version) -> (Bench, String) {
    let bench = Bench::new(version);
    let id = bench.engine.create(spec).unwrap();
    bench.engine.start(&id).unwrap();
    bench.engine.set_clock_ns(100 * SECOND_NS);
    (bench, id)
}

fn web() -> ContainerSpec {
    ContainerSpec::new("web", "img")
}

fn out(engine: &Engine, id: &str, text: &str) {
    engine.write(id, Stream::Stdout, text.as_bytes()).unwrap();
}

#[tokio::test]
async fn each_entry_is_a_chunk_of_its_own_with_header_and_timestamp() {
    let (bench, id) = running(web(), Version::V28_5_2);
    out(&bench.engine, &id, "one\n\n");
    bench.engine.write(&id, Stream::Stderr, b"two\n").unwrap();
    let answer = bench.get("/v1.51/containers/web/logs?stdout=1&stderr=1&timestamps=1").await;
    let content_type = answer.header("content-type");
    assert_eq!(Some("application/vnd.docker.multiplexed-stream"), content_type);
    let chunks = answer.all().await.unwrap();
    let expected: [&[u8]; 3] = [
        b"\x01\0\0\0\0\0\0\x231970-01-01T00:01:40.000000000Z one\n",
        b"\x01\0\0\0\0\0\0\x201970-01-01T00:01:40.000000001Z \n",
        b"\x02\0\0\0\0\0\0\x231970-01-01T00:01:40.000000002Z two\n",
    ];
    assert_eq!(expected.as_slice(), chunks);
}

#[tokio::test]
async fn a_terminal_has_no_frames_and_one_stream() {
    let spec = ContainerSpec { tty: true, ..web() };
    let (bench, id) = running(spec, Version::V26_1_5);
    let long = "x".repeat(16_384);
    out(&bench.engine, &id, &format!("{long}y\n"));
    bench.engine.write(&id, Stream::Stderr, b"prompt> ").unwrap();
    bench.engine.flush(&id).unwrap();
    out(&bench.engine, &id, "next\r\n");
    let answer = bench.get("/containers/web/logs?stdout=1&timestamps=1").await;
    let content_type = answer.header("content-type");
    assert_eq!(Some("application/vnd.docker.raw-stream"), content_type);
    let text = String::from_utf8(answer.all().await.unwrap().concat()).unwrap();
    let at = |ns: u32| format!("1970-01-01T00:01:40.{ns:09}Z");
    let expected = format!("{} {long}{} y\n{} prompt> {} next\r\n", at(0), at(0), at(1), at(2));
    assert_eq!(expected, text);
    assert!(bench.get("/containers/web/logs?stderr=1").await.all().await.unwrap().is_empty());
}

#[tokio::test]
async fn times_are_inclusive_and_tail_counts_first() {
    let (bench, id) = running(web(), Version::V28_5_2);
    let engine = &bench.engine;
    for second in 1..=4 {
        let text = format!("{second}\n");
        let stream = if second == 3 { Stream::Stderr } else { Stream::Stdout };
        engine.write_at(&id, stream, second * SECOND_NS, text.as_bytes()).unwrap();
    }
    for (query, expected) in [
        ("stdout=1&stderr=1", &["1\n", "2\n", "3\n", "4\n"][..]),
        ("stdout=1&stderr=1&since=2", &["2\n", "3\n", "4\n"]),
        ("stdout=1&stderr=1&since=2.000000001", &["3\n", "4\n"]),
        ("stdout=1&stderr=1&until=2.000000000", &["1\n", "2\n"]),
        ("stdout=1&stderr=1&until=1.999999999", &["1\n"]),
        ("stdout=1&stderr=1&until=0", &["1\n", "2\n", "3\n", "4\n"]),
        ("stdout=1&tail=2", &["4\n"]),
        ("stderr=1&tail=1", &[]),
        ("stdout=1&stderr=1&tail=3&since=4", &["4\n"]),
        ("stdout=1&stderr=1&tail=0", &[]),
        ("stdout=1&stderr=true&tail=all", &["1\n", "2\n", "3\n", "4\n"]),
        ("stdout=1&stderr=1&tail=-1", &["1\n", "2\n", "3\n", "4\n"]),
    ] {
        let log = bench.log(&format!("/containers/web/logs?{query}")).await;
        assert_eq!(expected, log, "{query}");
    }
}

#[tokio::test]
async fn refusals_have_the_engines_status_and_message() {
    let (bench, _) = running(web(), Version::V28_5_2);
    let mute = ContainerSpec { driver: "none".to_owned(), ..ContainerSpec::new("mute", "img") };
    bench.engine.create(mute).unwrap();
    for (path, status, message) in [
        ("/containers/web/logs", 400, "Bad parameters: you must choose at least one stream"),
        ("/containers/mute/logs?stdout=1", 501, "configured logging driver does not support reading"),
        (
            "/containers/web/logs?stdout=1&since=2024-01-01T00:00:00.5Z",
            500,
            "strconv.ParseInt: parsing \"2024-01-01T00:00:00\": invalid syntax",
        ),
    ] {
        let (found, body) = bench.json(path).await;
        assert_eq!((status, message), (found, body["message"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn a_follower_gets_lines_at_once_and_a_clean_end() {
    type End = fn(&Engine, &str);
    let ends: [End; 5] = [
        |engine, id| engine.stop(id, StopOutcome::Exits(0)).unwrap(),
        |engine, id| engine.restart(id, StopOutcome::Exits(0)).unwrap(),
        |engine, id| engine.die(id, 1).unwrap(),
        |engine, id| engine.kill(id, 9).unwrap(),
        |engine, id| engine.remove(id).unwrap(),
    ];
    for end in ends {
        let spec = ContainerSpec { restart: RestartPolicy::Always, ..web() };
        let (bench, id) = running(spec, Version::V28_5_2);
        let engine = &bench.engine;
        out(engine, &id, "before\n");
        let mut follower = bench.get("/containers/web/logs?stdout=1&follow=1").await;
        engine.wait_for(|state| state.followers("web") == 1).await;
        assert_eq!("before\n", follower.next_text().await);
        out(engine, &id, "live\nnot");
        assert_eq!("live\n", follower.next_text().await);
        engine.pause(&id).unwrap();
        engine.unpause(&id).unwrap();
        out(engine, &id, " yet\nunfinished");
        assert_eq!("not yet\n", follower.next_text().await);
        end(engine, &id);
        assert_eq!("unfinished", follower.next_text().await);
        assert!(follower.next().await.is_none());
        engine.wait_for(|state| state.open_followers() == 0).await;
    }
}

#[tokio::test]
async fn who_does_not_run_cannot_be_followed() {
    let bench = Bench::new(Version::V28_5_2);
    let engine = &bench.engine;
    let spec = ContainerSpec { restart: RestartPolicy::Always, ..web() };
    let id = engine.create(spec).unwrap();
    let path = "/containers/web/logs?stdout=1&follow=1";
    assert!(bench.log(path).await.is_empty());
    // A line can come before the start.
    out(engine, &id, "first\n");
    engine.start(&id).unwrap();
    let started_ns = engine.events().last().unwrap().time_ns;
    assert!(engine.entries(&id).unwrap()[0].time_ns < started_ns);
    engine.die_to_backoff(&id, 1).unwrap();
    assert_eq!(["first\n"].as_slice(), bench.log(path).await);
}

#[tokio::test]
async fn lines_can_come_after_the_death() {
    let (bench, id) = running(web(), Version::V28_5_2);
    let engine = &bench.engine;
    engine.hold_log_end(&id).unwrap();
    let mut follower = bench.get("/containers/web/logs?stdout=1&follow=1").await;
    engine.die(&id, 1).unwrap();
    out(engine, &id, "late\n");
    assert_eq!("late\n", follower.next_text().await);
    engine.release_log_end(&id).unwrap();
    assert!(follower.next().await.is_none());
}

#[tokio::test]
async fn since_filters_live_lines_before_24_only() {
    for (version, expected) in [
        (Version::V20_10_24, &["new\n", "newer\n"][..]),
        (Version::V26_1_5, &["new\n", "stepped back\n", "newer\n"]),
        (Version::V28_5_2, &["new\n", "stepped back\n", "newer\n"]),
    ] {
        let (bench, id) = running(web(), version);
        let engine = &bench.engine;
        out(engine, &id, "old\n");
        let follower = bench.get("/containers/web/logs?stdout=1&follow=1&since=200").await;
        engine.set_clock_ns(200 * SECOND_NS);
        out(engine, &id, "new\n");
        engine.step_clock_ns(-50 * SECOND_NS);
        out(engine, &id, "stepped back\n");
        engine.step_clock_ns(60 * SECOND_NS);
        out(engine, &id, "newer\n");
        engine.stop(&id, StopOutcome::Exits(0)).unwrap();
        let chunks = follower.all().await.unwrap();
        let texts: Vec<&[u8]> = chunks.iter().map(|chunk| &chunk[8..]).collect();
        let expected: Vec<&[u8]> = expected.iter().map(|text| text.as_bytes()).collect();
        assert_eq!(expected, texts, "{}", version.engine);
    }
}

#[tokio::test]
async fn drivers_keep_bytes_differently() {
    for (version, driver, expected) in [
        (Version::V20_10_24, "json-file", "\u{fffd}\n"),
        (Version::V20_10_24, "local", ""),
        (Version::V28_5_2, "local", "\n"),
    ] {
        let spec = ContainerSpec { driver: driver.to_owned(), ..web() };
        let (bench, id) = running(spec, version);
        let mut line = vec![b'x'; 16_384];
        if driver == "json-file" {
            line.push(0xff);
        }
        line.push(b'\n');
        bench.engine.write(&id, Stream::Stdout, &line).unwrap();
        let entries = bench.engine.entries(&id).unwrap();
        assert_eq!(entries[0].time_ns, entries[1].time_ns);
        let log = bench.log("/containers/web/logs?stdout=1").await;
        assert_eq!(expected, log[1], "{driver} {}", version.engine);
    }
}

#[tokio::test]
async fn damage_hides_the_past_but_not_the_tail_nor_what_comes() {
    let (bench, id) = running(web(), Version::V20_10_24);
    let engine = &bench.engine;
    out(engine, &id, "0\n1\n2\n3\n");
    engine.corrupt_after(&id, 1).unwrap();
    let path = "/containers/web/logs?stdout=1";
    assert_eq!(["0\n", "1\n"].as_slice(), bench.log(path).await);
    assert_eq!(["2\n", "3\n"].as_slice(), bench.log(&format!("{path}&tail=2")).await);
    let mut follower = bench.get(&format!("{path}&follow=1")).await;
    out(engine, &id, "4\n");
    for expected in ["0\n", "1\n", "4\n"] {
        assert_eq!(expected, follower.next_text().await);
    }
}

#[tokio::test]
async fn a_slow_follower_holds_up_nobody_and_skips_what_rotated_away() {
    let spec = ContainerSpec { max_log_entries: Some(10), ..web() };
    let (bench, id) = running(spec, Version::V28_5_2);
    let engine = &bench.engine;
    let path = "/containers/web/logs?stdout=1&follow=1";
    let slow = bench.get(path).await;
    let mut quick = bench.get(path).await;
    // Far more than the connection buffers, while nobody reads the slow one.
    let line = "x".repeat(10_000);
    for number in 0..500 {
        out(engine, &id, &format!("{number} {line}\n"));
        let text = quick.next_text().await;
        assert!(text.starts_with(&format!("{number} ")), "{number}");
    }
    engine.stop(&id, StopOutcome::Exits(0)).unwrap();
    assert!(quick.next().await.is_none());
    let log = String::from_utf8(slow.all().await.unwrap().concat()).unwrap();
    let lines = log.matches('\n').count();
    assert!(lines < 400, "{lines}");
    assert!(log.contains("499 x") && log.contains("490 x"));
}

#[tokio::test]
async fn rotation_forgets() {
    let (bench, id) = running(web(), Version::V28_5_2);
    out(&bench.engine, &id, "1\n2\n3\n");
    bench.engine.rotate(&id, 1).unwrap();
    assert_eq!(["3\n"].as_slice(), bench.log("/containers/web/logs?stdout=1").await);
}
