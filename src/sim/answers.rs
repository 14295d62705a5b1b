//! The engine's answers about itself and its list of containers: from its state to the JSON that
//! Docker gives.

use serde_json::{Map, Value, json};

use super::clock::json_text;
use super::ids::{hex_id, network_id};
use super::query::{Filters, Query};
use super::spec::{Health, Mount, MountSource, Status, Version};
use super::state::{Container, State};

/// What the simulated host has.
const HOST_MEMORY_BYTES: u64 = 8 << 30;
const HOST_CPUS: u32 = 4;
const HOST_NAME: &str = "foghorn-sim";
const KERNEL: &str = "6.12.0-sim";

/// The filters that the list accepts (`acceptedPsFilterTags` of the engine).
pub(super) const LIST_FILTERS: [&str; 15] = [
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];

/// `/version`.
pub(super) fn version(version: &Version) -> Value {
    json!({
        "Platform": {"Name": ""},
        "Components": [{
            "Name": "Engine",
            "Version": version.engine,
            "Details": {
                "ApiVersion": version.api,
                "Arch": "amd64",
                "Experimental": "false",
                "KernelVersion": KERNEL,
                "MinAPIVersion": version.min_api,
                "Os": "linux",
            },
        }],
        "Version": version.engine,
        "ApiVersion": version.api,
        "MinAPIVersion": version.min_api,
        "GitCommit": "simulated",
        "GoVersion": "go1.24",
        "Os": "linux",
        "Arch": "amd64",
        "KernelVersion": KERNEL,
        "BuildTime": "2025-01-01T00:00:00.000000000+00:00",
    })
}

/// `/info`.
pub(super) fn info(state: &State) -> Value {
    let count = |counts: &dyn Fn(Status) -> bool| {
        let all = state.containers.values();
        all.filter(|container| counts(container.status)).count()
    };
    json!({
        "ID": "f0900000-0000-4000-8000-000000000000",
        "Containers": state.containers.len(),
        "ContainersRunning": count(&|it| matches!(it, Status::Running | Status::Restarting)),
        "ContainersPaused": count(&|it| it == Status::Paused),
        "ContainersStopped": count(&|it| matches!(it, Status::Created | Status::Exited)),
        "Images": 1,
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "extfs"]],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "null"],
            "Authorization": null,
            "Log": ["fluentd", "gelf", "journald", "json-file", "local", "syslog"],
        },
        "MemoryLimit": true,
        "SwapLimit": true,
        "OomKillDisable": false,
        "NEventsListener": state.event_readers(),
        "SystemTime": json_text(state.clock.now_ns()),
        "LoggingDriver": "json-file",
        "CgroupDriver": "systemd",
        "CgroupVersion": "2",
        "KernelVersion": KERNEL,
        "OperatingSystem": "Simulated",
        "OSType": "linux",
        "Architecture": "x86_64",
        "NCPU": HOST_CPUS,
        "MemTotal": HOST_MEMORY_BYTES,
        "DockerRootDir": "/var/lib/docker",
        "Name": HOST_NAME,
        "Labels": [],
        "ExperimentalBuild": false,
        "ServerVersion": state.version.engine,
        "DefaultRuntime": "runc",
        "LiveRestoreEnabled": false,
        "Isolation": "",
        "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"],
        "Warnings": null,
    })
}

/// `/containers/json`: the newest first, and those that are up unless `all` is set. Of the filters,
/// `id`, `label`, `name` and `status` count.
pub(super) fn list(state: &State, query: &Query, filters: &Filters) -> Value {
    let all = query.flag("all") || !filters.values("status").is_empty();
    let limit = query.get("limit").parse().unwrap_or(usize::MAX);
    let mut shown: Vec<&Container> = state
        .containers
        .values()
        .filter(|container| all || !matches!(container.status, Status::Created | Status::Exited))
        .filter(|container| {
            let name = &container.spec.name;
            filters.fits_labels(&container.spec.labels)
                && filters.fits("status", |value| value == container.status.to_string())
                && filters.fits("id", |value| container.id.starts_with(value))
                && filters
                    .fits("name", |value| name.contains(value.trim_start_matches(['^', '/']).trim_end_matches('$')))
        })
        .collect();
    shown.sort_by_key(|container| std::cmp::Reverse(container.number));
    let now_ns = state.clock.now_ns();
    let rows = shown.into_iter().take(limit);
    rows.map(|container| row(container, now_ns)).collect()
}

fn row(container: &Container, now_ns: i64) -> Value {
    let spec = &container.spec;
    let exposed = spec.ports.iter();
    let ports: Vec<Value> = exposed
        .map(|port| match port.host {
            None => json!({"PrivatePort": port.container, "Type": "tcp"}),
            Some(host) => json!({
                "IP": "0.0.0.0",
                "PrivatePort": port.container,
                "PublicPort": host,
                "Type": "tcp",
            }),
        })
        .collect();
    json!({
        "Id": container.id,
        "Names": [format!("/{}", spec.name)],
        "Image": spec.image,
        "ImageID": image_id(&spec.image),
        "Command": spec.command.join(" "),
        "Created": container.created_ns.div_euclid(1_000_000_000),
        "Ports": ports,
        "Labels": spec.labels,
        "State": container.status.to_string(),
        "Status": status_text(container, now_ns),
        "HostConfig": {"NetworkMode": spec.network},
        "NetworkSettings": {"Networks": networks(container)},
        "Mounts": mounts(&spec.mounts),
    })
}

/// The engine's `State.String`: `Up 2 minutes (healthy)`, `Exited (137) 3 seconds ago`.
fn status_text(container: &Container, now_ns: i64) -> String {
    let since = |time_ns: Option<i64>| human_duration(now_ns.saturating_sub(time_ns.unwrap_or(now_ns)) / 1_000_000_000);
    let up = || format!("Up {}", since(container.started_ns));
    let code = container.exit_code;
    let ended = || since(container.finished_ns);
    match container.status {
        Status::Created => "Created".to_owned(),
        Status::Exited => format!("Exited ({code}) {} ago", ended()),
        Status::Restarting => format!("Restarting ({code}) {} ago", ended()),
        Status::Paused => format!("{} (Paused)", up()),
        Status::Running => match container.health.as_ref().map(|health| health.status) {
            None => up(),
            Some(Health::Starting) => format!("{} (health: starting)", up()),
            Some(health) => format!("{} ({health})", up()),
        },
    }
}

/// `units.HumanDuration` of Docker's Go packages.
fn human_duration(seconds: i64) -> String {
    let minutes = seconds / 60;
    let hours = (seconds + 1_800) / 3_600;
    match (seconds, minutes, hours) {
        (..1, _, _) => "Less than a second".to_owned(),
        (1, _, _) => "1 second".to_owned(),
        (..60, _, _) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, ..60, _) => format!("{minutes} minutes"),
        (_, _, 1) => "About an hour".to_owned(),
        (_, _, ..48) => format!("{hours} hours"),
        (_, _, ..336) => format!("{} days", hours / 24),
        (_, _, ..1_440) => format!("{} weeks", hours / 24 / 7),
        (_, _, ..17_520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

pub(super) fn mounts(mounts: &[Mount]) -> Vec<Value> {
    let mounts = mounts.iter();
    mounts
        .map(|mount| {
            let mut row = json!({
                "Destination": mount.destination,
                "Mode": if mount.read_only { "ro" } else { "rw" },
                "RW": !mount.read_only,
                "Propagation": "",
            });
            match &mount.source {
                MountSource::Volume(name) => {
                    row["Type"] = json!("volume");
                    row["Name"] = json!(name);
                    row["Driver"] = json!("local");
                    row["Source"] = json!(format!("/var/lib/docker/volumes/{name}/_data"));
                }
                MountSource::Bind(path) => {
                    row["Type"] = json!("bind");
                    row["Source"] = json!(path);
                    row["Propagation"] = json!("rprivate");
                }
            }
            row
        })
        .collect()
}

pub(super) fn networks(container: &Container) -> Value {
    let process = matches!(container.status, Status::Running | Status::Paused);
    let address = if process {
        format!("172.18.{}.{}", container.number / 250 % 250, container.number % 250 + 2)
    } else {
        String::new()
    };
    let mut networks = Map::new();
    networks.insert(
        container.spec.network.clone(),
        json!({
            "IPAMConfig": null,
            "Links": null,
            "Aliases": null,
            "NetworkID": match container.started_ns {
                Some(_) => network_id(&container.spec.network),
                None => String::new(),
            },
            "EndpointID": if process { container.id.as_str() } else { "" },
            "Gateway": if process { "172.18.0.1" } else { "" },
            "IPAddress": address,
            "IPPrefixLen": if process { 16 } else { 0 },
            "IPv6Gateway": "",
            "GlobalIPv6Address": "",
            "GlobalIPv6PrefixLen": 0,
            "MacAddress": "",
            "DriverOpts": null,
        }),
    );
    Value::Object(networks)
}

pub(super) fn image_id(image: &str) -> String {
    format!("sha256:{}", hex_id(&format!("image {image}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_in_docker_ps() {
        for (seconds, expected) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (150, "2 minutes"),
            (3_599, "59 minutes"),
            (3_600, "About an hour"),
            (7_200, "2 hours"),
            (47 * 3_600, "47 hours"),
            (3 * 86_400, "3 days"),
            (21 * 86_400, "3 weeks"),
            (90 * 86_400, "3 months"),
            (800 * 86_400, "2 years"),
        ] {
            assert_eq!(expected, human_duration(seconds), "{seconds}");
        }
    }
}
