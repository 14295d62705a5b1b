//! The nouns of the simulated engine: its version, what a container is created from, and the states
//! and ends that one has.

use std::collections::BTreeMap;
use std::fmt;

/// Which engine is simulated; some answers differ between generations.
///
/// ```
/// use foghorn::sim::Version;
/// assert_eq!(20, Version::V20_10_24.major());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The engine's version, as `/version` names it.
    pub engine: &'static str,
    /// The newest API version that it speaks.
    pub api: &'static str,
    /// The oldest API version that it accepts in a path.
    pub min_api: &'static str,
}

impl Version {
    /// Debian bookworm's.
    pub const V20_10_24: Version = Version { engine: "20.10.24", api: "1.41", min_api: "1.12" };
    /// Debian trixie's.
    pub const V26_1_5: Version = Version { engine: "26.1.5", api: "1.45", min_api: "1.24" };
    /// The last before 29, and the default of the tests.
    pub const V28_5_2: Version = Version { engine: "28.5.2", api: "1.51", min_api: "1.24" };

    /// The engine's major version; 0 when `engine` does not begin with a number.
    #[must_use]
    pub fn major(&self) -> u32 {
        let digits = self.engine.split('.').next().unwrap_or_default();
        digits.parse().unwrap_or(0)
    }
}

/// What a container is created from.
///
/// The default is a `json-file` container of image `sim:latest` on the network `bridge`, which is
/// never restarted; an empty name becomes `sim-<n>`.
///
/// ```
/// use foghorn::sim::{ContainerSpec, RestartPolicy};
/// let api = ContainerSpec {
///     restart: RestartPolicy::Always,
///     ..ContainerSpec::compose("shop", "api")
/// };
/// assert_eq!("shop-api-1", api.name);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Without the leading slash.
    pub name: String,
    /// The image's reference, as the user wrote it.
    pub image: String,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// `KEY=value`, each.
    pub env: Vec<String>,
    /// Labels; Compose's own among them.
    pub labels: BTreeMap<String, String>,
    /// The user in the container; empty is root.
    pub user: String,
    /// A terminal: logs are raw bytes without frames, and everything is stdout.
    pub tty: bool,
    /// The log driver: `json-file`, `local`, `none`, or another, which is read as from the
    /// engine's cache.
    pub driver: String,
    /// Options of the log driver (`max-size`); shown by inspect, without an effect here.
    pub log_options: BTreeMap<String, String>,
    /// Rotation: when more entries than this are kept, the oldest vanish.
    pub max_log_entries: Option<usize>,
    /// Remove the container when it stops.
    pub auto_remove: bool,
    /// What the engine does when the process ends by itself.
    pub restart: RestartPolicy,
    /// The memory limit; `None` is unlimited.
    pub memory_limit_bytes: Option<u64>,
    /// The health check as Docker has it: `["CMD-SHELL", "curl -f localhost"]`.
    pub healthcheck: Option<Vec<String>>,
    /// Volumes and binds.
    pub mounts: Vec<Mount>,
    /// Exposed and published ports.
    pub ports: Vec<Port>,
    /// The name of its network.
    pub network: String,
}

impl ContainerSpec {
    /// A container of that name and image, the rest by default.
    #[must_use]
    pub fn new(name: &str, image: &str) -> ContainerSpec {
        ContainerSpec { name: name.to_owned(), image: image.to_owned(), ..ContainerSpec::default() }
    }

    /// The first container of a Compose service, with the names and labels that Compose gives.
    #[must_use]
    pub fn compose(project: &str, service: &str) -> ContainerSpec {
        let labels = [
            ("com.docker.compose.project", project),
            ("com.docker.compose.service", service),
            ("com.docker.compose.container-number", "1"),
            ("com.docker.compose.oneoff", "False"),
        ];
        ContainerSpec {
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            network: format!("{project}_default"),
            ..ContainerSpec::new(&format!("{project}-{service}-1"), &format!("{project}-{service}:latest"))
        }
    }
}

impl Default for ContainerSpec {
    fn default() -> ContainerSpec {
        ContainerSpec {
            name: String::new(),
            image: "sim:latest".to_owned(),
            command: vec!["/app".to_owned()],
            env: Vec::new(),
            labels: BTreeMap::new(),
            user: String::new(),
            tty: false,
            driver: "json-file".to_owned(),
            log_options: BTreeMap::new(),
            max_log_entries: None,
            auto_remove: false,
            restart: RestartPolicy::No,
            memory_limit_bytes: None,
            healthcheck: None,
            mounts: Vec::new(),
            ports: Vec::new(),
            network: "bridge".to_owned(),
        }
    }
}

/// What the engine does when a container's process ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Nothing.
    No,
    /// Start it again.
    Always,
    /// Start it again; a stopped one stays down when the engine restarts.
    UnlessStopped,
    /// Start it again after a non-zero exit code.
    OnFailure {
        /// How often at most; 0 is without end.
        max_retries: u32,
    },
}

impl RestartPolicy {
    pub(super) fn name(self) -> &'static str {
        match self {
            RestartPolicy::No => "no",
            RestartPolicy::Always => "always",
            RestartPolicy::UnlessStopped => "unless-stopped",
            RestartPolicy::OnFailure { .. } => "on-failure",
        }
    }

    pub(super) fn max_retries(self) -> u32 {
        match self {
            RestartPolicy::OnFailure { max_retries } => max_retries,
            _ => 0,
        }
    }

    pub(super) fn restarts(self, exit_code: i64, restart_count: u32) -> bool {
        match self {
            RestartPolicy::No => false,
            RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
            RestartPolicy::OnFailure { max_retries } => {
                exit_code != 0 && (max_retries == 0 || restart_count < max_retries)
            }
        }
    }
}

/// A volume or a bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it comes from.
    pub source: MountSource,
    /// The path in the container.
    pub destination: String,
    /// `true` when the container cannot write to it.
    pub read_only: bool,
}

/// Where a mount comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A volume of that name; an anonymous one has 64 hexadecimal digits.
    Volume(String),
    /// A path of the host.
    Bind(String),
}

/// A port of the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// The TCP port in the container.
    pub container: u16,
    /// The port of the host on which it is published, if it is.
    pub host: Option<u16>,
}

/// How a container answers to being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOutcome {
    /// It ends with this exit code: `kill{15}`, `die` and `stop`.
    Exits(i64),
    /// It does not, and is killed: `kill{15}`, `kill{9}`, `die{137}` and `stop`.
    TimesOut,
}

/// The state of a container's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// No result yet.
    Starting,
    /// The last probe was good.
    Healthy,
    /// Enough probes in a row were bad.
    Unhealthy,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Health::Starting => "starting",
            Health::Healthy => "healthy",
            Health::Unhealthy => "unhealthy",
        })
    }
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Never started, or its start failed.
    Created,
    /// Running.
    Running,
    /// Frozen; its log followers stay attached.
    Paused,
    /// Ended by itself and waiting for its next start.
    Restarting,
    /// Ended.
    Exited,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Restarting => "restarting",
            Status::Exited => "exited",
        })
    }
}

/// How the engine itself restarts, and what that does to its containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineRestart {
    /// With live-restore: containers run on; a line that was not finished is cut in two.
    LiveRestore,
    /// Without, by SIGTERM: event readers see each container stop before they lose their
    /// connection; afterwards there is a `start` for each that its policy restarts.
    Stopped,
    /// Without, by SIGKILL: the engine finds its containers running when it is back, and stops
    /// them then; there is a `start` for each that its policy restarts, but `unless-stopped` does
    /// not.
    Killed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_failure_counts_its_retries() {
        let twice = RestartPolicy::OnFailure { max_retries: 2 };
        assert!(!twice.restarts(0, 0));
        assert!(twice.restarts(1, 1));
        assert!(!twice.restarts(1, 2));
        assert!(RestartPolicy::OnFailure { max_retries: 0 }.restarts(1, 1_000));
        assert!(!RestartPolicy::No.restarts(1, 0));
        assert!(RestartPolicy::Always.restarts(0, 9));
    }

    #[test]
    fn generations_are_told_apart() {
        let majors = [Version::V20_10_24, Version::V26_1_5, Version::V28_5_2].map(|v| v.major());
        assert_eq!([20, 26, 28], majors);
    }
}
