//! A real engine of one's own, and the requests that tests send to it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// An engine that ends with this value.
pub struct Engine {
    pub directory: PathBuf,
}

impl Engine {
    /// Starts the engine of a generation and gives it the image `foghorn-test/loggen:1`.
    pub fn up(version: &str, arguments: &[&str]) -> Self {
        let root = std::env::var("FOGHORN_TEST_DIR").unwrap_or_else(|_| "/tmp".into());
        let directory =
            tempfile::Builder::new().prefix("engine-").tempdir_in(root).expect("a directory for the engine").keep();
        let engine = Self { directory };
        let owner = std::process::id().to_string();
        let place = engine.directory.to_str().expect("a plain path").to_owned();
        script("engine.sh", &[&["up", version, &place, "--owner", &owner], arguments].concat());
        script("image.sh", &[&place]);
        engine
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.join("docker.sock")
    }

    /// Runs `engine.sh VERB` on this engine.
    pub fn control(&self, verb: &str) {
        let place = self.directory.to_str().expect("a plain path").to_owned();
        script("engine.sh", &[verb, &place]);
    }

    /// Restarts the engine; answers from when to when, in nanoseconds since the epoch.
    pub fn restart(&self) -> (i64, i64) {
        let now_ns = || chrono::Utc::now().timestamp_nanos_opt().expect("a near time");
        let from_ns = now_ns();
        self.control("restart");
        (from_ns, now_ns())
    }

    /// From the next start on the engine takes its containers along when it stops.
    pub fn forget_live_restore(&self) {
        std::fs::write(self.directory.join("engine.args"), "").expect("the engine's arguments can be written");
    }

    /// Sends a request; answers the status and the body.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Vec<u8>) {
        let mut stream = UnixStream::connect(self.socket()).expect("the engine listens");
        let body = body.map(Value::to_string).unwrap_or_default();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("the request is sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the answer is read");
        split_answer(&answer)
    }

    pub fn json(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, text) = self.ask(method, path, body);
        assert!(status < 400, "{method} {path}: {status} {}", String::from_utf8_lossy(&text));
        serde_json::from_slice(&text).unwrap_or(Value::Null)
    }

    /// Makes a container of loggen and starts it; `host` goes into `HostConfig`.
    pub fn run(&self, name: &str, command: &[&str], host: &Value, more: &Value) -> String {
        let mut body = json!({ "Image": "foghorn-test/loggen:1", "Cmd": command, "HostConfig": host });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        let made = self.json("POST", &format!("/containers/create?name={name}"), Some(&body));
        let id = made["Id"].as_str().expect("an id").to_owned();
        self.json("POST", &format!("/containers/{id}/start"), None);
        id
    }

    /// Whether the container runs, or will again.
    pub fn is_active(&self, id: &str) -> bool {
        let (status, text) = self.ask("GET", &format!("/containers/{id}/json"), None);
        let state = serde_json::from_slice::<Value>(&text).unwrap_or_default()["State"].clone();
        status == 200 && (state["Running"] == json!(true) || state["Restarting"] == json!(true))
    }

    /// The container's log as the engine has it now: time and line of each stream, decoded here
    /// and not by what is tested. None where the container is gone; an error where the engine cannot read
    /// what it wrote, as of a file that it was killed while packing.
    pub fn log(&self, id: &str) -> Result<Option<[Vec<(i64, Vec<u8>)>; 2]>, String> {
        let (status, body) =
            self.ask("GET", &format!("/containers/{id}/logs?stdout=1&stderr=1&timestamps=1&tail=all"), None);
        if status == 404 {
            return Ok(None);
        }
        assert_eq!(status, 200);
        let mut lines: [Vec<(i64, Vec<u8>)>; 2] = [Vec::new(), Vec::new()];
        let mut open: [Option<(i64, Vec<u8>)>; 2] = [None, None];
        let mut rest = &body[..];
        while let Some((header, tail)) = rest.split_first_chunk::<8>() {
            let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
            let (payload, tail) = tail.split_at(length);
            rest = tail;
            if header[0] == 3 {
                return Err(String::from_utf8_lossy(payload).into_owned());
            }
            let stream = usize::from(header[0] == 2);
            let space = payload.iter().position(|&b| b == b' ').expect("a time");
            let time = std::str::from_utf8(&payload[..space]).expect("text");
            let time_ns =
                chrono::DateTime::parse_from_rfc3339(time).expect("a time").timestamp_nanos_opt().expect("a near time");
            let text = &payload[space + 1..];
            if let Some(line) = open[stream].take_if(|line| line.0 != time_ns) {
                lines[stream].push(line);
            }
            let line = open[stream].get_or_insert_with(|| (time_ns, Vec::new()));
            let ended = text.ends_with(b"\n") || text.len() < 16_384;
            line.1.extend_from_slice(text.strip_suffix(b"\n").unwrap_or(text));
            if ended {
                lines[stream].extend(open[stream].take());
            }
        }
        for stream in 0..2 {
            lines[stream].extend(open[stream].take());
        }
        Ok(Some(lines))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let place = self.directory.to_str().unwrap_or_default().to_owned();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/engine.sh");
        drop(Command::new(path).args(["down", &place]).output());
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

/// Status and body of an HTTP answer, chunked or not.
pub fn split_answer(answer: &[u8]) -> (u16, Vec<u8>) {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    let mut rest = &answer[end + 4..];
    if !head.contains("transfer-encoding: chunked") {
        return (status, rest.to_vec());
    }
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..at]).expect("a size").trim(), 16).expect("a size");
        rest = &rest[at + 2..];
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
    (status, body)
}

fn script(name: &str, arguments: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name);
    let output = Command::new(path).args(arguments).output().expect("the script can be run");
    assert!(output.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
