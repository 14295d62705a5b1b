//! What inspect answers about one container: from its state to the JSON that Docker gives.

use serde_json::{Map, Value, json};

use super::answers::{image_id, mounts, networks};
use super::clock::{NEVER, json_text};
use super::health::HealthState;
use super::spec::{MountSource, Status};
use super::state::Container;

/// `/containers/{id}/json`.
pub(super) fn inspect(container: &Container) -> Value {
    let spec = &container.spec;
    let id = &container.id;
    let files = format!("/var/lib/docker/containers/{id}");
    let (path, arguments) = match spec.command.as_slice() {
        [path, arguments @ ..] => (path.as_str(), arguments),
        [] => ("", &[][..]),
    };
    let log_path = match spec.driver.as_str() {
        "json-file" => format!("{files}/{id}-json.log"),
        _ => String::new(),
    };
    let mut answer = json!({
        "Id": id,
        "Created": json_text(container.created_ns),
        "Path": path,
        "Args": arguments,
        "State": state(container),
        "Image": image_id(&spec.image),
        "ResolvConfPath": format!("{files}/resolv.conf"),
        "HostnamePath": format!("{files}/hostname"),
        "HostsPath": format!("{files}/hosts"),
        "LogPath": log_path,
        "Name": format!("/{}", spec.name),
        "RestartCount": container.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": null,
        "HostConfig": host_config(container),
        "GraphDriver": {"Data": {}, "Name": "overlay2"},
        "Mounts": mounts(&spec.mounts),
        "Config": config(container),
        "NetworkSettings": {
            "Ports": ports(container, Unpublished::Null),
            "Networks": networks(container),
        },
    });
    if let Some(patch) = &container.patch {
        merge(&mut answer, patch);
    }
    answer
}

fn host_config(container: &Container) -> Value {
    let spec = &container.spec;
    let binds = spec.mounts.iter().map(|mount| {
        let (MountSource::Volume(source) | MountSource::Bind(source)) = &mount.source;
        let mode = if mount.read_only { "ro" } else { "rw" };
        format!("{source}:{}:{mode}", mount.destination)
    });
    let memory_bytes = spec.memory_limit_bytes.unwrap_or(0);
    json!({
        "Binds": or_null(&binds.collect::<Vec<_>>()),
        "LogConfig": {"Type": spec.driver, "Config": spec.log_options},
        "NetworkMode": spec.network,
        "PortBindings": ports(container, Unpublished::Left),
        "RestartPolicy": {
            "Name": spec.restart.name(),
            "MaximumRetryCount": spec.restart.max_retries(),
        },
        "AutoRemove": spec.auto_remove,
        "CapAdd": null,
        "CapDrop": null,
        "CgroupnsMode": "private",
        "IpcMode": "private",
        "PidMode": "",
        "Privileged": false,
        "ReadonlyRootfs": false,
        "SecurityOpt": null,
        "Memory": memory_bytes,
        // Docker's default: as much swap again.
        "MemorySwap": memory_bytes.saturating_mul(2),
        "MemoryReservation": 0,
        "NanoCpus": 0,
        "CpuShares": 0,
        "CpuPeriod": 0,
        "CpuQuota": 0,
        "Devices": [],
        "GroupAdd": null,
        "OomKillDisable": null,
        "OomScoreAdj": 0,
        "PidsLimit": null,
        "PublishAllPorts": false,
        "Runtime": "runc",
        "ShmSize": 64 << 20,
        "Ulimits": [],
        "UsernsMode": "",
        "Isolation": "",
    })
}

fn config(container: &Container) -> Value {
    let spec = &container.spec;
    let mut config = json!({
        "Hostname": &container.id[..12],
        "Domainname": "",
        "User": spec.user,
        "AttachStdin": false,
        "AttachStdout": false,
        "AttachStderr": false,
        "ExposedPorts": exposed_ports(container),
        "Tty": spec.tty,
        "OpenStdin": false,
        "StdinOnce": false,
        "Env": or_null(&spec.env),
        "Cmd": spec.command,
        "Image": spec.image,
        "Volumes": null,
        "WorkingDir": "",
        "Entrypoint": null,
        "Labels": spec.labels,
    });
    if let Some(test) = &spec.healthcheck {
        config["Healthcheck"] = json!({"Test": test});
    }
    config
}

fn state(container: &Container) -> Value {
    let status = container.status;
    let time = |time_ns: Option<i64>| time_ns.map_or(NEVER.to_owned(), json_text);
    let running = !matches!(status, Status::Created | Status::Exited);
    let process = matches!(status, Status::Running | Status::Paused);
    let mut state = json!({
        "Status": status.to_string(),
        // A container that waits for its restart counts as running.
        "Running": running,
        "Paused": status == Status::Paused,
        "Restarting": status == Status::Restarting,
        "OOMKilled": container.oom_killed,
        "Dead": false,
        "Pid": if process { 1_000 + container.number } else { 0 },
        "ExitCode": container.exit_code,
        "Error": container.error,
        "StartedAt": time(container.started_ns),
        "FinishedAt": time(container.finished_ns),
    });
    if let Some(health) = &container.health {
        state["Health"] = health_state(health);
    }
    state
}

fn health_state(health: &HealthState) -> Value {
    let log = health.log.iter().map(|probe| {
        json!({
            "Start": json_text(probe.start_ns),
            "End": json_text(probe.end_ns),
            "ExitCode": probe.exit_code,
            "Output": probe.output,
        })
    });
    json!({
        "Status": health.status.to_string(),
        "FailingStreak": health.failing_streak,
        "Log": log.collect::<Vec<_>>(),
    })
}

/// What becomes of a port that is not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unpublished {
    Null,
    Left,
}

fn ports(container: &Container, unpublished: Unpublished) -> Value {
    let ports = container.spec.ports.iter();
    ports
        .filter(|port| port.host.is_some() || unpublished == Unpublished::Null)
        .map(|port| {
            let published = port.host.map(|host| json!([{"HostIp": "0.0.0.0", "HostPort": host.to_string()}]));
            (format!("{}/tcp", port.container), json!(published))
        })
        .collect::<Map<_, _>>()
        .into()
}

fn exposed_ports(container: &Container) -> Value {
    let ports = container.spec.ports.iter();
    ports.map(|port| (format!("{}/tcp", port.container), json!({}))).collect::<Map<_, _>>().into()
}

/// Go's nil slice, where there is nothing.
fn or_null(list: &[String]) -> Value {
    if list.is_empty() { Value::Null } else { json!(list) }
}

/// RFC 7396: objects are merged, `null` removes, and everything else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    if let Value::Object(target) = target {
        for (key, value) in patch {
            if value.is_null() {
                target.remove(key);
            } else {
                merge(target.entry(key.as_str()).or_insert(Value::Null), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_merged_as_rfc_7396_says() {
        let mut target = json!({"a": {"b": 1, "c": 2}, "d": [1]});
        merge(&mut target, &json!({"a": {"b": null, "e": {"f": 3}}, "d": [2]}));
        assert_eq!(json!({"a": {"c": 2, "e": {"f": 3}}, "d": [2]}), target);
    }
}
