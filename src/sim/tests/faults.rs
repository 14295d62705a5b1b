//! Tests of what goes wrong on demand.

use std::io::ErrorKind;
use std::num::NonZeroUsize;

use super::client::Bench;
use crate::sim::{ContainerSpec, Endpoint, Fault, FaultKind, StopOutcome, Stream, Version};

const LOGS: &str = "/containers/web/logs?stdout=1&follow=1";

/// A running container `web` with the lines `0` to `4`.
fn running() -> (Bench, String) {
    let bench = Bench::new(Version::V28_5_2);
    let id = bench.engine.create(ContainerSpec::new("web", "img")).unwrap();
    bench.engine.start(&id).unwrap();
    bench.engine.write(&id, Stream::Stdout, b"0\n1\n2\n3\n4\n").unwrap();
    (bench, id)
}

#[tokio::test]
async fn a_status_comes_as_often_as_wanted() {
    let (bench, id) = running();
    let fault = FaultKind::Status(404, format!("No such container: {id}"));
    bench.engine.inject(Fault::new(fault).on(Endpoint::Inspect).for_container(&id).times(1));
    let (status, body) = bench.json("/containers/web/json").await;
    assert_eq!(404, status);
    assert_eq!(format!("No such container: {id}"), body["message"]);
    assert_eq!(200, bench.json("/containers/web/json").await.0);
}

#[tokio::test]
async fn a_hang_up_is_no_answer() {
    let (bench, _) = running();
    bench.engine.inject(Fault::new(FaultKind::HangUp).times(1));
    assert!(bench.try_send("GET", "/info").await.is_err());
    assert_eq!(200, bench.json("/info").await.0);
    assert_eq!(2, bench.engine.requests().len());
}

#[tokio::test]
async fn a_cut_drops_the_connection_after_exactly_so_many_bytes() {
    let (bench, id) = running();
    // More than the socket's buffers hold at the end.
    let line = [b"x".repeat(9_999), b"\n".to_vec()].concat();
    for _ in 0..100 {
        bench.engine.write(&id, Stream::Stdout, &line).unwrap();
    }
    for bytes in [1, 7, 12, 25, 600_001] {
        bench.engine.inject(Fault::new(FaultKind::CutAfterBytes(bytes)).times(1));
        let answer = bench.get(LOGS).await;
        assert_eq!(200, answer.status());
        let (found, broken) = answer.until_broken().await;
        assert_eq!((bytes, true), (found.len(), broken));
    }
    bench.engine.inject(Fault::new(FaultKind::CutAfterBytes(9)).times(1));
    let (found, broken) = bench.get("/containers/json").await.until_broken().await;
    assert_eq!((9, true), (found.len(), broken));
}

#[tokio::test]
async fn a_response_ends_or_fails_after_so_many_entries() {
    let (bench, _) = running();
    bench.engine.inject(Fault::new(FaultKind::EndAfterEntries(2)).times(1));
    assert_eq!(["0\n", "1\n"].as_slice(), bench.log(LOGS).await);

    let fault = FaultKind::ErrorFrame(1, "unexpected EOF".to_owned());
    bench.engine.inject(Fault::new(fault).times(1));
    let chunks = bench.get(LOGS).await.all().await.unwrap();
    assert_eq!(2, chunks.len());
    assert_eq!(3, chunks[1][0]);
    assert_eq!(b"Error grabbing logs: unexpected EOF\n", &chunks[1][8..]);
}

#[tokio::test]
async fn a_body_comes_in_pieces() {
    let (bench, id) = running();
    let one = NonZeroUsize::new(1).unwrap();
    bench.engine.inject(Fault::new(FaultKind::Split(one)));
    bench.engine.stop(&id, StopOutcome::Exits(0)).unwrap();
    let chunks = bench.get(LOGS).await.all().await.unwrap();
    assert_eq!(50, chunks.len());
    assert_eq!(b"\x01\0\0\0\0\0\0\x020\n", &chunks.concat()[..10]);
    let chunks = bench.get("/_ping").await.all().await.unwrap();
    assert_eq!(["O", "K"].as_slice(), chunks);
}

#[tokio::test]
async fn a_stall_silences_open_streams_until_cleared() {
    let (bench, id) = running();
    let engine = &bench.engine;
    let mut follower = bench.get(&format!("{LOGS}&tail=0")).await;
    engine.write(&id, Stream::Stdout, b"before\n").unwrap();
    assert_eq!("before\n", follower.next_text().await);
    let stall = engine.inject(Fault::new(FaultKind::Stall).for_container(&id));
    engine.wait_for(|state| state.stalled_streams() == 1).await;
    engine.write(&id, Stream::Stdout, b"after\n").unwrap();
    assert_eq!(1, engine.open_followers());
    engine.clear_fault(stall).unwrap();
    assert_eq!("after\n", follower.next_text().await);
    assert_eq!(0, engine.read(crate::sim::State::stalled_streams));
}

#[tokio::test]
async fn a_cut_takes_the_connections_of_open_streams() {
    let (bench, id) = running();
    let engine = &bench.engine;
    let follower = bench.get(&format!("{LOGS}&tail=0")).await;
    engine.wait_for(|state| state.followers(&id) == 1).await;
    let fault = Fault::new(FaultKind::Cut).on(Endpoint::Logs).times(1);
    engine.inject(fault);
    assert_eq!((Vec::new(), true), follower.until_broken().await);
    engine.wait_for(|state| state.open_followers() == 0).await;
    assert_eq!("4\n", bench.get(&format!("{LOGS}&tail=1")).await.next_text().await);
}

#[tokio::test]
async fn a_held_answer_is_given_late_and_stale() {
    let (bench, id) = running();
    let engine = &bench.engine;
    let hold = engine.inject(Fault::new(FaultKind::Hold).on(Endpoint::List).times(1));
    let change = async {
        engine.wait_for(|state| state.held_answers() == 1).await;
        engine.die(&id, 1).unwrap();
        assert_eq!("[]\n", {
            let bytes = bench.get("/containers/json").await.all().await.unwrap();
            String::from_utf8(bytes.concat()).unwrap()
        });
        engine.clear_fault(hold).unwrap();
    };
    let ((_, list), ()) = tokio::join!(bench.json("/containers/json"), change);
    assert_eq!("running", list[0]["State"]);
}

#[tokio::test]
async fn a_late_request_is_answered_with_what_is_then() {
    let (bench, id) = running();
    let engine = &bench.engine;
    let late = engine.inject(Fault::new(FaultKind::Late).on(Endpoint::List).times(1));
    let change = async {
        engine.wait_for(|state| state.held_answers() == 1).await;
        engine.die(&id, 1).unwrap();
        engine.clear_fault(late).unwrap();
    };
    let ((_, list), ()) = tokio::join!(bench.json("/containers/json?all=1"), change);
    assert_eq!("exited", list[0]["State"]);
}

#[tokio::test]
async fn the_socket_refuses_goes_and_comes_back() {
    let (bench, _) = running();
    let engine = &bench.engine;
    let failure = async || bench.connect().await.unwrap_err().kind();
    let refuse = engine.inject(Fault::new(FaultKind::Refuse));
    assert_eq!(ErrorKind::ConnectionRefused, failure().await);
    let gone = engine.inject(Fault::new(FaultKind::NoSocket));
    assert_eq!(ErrorKind::NotFound, failure().await);
    engine.clear_fault(gone).unwrap();
    assert_eq!(ErrorKind::ConnectionRefused, failure().await);
    engine.clear_fault(refuse).unwrap();
    assert_eq!(200, bench.json("/info").await.0);
}
