//! The only wiring: builds the stages, owns their channels and tasks, and stops them in the order
//! in which a line meets them.

mod labels;
mod observe;
mod questions;
mod sink;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

use crate::assemble::Rules;
use crate::config::Config;
use crate::docker::board::Board;
use crate::docker::client::Client;
use crate::docker::{self, Watch, inspect};
use crate::fanout::Fanout;
use crate::http::{self, Handles};
use crate::live::Live;
use crate::metrics::{Exposition, LogMetrics, Registry};
use crate::pipeline::Settings;
use crate::record::Container;
use crate::redact::Redactor;
use crate::store::{ReadFields, Store, StoreError};
use questions::Questions;

/// Why Foghorn cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("http.listen: {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("store.path: {0}")]
    Store(#[from] StoreError),
    /// The engine's client cannot be made: certificates. An engine that is merely away is no error.
    #[error("docker.host: {0}")]
    Engine(#[from] docker::client::EngineError),
    /// The threads for questions cannot be started.
    #[error("the system gives no more threads: {0}")]
    Threads(std::io::Error),
}

/// A running Foghorn.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    stop_source: CancellationToken,
    stop_http: CancellationToken,
    source: JoinHandle<()>,
    http: JoinHandle<()>,
    store: Store,
    /// Ends last.
    _questions: Questions,
}

impl App {
    /// Opens the store, starts to listen, then starts to read.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let address = config.http.listen;
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let client = Client::new(&config.docker)?;
        let mut store = Store::open(&config.store, &config.retention, read_fields(config))?;
        let mut resumable = std::mem::take(&mut store.resumable);
        // An imported file is no container that the engine could have lost.
        resumable.retain(|_, (_, checkpoint)| checkpoint.import.is_none());

        let mut registry = Registry::default();
        let metrics = LogMetrics::register(&mut registry);
        let live = Live::new(to_usize(config.live.buffer_batches), to_usize(config.live.max_readers));
        let board = Board::new(client.host());
        let fanout = Fanout { metrics, live: live.clone(), store: store.appender() };
        let exposition = Exposition::new(registry, observe::observe(board.clone(), store.reader(), live.clone()));

        let stop_http = CancellationToken::new();
        let questions = Questions::start().map_err(StartError::Threads)?;
        let handles = Handles {
            store: store.reader(),
            live,
            board: board.clone(),
            exposition,
            questions: questions.handle(),
            config: config.http,
            stop: stop_http.clone(),
        };
        let http = tokio::spawn(http::serve(listener, handles).instrument(info_span!("http")));

        let stop_source = CancellationToken::new();
        let settings = settings(config);
        // A label can ask for masking where it is switched off.
        let redactor = settings.redactor.clone().unwrap_or_else(|| redactor(config));
        let watch = Watch {
            client,
            config: config.docker.clone(),
            own_id: own_id(),
            sinks: Arc::new(sink::ContainerSinks {
                fanout,
                settings,
                redactor,
                board: board.clone(),
                signatures: Mutex::default(),
                latest: Arc::new(Mutex::default()),
            }),
            resumable,
            board,
            stop: stop_source.clone(),
        };
        let source = tokio::spawn(docker::run(watch).instrument(info_span!("docker")));
        info!(%address, engine = %config.docker.host, "started");
        Ok(Self { address, stop_source, stop_http, source, http, store, _questions: questions })
    }

    /// Stops in data order: no more reading, what was read made durable, then the listeners.
    pub async fn stop(self) {
        self.store.stop_waiting();
        self.stop_source.cancel();
        join("docker", self.source).await;
        let store = self.store;
        // It waits for a commit, which is disk.
        join("store", tokio::task::spawn_blocking(move || store.close())).await;
        self.stop_http.cancel();
        join("http", self.http).await;
        info!("stopped");
    }
}

/// Reads the fields of a stored line again, with the user's own rules.
pub fn read_fields(config: &Config) -> ReadFields {
    let rules = Arc::clone(&config.rules.parse);
    Arc::new(move |raw: &str, format: &str, time_ns, container: &Container| {
        rules.fields(raw, format, time_ns, container)
    })
}

fn redactor(config: &Config) -> Arc<Redactor> {
    config.rules.redactor.clone().unwrap_or_default()
}

/// What pipelines do with lines, as it is configured.
pub fn settings(config: &Config) -> Settings {
    let multiline = config.multiline;
    Settings {
        max_line_bytes: to_usize(config.line.max_bytes),
        multiline: Arc::new(Rules {
            max_bytes: to_usize(multiline.max_bytes),
            max_lines: u32::try_from(multiline.max_lines).unwrap_or(u32::MAX),
            gap_ns: i64::try_from(multiline.timeout.as_nanos()).unwrap_or(i64::MAX),
            start: None,
            enabled: multiline.enabled,
        }),
        redactor: config.redact.enabled.then(|| redactor(config)),
        rules: Arc::clone(&config.rules.parse),
        ..Settings::default()
    }
}

async fn join(name: &str, task: JoinHandle<()>) {
    if let Err(error) = task.await {
        warn!(name, %error, "a task failed");
    }
}

fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn own_id() -> Option<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    inspect::own_id(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
}
