//! The sections of the configuration as the rest of the crate reads them: typed and checked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::endpoint::Endpoint;
use super::level::LogLevel;
use crate::pattern::Pattern;

/// The section `docker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerConfig {
    /// Where the engine listens.
    pub host: Endpoint,
    /// Files for TLS, all of which existed at the start; none for a plain connection, which a
    /// [`Endpoint::Unix`] always is.
    pub tls: Option<TlsFiles>,
    /// How logs are read.
    pub mode: DockerMode,
    /// How often a log is asked for new lines when polling.
    pub poll_interval: Duration,
    /// How often the containers are listed again.
    pub resync_interval: Duration,
    /// Compose projects to read; empty for all.
    pub include_projects: Vec<Pattern>,
    /// Compose projects not to read.
    pub exclude_projects: Vec<Pattern>,
    /// Container names to read; empty for all.
    pub include_names: Vec<Pattern>,
    /// Container names not to read.
    pub exclude_names: Vec<Pattern>,
    /// Whether to read the container that Foghorn itself runs in.
    pub include_self: bool,
}

/// The PEM files of a TLS connection to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that signed the engine's certificate.
    pub ca: PathBuf,
    /// Foghorn's own certificate, where there is one.
    pub client: Option<ClientFiles>,
}

/// The PEM files of a client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How logs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DockerMode {
    /// Poll below engine 23.0, follow from it.
    Auto,
    /// Ask again and again.
    Poll,
    /// Hold a connection for each container.
    Follow,
}

/// The section `line`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineConfig {
    /// The longest line that is kept whole.
    pub max_bytes: u64,
}

/// The section `multiline`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultilineConfig {
    /// Whether lines are joined.
    pub enabled: bool,
    /// How long a record waits for a line that joins it.
    pub timeout: Duration,
    /// The most lines of a record.
    pub max_lines: u64,
    /// The most bytes of a record.
    pub max_bytes: u64,
}

/// The section `redact`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedactConfig {
    /// Whether secrets are masked.
    pub enabled: bool,
}

/// The section `store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The index's directory; may not exist yet.
    pub path: PathBuf,
    /// The longest that a record waits for a commit.
    pub commit_interval: Duration,
    /// Records that make a commit due at once.
    pub commit_records: u64,
    /// Bytes of text that make a commit due at once.
    pub commit_bytes: u64,
}

/// The section `retention`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionConfig {
    /// How long records are kept.
    pub max_age: Duration,
    /// How long those of single services are, by their names, whatever `max_age` says.
    pub services: BTreeMap<String, Duration>,
    /// How much disk the index may take.
    pub max_bytes: u64,
    /// Bytes of the disk that are left free, a tenth of it at most.
    pub min_free_bytes: u64,
}

/// The section `http`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// The address to listen on; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// How long one query may take.
    pub query_timeout: Duration,
    /// The most records that one answer holds.
    pub max_limit: u64,
}

/// The section `live`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveConfig {
    /// Batches kept for slow readers.
    pub buffer_batches: u64,
    /// The most readers at one time.
    pub max_readers: u64,
}

/// The section `log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// How much is said.
    pub level: LogLevel,
    /// In which form.
    pub format: LogFormat,
}

/// The form of Foghorn's own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

impl DockerConfig {
    /// Whether a container is to be read, by its Compose project (empty outside Compose) and its
    /// name. Both have to be included, and neither excluded.
    pub fn selects(&self, project: &str, name: &str) -> bool {
        let any = |patterns: &[Pattern], text: &str| patterns.iter().any(|pattern| pattern.matches(text));
        let included = |patterns: &[Pattern], text: &str| patterns.is_empty() || any(patterns, text);
        included(&self.include_projects, project)
            && included(&self.include_names, name)
            && !any(&self.exclude_projects, project)
            && !any(&self.exclude_names, name)
    }
}

impl RetentionConfig {
    /// How long the records of a service are kept.
    pub fn age_of(&self, service: &str) -> Duration {
        self.services.get(service).copied().unwrap_or(self.max_age)
    }

    /// The shortest and the longest age of any service.
    pub fn ages(&self) -> (Duration, Duration) {
        let all = self.services.values().copied();
        all.fold((self.max_age, self.max_age), |(least, most), age| (least.min(age), most.max(age)))
    }
}

impl DockerMode {
    /// Every mode's name.
    pub const NAMES: [&'static str; 3] = ["auto", "poll", "follow"];

    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "poll" => Self::Poll,
            "follow" => Self::Follow,
            _ => Self::Auto,
        }
    }
}

impl LogFormat {
    /// Every format's name.
    pub const NAMES: [&'static str; 2] = ["text", "json"];

    pub(super) fn from_name(name: &str) -> Self {
        if name == "json" { Self::Json } else { Self::Text }
    }
}
