//! The data path's two halves apart, in CPU time of this process: bytes of the engine → records,
//! and records → committed index. `cargo bench --bench stages -- MIX.ndjson [LINES] [ROUNDS]`.

#![allow(clippy::print_stdout, missing_docs)]

use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;

use foghorn::config::{RetentionConfig, StoreConfig};
use foghorn::docker::frames::{FrameDecoder, Framing};
use foghorn::pipeline::{Pipeline, Settings};
use foghorn::record::{Batch, Checkpoint, Container, ContainerCursor, ContainerId, Frame, Position, Stream, time_text};
use foghorn::store::Store;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const GATHERED_BYTES: usize = 100 * 1024;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let Some(mix) = arguments.next() else {
        println!("usage: stages MIX.ndjson [LINES] [ROUNDS]");
        return Ok(());
    };
    let lines: usize = arguments.next().map_or(Ok(200_000), |n| n.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |n| n.parse())?;
    let body = body(&mix, lines)?;
    let container = Arc::new(Container {
        id: ContainerId::new("40313c6b1db8ec2467d58e863a64eb1448c6f7e5d575758443c19481fba4fecb"),
        name: "mix".into(),
        project: "bench".into(),
        service: "mix".into(),
        number: 1,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (mut read_us, mut index_us) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let before = cpu_us()?;
        let batches = read(&body, &container)?;
        read_us.push((cpu_us()? - before) / lines as f64);
        let directory = tempfile::tempdir()?;
        let config = StoreConfig {
            path: PathBuf::from(directory.path()),
            commit_interval: std::time::Duration::from_secs(5),
            commit_records: 25_000,
            commit_bytes: 16 << 20,
        };
        let retention = RetentionConfig { max_age: std::time::Duration::from_secs(1 << 30), max_bytes: 10 << 30 };
        let before = cpu_us()?;
        runtime.block_on(async {
            let store = Store::open(
                &config,
                &retention,
                Arc::new(|raw, format, time_ns, _| foghorn::parse::fields(raw, format, time_ns)),
            )?;
            let appender = store.appender();
            for batch in batches {
                appender.send(batch).await?;
            }
            drop(appender);
            tokio::task::spawn_blocking(|| store.close()).await?;
            Ok::<_, Box<dyn std::error::Error>>(())
        })?;
        index_us.push((cpu_us()? - before) / lines as f64);
    }
    for (name, mut figures) in [("read", read_us), ("index", index_us)] {
        figures.sort_by(f64::total_cmp);
        println!("{name}\t{:.2}\tus/line of CPU, best of {rounds}; median {:.2}", figures[0], figures[rounds / 2]);
    }
    Ok(())
}

/// The lines of the mix as the engine sends them.
fn body(path: &str, lines: usize) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut body = Vec::new();
    for (n, line) in std::io::BufReader::new(std::fs::File::open(path)?).lines().take(lines).enumerate() {
        let line: serde_json::Value = serde_json::from_str(&line?)?;
        let text = line["line"].as_str().unwrap_or_default();
        let time = time_text(1_795_233_566_123_456_789 + n as i64 * 8_000);
        body.extend([1 + u8::from(line["stream"] == "stderr"), 0, 0, 0]);
        body.extend(u32::try_from(time.len() + text.len() + 2)?.to_be_bytes());
        body.extend(format!("{time} {text}\n").bytes());
    }
    Ok(body)
}

fn read(body: &[u8], container: &Arc<Container>) -> Result<Vec<Batch>, Box<dyn std::error::Error>> {
    let mut pipeline = Pipeline::new(Arc::clone(container), ContainerCursor::default(), &Settings::default());
    let mut decoder = FrameDecoder::new(Framing::Multiplexed);
    let mut batches = Vec::new();
    for bytes in body.chunks(GATHERED_BYTES) {
        decoder.feed(bytes, |(stream, time_ns, bytes): (Stream, i64, &[u8])| {
            pipeline.push(Frame { stream, position: Position { time_ns, ordinal: 1 }, bytes });
        })?;
        batches.extend(pipeline.take().into_iter().map(|finish| Batch {
            container: Arc::clone(container),
            records: finish.records.into(),
            checkpoint: Checkpoint {
                cursor: finish.cursor,
                first_seen_ns: 0,
                complete: false,
                import: None,
                forget: false,
                urgent: false,
            },
        }));
    }
    Ok(batches)
}

/// CPU time of this process, threads that ended included, in steps of 10 ms.
fn cpu_us() -> Result<f64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields = text.rsplit_once(") ").ok_or("no stat")?.1.split(' ').skip(11).take(2);
    Ok(fields.map(|ticks| ticks.parse::<f64>().unwrap_or_default()).sum::<f64>() * 1e4)
}
