//! Foghorn's HTTP interface as a client sees it, and its live tail.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{PATIENCE, Said, assert_exact, patiently};

/// Foghorn's HTTP interface.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    pub address: SocketAddr,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {:?}", self.body))
    }
}

impl Api {
    /// Asks; answers what the server begins to say, and the connection that has to be kept for it.
    pub async fn send(&self, method: &str, target: &str) -> (hyper::Response<Incoming>, JoinHandle<()>) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        send(stream, method, target).await
    }

    pub async fn request(&self, method: &str, target: &str) -> Answer {
        let answer = async {
            let (response, connection) = self.send(method, target).await;
            let (head, body) = response.into_parts();
            let bytes = body.collect().await.unwrap().to_bytes();
            connection.abort();
            let body = String::from_utf8(bytes.into()).unwrap();
            Answer { status: head.status.as_u16(), headers: head.headers, body }
        };
        patiently(target, answer).await
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.request("GET", target).await
    }

    pub async fn json(&self, target: &str) -> Value {
        let answer = self.get(target).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        answer.json()
    }

    pub async fn status(&self) -> Value {
        self.json("/api/v1/status").await
    }

    /// One page of `/api/v1/logs`.
    pub async fn page(&self, parameters: &[(&str, &str)]) -> Value {
        self.json(&target("/api/v1/logs", parameters)).await
    }

    /// Every record that matches, oldest first, page by page.
    pub async fn all(&self, query: &str) -> Vec<Value> {
        let mut records = Vec::new();
        let mut cursor = String::new();
        loop {
            let parameters = [("query", query), ("order", "oldest"), ("limit", "1000"), ("cursor", &cursor)];
            let page = self.page(&parameters).await;
            assert_eq!(page["partial"], false, "a page is not complete");
            records.extend(page["records"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => return records,
            }
        }
    }

    /// Waits until the store holds so many records, then finds all.
    pub async fn records(&self, count: usize) -> Vec<Value> {
        let mut last = 0;
        let enough = poll(async || {
            last = self.status().await["store"]["records"].as_u64().unwrap();
            last >= count as u64
        });
        if timeout(PATIENCE, enough).await.is_err() {
            panic!("waited in vain for {count} records, with {last}");
        }
        self.all("").await
    }

    /// Waits until the store holds as many records as were written, then compares each.
    pub async fn exactly(&self, expected: &[Said]) -> Vec<Value> {
        let count = expected.len() as u64;
        let enough = poll(async || self.status().await["store"]["records"].as_u64().unwrap() >= count);
        // Where they do not come, the comparison says which.
        if timeout(PATIENCE, enough).await.is_err() {
            eprintln!("waited in vain: {:#}", self.status().await);
        }
        let records = self.all("").await;
        assert_exact(&records, expected);
        records
    }

    /// Waits until `/api/v1/status` is so.
    pub async fn status_is(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let so = poll(async || {
            last = self.status().await;
            condition(&last)
        });
        if timeout(PATIENCE, so).await.is_err() {
            panic!("waited in vain for {what}, with {last:#}");
        }
        last
    }

    /// Waits until a container is read in this way; answers the note about it.
    pub async fn reading(&self, name: &str, reading: &str) -> String {
        let named = |status: &Value| container(status, name).cloned();
        let is_so = |status: &Value| named(status).is_some_and(|c| c["reading"] == reading);
        let status = self.status_is(&format!("{name} to be {reading}"), is_so).await;
        named(&status).and_then(|c| c["note"].as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Waits until `/readyz` is so; answers its problems.
    pub async fn ready(&self, status: u16) -> String {
        let mut last = String::new();
        let so = poll(async || {
            let answer = self.get("/readyz").await;
            last = answer.json()["problems"].to_string();
            answer.status == status
        });
        if timeout(PATIENCE, so).await.is_err() {
            panic!("waited in vain for {status} from /readyz, last with {last}");
        }
        last
    }

    /// The value of one series of `/metrics`, such as `foghorn_log_gaps_total{reason="rotated"}`.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = self.get("/metrics").await.body;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
    }

    /// Reads along.
    pub async fn live(&self, query: &str) -> Live {
        let stream = TcpStream::connect(self.address).await.unwrap();
        Live::over(stream, query).await
    }
}

async fn send(stream: TcpStream, method: &str, target: &str) -> (hyper::Response<Incoming>, JoinHandle<()>) {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(async move { drop(connection.await) });
    let request = hyper::Request::builder().method(method).uri(target).header("host", "foghorn");
    let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await;
    (response.unwrap_or_else(|e| panic!("{method} {target}: {e}")), connection)
}

/// A path with its parameters; empty ones are left out.
pub fn target(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut target = path.to_owned();
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        target.push(if target.contains('?') { '&' } else { '?' });
        let _ = write!(target, "{name}=");
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() {
                target.push(char::from(byte));
            } else {
                let _ = write!(target, "%{byte:02X}");
            }
        }
    }
    target
}

/// Asks every 10 ms: for what Foghorn shows and does not announce. The caller bounds it.
pub async fn poll(mut condition: impl AsyncFnMut() -> bool) {
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if condition().await {
            return;
        }
    }
}

/// A container of `/api/v1/status`.
pub fn container<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    status["containers"].as_array().unwrap().iter().find(|c| c["container"]["name"] == name)
}

/// A reader of `/api/v1/live`.
pub struct Live {
    body: Incoming,
    text: String,
    connection: JoinHandle<()>,
}

/// One server-sent event.
#[derive(Debug)]
pub struct SentEvent {
    pub event: String,
    pub id: String,
    pub data: Value,
}

impl Live {
    pub async fn over(stream: TcpStream, query: &str) -> Live {
        let (response, connection) = send(stream, "GET", &target("/api/v1/live", &[("query", query)])).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Live { body: response.into_body(), text: String::new(), connection }
    }

    /// The next event; none where Foghorn ended.
    pub async fn next(&mut self) -> Option<SentEvent> {
        patiently("a live event", self.event()).await
    }

    async fn event(&mut self) -> Option<SentEvent> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| message.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default().trim();
                let (event, id, data) = (field("event:"), field("id:"), field("data:"));
                let event = (!data.is_empty()).then(|| SentEvent {
                    event: event.to_owned(),
                    id: id.to_owned(),
                    data: serde_json::from_str(data).unwrap(),
                });
                self.text = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    // A comment, which keeps the connection alive.
                    None => continue,
                }
            }
            let frame = self.body.frame().await?.ok()?;
            self.text.push_str(std::str::from_utf8(frame.data_ref()?).unwrap());
        }
    }

    /// The next record.
    pub async fn record(&mut self) -> Value {
        let mut event = self.next().await.expect("the live stream ended");
        // It comes again when it is finished.
        while event.event == "open" {
            event = self.next().await.expect("the live stream ended");
        }
        assert_eq!(event.event, "record", "{event:?}");
        event.data
    }

    /// Reads up to a record with this line.
    pub async fn line(&mut self, line: &str) -> Value {
        loop {
            let record = self.record().await;
            if record["line"] == line {
                return record;
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
