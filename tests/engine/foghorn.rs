//! The real program under test: started, asked, killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::api::{Engine, split_answer};

/// A running Foghorn; dropped, it is killed as by `kill -9`.
pub struct Foghorn {
    child: Child,
    address: String,
}

impl Foghorn {
    /// Starts the program on an engine and a store. Its own log is kept beside the store.
    pub fn start(engine: &Engine, store: &Path, environment: &[(&str, &str)]) -> Self {
        let log =
            std::fs::File::options().create(true).append(true).open(store.with_extension("log")).expect("a log file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_foghorn"));
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("FOGHORN_") || name.starts_with("DOCKER_"))
        {
            command.env_remove(name);
        }
        let mut child = command
            .env("FOGHORN_DOCKER_HOST", format!("unix://{}", engine.socket().display()))
            .env("FOGHORN_STORE_PATH", store)
            .env("FOGHORN_HTTP_LISTEN", "127.0.0.1:0")
            .env("FOGHORN_LOG_LEVEL", "debug")
            .envs(environment.iter().copied())
            .current_dir(store.parent().expect("a parent"))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("foghorn starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its first line");
        let address = line
            .trim()
            .strip_prefix("Foghorn listens on http://")
            .and_then(|l| l.strip_suffix('/'))
            .unwrap_or_else(|| panic!("foghorn said {line:?}; see {}", store.with_extension("log").display()));
        Self { address: address.to_owned(), child }
    }

    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    pub fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).expect("foghorn listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: foghorn\r\nConnection: close\r\n\r\n")
            .expect("the request is sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the answer is read");
        split_answer(&answer)
    }

    pub fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("json")
    }

    /// Containers with a durable checkpoint, from the first commit on.
    pub fn durable_containers(&self) -> usize {
        let (_, text) = self.get("/metrics");
        let text = String::from_utf8_lossy(&text).into_owned();
        let value =
            text.lines().find_map(|line| line.strip_prefix("foghorn_checkpoints ")).and_then(|v| v.parse::<f64>().ok());
        value.unwrap_or_default() as usize
    }

    pub fn record_count(&self) -> u64 {
        self.json("/api/v1/status")["store"]["records"].as_u64().expect("a count")
    }

    /// Every record of a query, oldest first, page by page.
    pub fn records(&self, query: &str) -> Vec<Value> {
        let mut records = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut page = self.json(&format!("/api/v1/logs?query={query}&order=oldest&limit=2000&cursor={cursor}"));
            assert_eq!(page["partial"], Value::Bool(false));
            if let Value::Array(found) = page["records"].take() {
                records.extend(found);
            }
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => return records,
            }
        }
    }
}

impl Drop for Foghorn {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
