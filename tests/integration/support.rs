//! What the tests share: a simulated engine with a folder, Foghorn in this process or as the real
//! binary, and the comparison of what was written with what is found.
//!
//! Nothing waits for time to pass: a test waits for a record, a status or a request, and fails
//! with a message where it does not come within [`PATIENCE`].

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use foghorn::app::App;
use foghorn::config::{Config, Endpoint};
use foghorn::record::time_text;
use foghorn::sim::{ContainerSpec, Engine, Entry, State, Stream, Version};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long anything may take that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);

mod api;

pub use api::*;
pub use foghorn::sim::Stream::{Stderr, Stdout};

/// A simulated engine and a folder for its socket and Foghorn's data.
pub struct Lab {
    pub engine: Engine,
    folder: TempDir,
}

impl Lab {
    /// With the default engine, which is followed.
    pub fn new() -> Lab {
        Lab::with(Version::V28_5_2)
    }

    pub fn with(version: Version) -> Lab {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::serve(&folder.path().join("docker.sock"), version).unwrap();
        Lab { engine, folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.path().join("docker.sock")
    }

    /// Where Foghorn keeps its partitions.
    pub fn index(&self) -> PathBuf {
        self.path().join("data/index")
    }

    /// A configuration for this engine; it commits and polls as often as it may.
    pub fn config(&self) -> Config {
        let mut config = Config::default();
        config.docker.host = Endpoint::Unix(self.socket());
        config.docker.poll_interval = Duration::from_millis(50);
        config.store.path = self.path().join("data");
        config.store.commit_interval = Duration::from_millis(100);
        config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        // A line is a record, so that each can be asked for; `multiline.rs` tests the rest.
        config.multiline.enabled = false;
        config
    }

    pub async fn app(&self) -> TestApp {
        TestApp::start(&self.config()).await
    }

    /// The first container of a service of the project `shop`, running.
    pub fn run(&self, service: &str) -> String {
        self.start(ContainerSpec::compose("shop", service))
    }

    /// A container of this kind, running.
    pub fn start(&self, spec: ContainerSpec) -> String {
        let id = self.engine.create(spec).unwrap();
        self.engine.start(&id).unwrap();
        id
    }

    /// Writes bytes as they are.
    pub fn write(&self, id: &str, stream: Stream, bytes: &[u8]) {
        self.engine.write(id, stream, bytes).unwrap();
    }

    /// Writes a line.
    pub fn say(&self, id: &str, line: &str) {
        self.write(id, Stdout, format!("{line}\n").as_bytes());
    }

    /// Writes a numbered line for each number, every third one to standard error.
    pub fn count(&self, id: &str, numbers: std::ops::Range<usize>) {
        for n in numbers {
            let stream = if n % 3 == 2 { Stderr } else { Stdout };
            self.write(id, stream, format!("line {n} of many\n").as_bytes());
        }
    }

    /// The lines that the engine has of these containers: what is to be found.
    pub fn said(&self, ids: &[&String]) -> Vec<Said> {
        ids.iter().flat_map(|id| said(id, &self.engine.entries(id).unwrap())).collect()
    }

    /// Waits until the engine's state is so.
    pub async fn until(&self, what: &str, condition: impl Fn(&State) -> bool) {
        patiently(what, self.engine.wait_for(condition)).await;
    }

    /// Waits until the log of a container is being followed.
    pub async fn followed(&self, id: &str) {
        self.until("a follower", |state| state.followers(id) > 0).await;
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.engine.read(State::not_get_count), 0, "the engine got something else than GET");
        }
    }
}

/// Waits for a future, and fails where it takes too long.
pub async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = timeout(PATIENCE, future).await;
    result.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// A line as it was written, as far as it can be known from outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Said {
    pub container: String,
    pub stream: String,
    pub time: String,
    pub text: String,
}

/// The lines of a container's log, in the order of the file: an exact reader in ten lines.
pub fn said(id: &str, entries: &[Entry]) -> Vec<Said> {
    let mut open: HashMap<Stream, (i64, Vec<u8>)> = HashMap::new();
    let mut lines = Vec::new();
    let mut end = |stream: Stream, (time_ns, bytes): (i64, Vec<u8>)| {
        let stream = if stream == Stdout { "stdout" } else { "stderr" };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        lines.push(Said { container: id.to_owned(), stream: stream.to_owned(), time: time_text(time_ns), text });
    };
    for entry in entries {
        let line = open.remove(&entry.stream);
        let mut line = match line {
            Some(line) if line.0 == entry.time_ns => line,
            other => {
                if let Some(other) = other {
                    end(entry.stream, other);
                }
                (entry.time_ns, Vec::new())
            }
        };
        let (bytes, ended) = match entry.bytes.strip_suffix(b"\n") {
            Some(bytes) => (bytes, true),
            None => (&entry.bytes[..], entry.bytes.len() < 16 * 1024),
        };
        line.1.extend_from_slice(bytes);
        if ended {
            end(entry.stream, line);
        } else {
            open.insert(entry.stream, line);
        }
    }
    for (stream, line) in open {
        end(stream, line);
    }
    lines
}

/// A record's text field; empty where it has none.
pub fn text<'a>(record: &'a Value, field: &str) -> &'a str {
    record[field].as_str().unwrap_or_default()
}

fn found(record: &Value) -> Said {
    Said {
        container: text(record, "container_id").to_owned(),
        stream: text(record, "stream").to_owned(),
        time: text(record, "time").to_owned(),
        text: text(record, "line").to_owned(),
    }
}

/// Each line once, in its stream's order by time, and nothing else. `records` are oldest first.
#[track_caller]
pub fn assert_exact(records: &[Value], expected: &[Said]) {
    let times: Vec<&str> = records.iter().map(|record| text(record, "time")).collect();
    assert!(times.is_sorted(), "the records are not oldest first");
    let mut counts: BTreeMap<Said, i64> = BTreeMap::new();
    for line in expected {
        *counts.entry(line.clone()).or_default() -= 1;
    }
    for record in records {
        *counts.entry(found(record)).or_default() += 1;
    }
    counts.retain(|_, count| *count != 0);
    if !counts.is_empty() {
        let (missing, surplus): (Vec<_>, Vec<_>) = counts.into_iter().partition(|(_, count)| *count < 0);
        let mut message = format!("{} expected, {} found", expected.len(), records.len());
        for (what, lines) in [("missing", missing), ("found too often, or never written", surplus)] {
            let _ = write!(message, "\n{what}: {}", lines.len());
            for (line, count) in lines.iter().take(8) {
                let start: String = line.text.chars().take(80).collect();
                let _ =
                    write!(message, "\n  {count:+} {} {} {} {start:?}", &line.container[..12], line.time, line.stream);
            }
        }
        panic!("{message}");
    }
    let by_stream = |lines: Vec<Said>| {
        let mut streams: BTreeMap<(String, String), Vec<(String, String)>> = BTreeMap::new();
        for line in lines {
            streams.entry((line.container, line.stream)).or_default().push((line.time, line.text));
        }
        streams
    };
    let mut written = by_stream(expected.to_vec());
    written.values_mut().for_each(|lines| lines.sort_by(|a, b| a.0.cmp(&b.0)));
    for (stream, lines) in by_stream(records.iter().map(found).collect()) {
        assert!(written[&stream] == lines, "lines of one time are out of order in {stream:?}");
    }
}

/// Foghorn in this process.
pub struct TestApp {
    app: App,
    pub api: Api,
}

impl TestApp {
    pub async fn start(config: &Config) -> TestApp {
        let app = patiently("the start", App::start(config)).await.unwrap();
        TestApp { api: Api { address: app.address }, app }
    }

    pub async fn stop(self) {
        patiently("the stop", self.app.stop()).await;
    }
}

impl std::ops::Deref for TestApp {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// Foghorn as its users run it.
pub struct Process {
    child: Child,
    pub api: Api,
}

/// The binary with the lab's configuration as its environment, and nothing else of ours.
pub fn command(lab: &Lab, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("FOGHORN_DOCKER_HOST", format!("unix://{}", lab.socket().display()))
        .env("FOGHORN_DOCKER_POLL_INTERVAL", "50ms")
        .env("FOGHORN_STORE_PATH", lab.path().join("data"))
        .env("FOGHORN_STORE_COMMIT_INTERVAL", "100ms")
        .env("FOGHORN_HTTP_LISTEN", "127.0.0.1:0")
        .env("FOGHORN_MULTILINE_ENABLED", "false")
        .env("FOGHORN_LOG_LEVEL", "warn")
        .current_dir(lab.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Process {
    pub async fn start(lab: &Lab) -> Process {
        Process::of(command(lab, env!("CARGO_BIN_EXE_foghorn"), &[])).await
    }

    /// Starts a command that becomes Foghorn, and waits until it listens.
    pub async fn of(mut command: Command) -> Process {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = patiently("the first line of foghorn", lines.next_line()).await.unwrap();
        let first = first.expect("foghorn ended before it listened");
        let address = first.strip_prefix("Foghorn listens on http://").and_then(|rest| rest.strip_suffix('/'));
        let address = address.unwrap_or_else(|| panic!("{first:?} is not what foghorn says first"));
        Process { child, api: Api { address: address.parse().unwrap() } }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// SIGKILL: nothing is flushed, nothing is said.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM, as `docker stop` sends it.
    pub async fn terminate(mut self) -> ExitStatus {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        patiently("foghorn's end", self.child.wait()).await.unwrap()
    }
}

impl std::ops::Deref for Process {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// Numbers that are the same in each run: xorshift64.
pub struct Dice(pub u64);

impl Dice {
    /// One of `0..sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}
