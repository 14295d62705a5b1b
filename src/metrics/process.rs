//! `/proc/self` → the process's own figures, under the names that every Prometheus client uses.

use super::{Snapshot, Values};

/// Memory, CPU time, start time and open files of this process; what cannot be read is left out.
pub fn snapshots() -> Vec<Snapshot> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let now_s = chrono::Utc::now().timestamp_millis() as f64 / 1000.0;
    let files = std::fs::read_dir("/proc/self/fd").map(|entries| entries.count() as f64).ok();
    parse(&read("stat"), &read("status"), &uptime, now_s)
        .into_iter()
        .chain(files.map(|count| gauge("process_open_fds", "Open files", count)))
        .collect()
}

/// Linux reports times in hundredths of a second on every machine (`man 5 proc`, `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

fn parse(stat: &str, status: &str, uptime: &str, now_s: f64) -> Vec<Snapshot> {
    let mut snapshots = Vec::new();
    // The program's name may hold anything; fields are counted from behind it.
    let fields: Vec<&str> = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect()).unwrap_or_default();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
    if let (Some(user), Some(system)) = (ticks(11), ticks(12)) {
        snapshots.push(Snapshot {
            name: "process_cpu_seconds",
            help: "Processor time used",
            values: Values::Counter(vec![(Vec::new(), (user + system) / TICKS_PER_SECOND)]),
        });
    }
    let uptime_s = uptime.split(' ').next().and_then(|text| text.parse::<f64>().ok());
    if let (Some(start), Some(uptime_s)) = (ticks(19), uptime_s) {
        snapshots.push(gauge(
            "process_start_time_seconds",
            "Start of the process since the epoch",
            now_s - uptime_s + start / TICKS_PER_SECOND,
        ));
    }
    let kib = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse::<f64>().ok()
    };
    if let Some(resident) = kib("VmRSS") {
        snapshots.push(gauge("process_resident_memory_bytes", "Resident memory", resident * 1024.0));
    }
    if let Some(anonymous) = kib("RssAnon") {
        snapshots.push(gauge(
            "foghorn_anonymous_memory_bytes",
            "Resident memory that is not backed by files of the index",
            anonymous * 1024.0,
        ));
    }
    snapshots
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Snapshot {
    Snapshot { name, help, values: Values::Gauge(vec![(Vec::new(), value)]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_as_the_manual_says() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 5 0 12000 1 2 3";
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nRssAnon:\t 1024 kB\n";
        let values: Vec<(&str, f64)> = parse(stat, status, "500.00 900.00\n", 1_000.0)
            .into_iter()
            .map(|s| match s.values {
                Values::Counter(v) | Values::Gauge(v) => (s.name, v[0].1),
            })
            .collect();
        assert_eq!(
            values,
            [
                ("process_cpu_seconds", 3.0),
                ("process_start_time_seconds", 620.0),
                ("process_resident_memory_bytes", 2_097_152.0),
                ("foghorn_anonymous_memory_bytes", 1_048_576.0)
            ]
        );
        assert!(parse("", "", "", 0.0).is_empty());
    }
}
