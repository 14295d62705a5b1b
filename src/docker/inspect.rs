//! What inspect says of a container → who it is, how to read it, and whether to.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum};

use super::frames::Framing;
use crate::config::DockerConfig;
use crate::record::{Container, ContainerId};

/// A container as far as reading its log needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Who it is.
    pub container: Container,
    /// How its log is framed.
    pub framing: Framing,
    /// The log driver, such as `json-file`.
    pub driver: String,
    /// The engine removes it, and its log, when it exits.
    pub auto_remove: bool,
    /// Whether it runs.
    pub running: bool,
    /// It was started at least once.
    pub started: bool,
    /// When it was started last, as the engine prints it: changes with each start.
    pub started_at: String,
    /// The same in nanoseconds since the epoch; 0 where it was never started.
    pub started_ns: i64,
    /// What its labels ask of Foghorn.
    pub labels: Labels,
}

/// The labels of a container that begin with `foghorn.`, by what follows: at most [`MAX_LABELS`],
/// their values cut behind [`MAX_LABEL_BYTES`] and one more.
pub type Labels = BTreeMap<String, String>;

/// The most labels that are looked at.
pub const MAX_LABELS: usize = 16;
/// The longest value of a label; one that is longer is no value.
pub const MAX_LABEL_BYTES: usize = 1024;

fn own_labels(labels: &HashMap<String, String>) -> Labels {
    let own = labels.iter().filter_map(|(name, value)| Some((name.strip_prefix("foghorn.")?, value)));
    let mut own: Vec<(&str, &String)> = own.collect();
    own.sort_unstable();
    let cut = |text: &str, bytes: usize| text[..text.ceil_char_boundary(bytes)].to_owned();
    own.into_iter().take(MAX_LABELS).map(|(name, value)| (cut(name, 64), cut(value, MAX_LABEL_BYTES + 1))).collect()
}

/// Reads the parts of inspect that matter here; none where the answer has no id.
pub fn details(inspect: &ContainerInspectResponse) -> Option<Details> {
    let id = inspect.id.as_deref().filter(|id| !id.is_empty())?;
    let config = inspect.config.as_ref();
    let no_labels = HashMap::new();
    let labels = config.and_then(|c| c.labels.as_ref()).unwrap_or(&no_labels);
    let state = inspect.state.as_ref();
    let host = inspect.host_config.as_ref();
    let status = state.and_then(|s| s.status);
    let started_at = state.and_then(|s| s.started_at.clone()).unwrap_or_default();
    let tty = config.and_then(|c| c.tty).unwrap_or(false);
    Some(Details {
        container: identity(id, inspect.name.as_deref().unwrap_or_default(), labels),
        framing: if tty { Framing::Raw } else { Framing::Multiplexed },
        driver: host.and_then(|h| h.log_config.as_ref()).and_then(|l| l.typ.clone()).unwrap_or_default(),
        auto_remove: host.and_then(|h| h.auto_remove).unwrap_or(false),
        running: matches!(status, Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::PAUSED))
            || status.is_none() && state.and_then(|s| s.running).unwrap_or(false),
        started: !matches!(status, Some(ContainerStateStatusEnum::CREATED)) && !started_at.starts_with("0001"),
        started_ns: chrono::DateTime::parse_from_rfc3339(&started_at)
            .ok()
            .and_then(|t| t.timestamp_nanos_opt())
            .unwrap_or(0),
        started_at,
        labels: own_labels(labels),
    })
}

/// A container's place among the services: from Compose's labels, else from its name.
pub fn identity(id: &str, name: &str, labels: &HashMap<String, String>) -> Container {
    let label = |key: &str| labels.get(key).map(|v| bounded(v)).filter(|v| !v.is_empty());
    let name = bounded(name.trim_start_matches('/'));
    let name = if name.is_empty() { ContainerId::new(id).short().to_owned() } else { name };
    Container {
        id: ContainerId::new(id),
        project: label("com.docker.compose.project").unwrap_or_default(),
        service: label("com.docker.compose.service").unwrap_or_else(|| name.clone()),
        number: label("com.docker.compose.container-number").and_then(|n| n.parse().ok()).unwrap_or(0),
        name,
    }
}

/// Names become labels and terms; nobody's name is longer than this by honest means.
fn bounded(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Whether a container is to be read: by its label, its project, its name, and not being us.
pub fn wanted(
    container: &Container,
    labels: &HashMap<String, String>,
    config: &DockerConfig,
    own_id: Option<&str>,
) -> bool {
    let is_own = own_id.is_some_and(|own| !own.is_empty() && container.id.as_str().starts_with(own));
    let disabled = labels
        .get("foghorn.enable")
        .is_some_and(|v| matches!(v.trim().to_ascii_lowercase().as_str(), "false" | "0" | "no" | "off"));
    (config.include_self || !is_own) && !disabled && config.selects(&container.project, &container.name)
}

/// The id of the container that this process runs in, as far as the kernel's tables tell: from
/// `/proc/self/mountinfo`, where the engine mounts `…/containers/<id>/hostname`, else from
/// `/proc/self/cgroup`, whose last part is the id. None outside a container.
pub fn own_id(mountinfo: &str, cgroup: &str) -> Option<String> {
    let is_id = |part: &&str| part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let mounted = mountinfo
        .lines()
        .filter(|line| line.contains("/etc/hostname") || line.contains("/etc/resolv.conf"))
        .find_map(|line| line.split('/').find(is_id));
    let grouped = || {
        cgroup.lines().find_map(|line| line.rsplit(['/', '-', ':']).map(|p| p.trim_end_matches(".scope")).find(is_id))
    };
    mounted.or_else(grouped).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn labels(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    #[test]
    fn the_service_comes_from_compose_else_from_the_name() {
        let compose = labels(&[
            ("com.docker.compose.project", "shop"),
            ("com.docker.compose.service", "api"),
            ("com.docker.compose.container-number", "2"),
        ]);
        let container = identity(ID, "/shop-api-2", &compose);
        assert_eq!((container.project.as_str(), container.service.as_str(), container.number), ("shop", "api", 2));
        let container = identity(ID, "/web", &labels(&[]));
        assert_eq!((container.project.as_str(), container.service.as_str(), container.number), ("", "web", 0));
        assert_eq!(identity(ID, "", &labels(&[])).name, "0123456789ab");
    }

    #[test]
    fn own_labels_are_few_and_short() {
        let long = "é".repeat(4 * MAX_LABEL_BYTES);
        let mut all = labels(&[("foghorn.level", "warn"), ("foghorn.", ""), ("other", "x"), ("foghorn.redact", &long)]);
        let own = own_labels(&all);
        assert_eq!(own.keys().collect::<Vec<_>>(), ["", "level", "redact"]);
        assert_eq!((own["level"].as_str(), own["redact"].len()), ("warn", MAX_LABEL_BYTES + 2));
        all.extend((0..40).map(|n| (format!("foghorn.x{n}"), String::new())));
        assert_eq!(own_labels(&all).len(), MAX_LABELS);
    }

    #[test]
    fn who_is_read() {
        let mut config = crate::config::Config::default().docker;
        let pattern = |p: &str| vec![p.parse::<crate::config::Pattern>().unwrap()];
        let container = identity(ID, "/shop-api-2", &labels(&[("com.docker.compose.project", "shop")]));
        let none = labels(&[]);
        assert!(wanted(&container, &none, &config, None));
        assert!(!wanted(&container, &labels(&[("foghorn.enable", "False")]), &config, None));
        assert!(wanted(&container, &labels(&[("foghorn.enable", "true")]), &config, None));
        assert!(!wanted(&container, &none, &config, Some(&ID[..12])));
        config.include_self = true;
        assert!(wanted(&container, &none, &config, Some(ID)));
        config.include_projects = pattern("sh*");
        assert!(wanted(&container, &none, &config, None));
        config.exclude_names = pattern("*-api-*");
        assert!(!wanted(&container, &none, &config, None));
        config.exclude_names.clear();
        config.include_projects = pattern("blog");
        assert!(!wanted(&container, &none, &config, None));
    }

    #[test]
    fn our_own_container_is_known_by_its_mounts_or_its_cgroup() {
        let mounts = format!("1 2 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda rw\n");
        assert_eq!(own_id(&mounts, "0::/\n").as_deref(), Some(ID));
        assert_eq!(own_id("", &format!("12:memory:/docker/{ID}\n")).as_deref(), Some(ID));
        assert_eq!(own_id("", &format!("0::/system.slice/docker-{ID}.scope\n")).as_deref(), Some(ID));
        // A mount of somebody else's container directory is not our own.
        assert_eq!(own_id(&format!("1 2 8:1 /x /var/lib/docker/containers/{ID}/mounts rw\n"), "0::/\n"), None);
    }
}
