//! The state of all stages → what a scrape of `/metrics` shows of it.

use std::sync::atomic::Ordering;

use crate::docker::board::Board;
use crate::live::Live;
use crate::metrics::{Labels, Observe, Snapshot, Values, process};
use crate::store::StoreReader;

/// Everything that is not counted line by line.
pub(super) fn observe(board: Board, store: StoreReader, live: Live) -> Observe {
    Box::new(move || {
        let mut snapshots = source(&board);
        snapshots.extend(lag(&board, &store));
        snapshots.extend(index(&store));
        snapshots.push(gauge("foghorn_live_readers", "Readers of live tail", live.readers() as f64));
        let labels = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        snapshots.push(Snapshot {
            name: "foghorn_build_info",
            help: "Foghorn's version",
            values: Values::Gauge(vec![(labels, 1.0)]),
        });
        snapshots.extend(process::snapshots());
        snapshots
    })
}

fn source(board: &Board) -> Vec<Snapshot> {
    let counters = board.counters();
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed) as f64;
    let engine = board.engine();
    vec![
        gauge(
            "foghorn_docker_connected",
            "Whether the engine is being watched",
            f64::from(u8::from(engine.version.is_some())),
        ),
        gauge(
            "foghorn_docker_containers",
            "Containers that are read or were read to their end",
            board.containers().len() as f64,
        ),
        Snapshot {
            name: "foghorn_docker_reconnects",
            help: "Streams that had to be opened again",
            values: Values::Counter(vec![
                (label("stream", "events"), count(&counters.reconnects_events)),
                (label("stream", "logs"), count(&counters.reconnects_logs)),
            ]),
        },
        counter(
            "foghorn_docker_events_dropped",
            "Events not taken in time; the containers were listed again",
            count(&counters.events_dropped),
        ),
        Snapshot {
            name: "foghorn_log_gaps",
            help: "Gaps shown: lines that were, or may have been, written and that nobody can read any more",
            values: Values::Counter(
                counters.gaps().map(|(reason, n)| (label("reason", reason.as_str()), n as f64)).collect(),
            ),
        },
    ]
}

/// How old the last durable line of each container is, while newer ones wait.
fn lag(board: &Board, store: &StoreReader) -> Vec<Snapshot> {
    let durability = store.durability();
    let now_ns = crate::docker::now_ns();
    let series = board
        .containers()
        .into_iter()
        .map(|status| {
            let known = durability.get(&status.container.id).copied().unwrap_or_default();
            let lag_ns = match (known.durable_ns, known.taken_ns) {
                (durable, Some(taken)) if durable != Some(taken) => {
                    now_ns.saturating_sub(durable.unwrap_or(taken)).max(0)
                }
                _ => 0,
            };
            let labels = vec![
                ("compose_project", status.container.project),
                ("compose_service", status.container.service),
                ("container", status.container.name),
            ];
            (labels, lag_ns as f64 / 1e9)
        })
        .collect();
    vec![Snapshot {
        name: "foghorn_ingest_lag_seconds",
        help: "Age of the last durable line while newer ones wait to be made durable",
        values: Values::Gauge(series),
    }]
}

fn index(store: &StoreReader) -> Vec<Snapshot> {
    let status = store.status();
    let (available, size) = status.filesystem_bytes;
    vec![
        gauge("foghorn_index_size_bytes", "Disk taken by the index", status.size_bytes as f64),
        gauge("foghorn_index_records", "Records that can be searched", status.records as f64),
        gauge("foghorn_checkpoints", "Containers whose read cursors are durable", status.checkpoints as f64),
        gauge("foghorn_index_partitions", "Partitions of the index", status.partitions as f64),
        gauge(
            "foghorn_index_damaged_partitions",
            "Partitions set aside, or to be set aside, since the start",
            status.damaged.len() as f64,
        ),
        gauge(
            "foghorn_index_paused",
            "Whether the index takes no records, for example because the disk is full",
            f64::from(u8::from(status.paused.is_some())),
        ),
        counter("foghorn_index_commits", "Commits", status.commits as f64),
        counter(
            "foghorn_index_failed_commits",
            "Commits that failed and were tried again",
            status.failed_commits as f64,
        ),
        Snapshot {
            name: "foghorn_index_removed_partitions",
            help: "Partitions removed, by the limit that they were beyond",
            values: Values::Counter(vec![
                (label("reason", "age"), status.removed.age as f64),
                (label("reason", "bytes"), status.removed.bytes as f64),
                (label("reason", "free_space"), status.removed.free_space as f64),
            ]),
        },
        counter(
            "foghorn_index_removed_records",
            "Records removed before the rest of their day, by the age of their service",
            status.removed_records as f64,
        ),
        gauge(
            "foghorn_storage_filesystem_available_bytes",
            "Bytes available on the index's file system",
            available as f64,
        ),
        gauge("foghorn_storage_filesystem_size_bytes", "Size of the index's file system", size as f64),
        Snapshot {
            name: "foghorn_log_lines_dropped",
            help: "Lines read and not kept",
            values: Values::Counter(vec![(label("reason", "older_than_retention"), status.too_old_records as f64)]),
        },
    ]
}

fn label(name: &'static str, value: &str) -> Labels {
    vec![(name, value.to_owned())]
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Snapshot {
    Snapshot { name, help, values: Values::Gauge(vec![(Vec::new(), value)]) }
}

fn counter(name: &'static str, help: &'static str, value: f64) -> Snapshot {
    Snapshot { name, help, values: Values::Counter(vec![(Vec::new(), value)]) }
}
