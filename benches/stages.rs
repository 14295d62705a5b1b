//! The data path's two halves apart, in CPU time of this process: bytes of the engine → records,
//! and records → committed index. `cargo bench --bench stages -- MIX.ndjson [LINES] [ROUNDS]`.

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use std::path::PathBuf;
use std::sync::Arc;

use common::{Arguments, Error, Line, cpu_us};
use foghorn::config::{RetentionConfig, StoreConfig};
use foghorn::docker::frames::{FrameDecoder, Framing};
use foghorn::pipeline::{Pipeline, Settings};
use foghorn::record::{Batch, Checkpoint, Container, ContainerCursor, Frame, Position, Stream, time_text};
use foghorn::store::Store;

const GATHERED_BYTES: usize = 100 * 1024;

fn main() -> Result<(), Error> {
    let Some(arguments) = Arguments::read()? else {
        println!("usage: stages MIX.ndjson [LINES] [ROUNDS]");
        return Ok(());
    };
    let body = body(&arguments.mix()?)?;
    let (lines, rounds) = (arguments.lines, arguments.rounds);
    let container = common::container();
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
        let retention = RetentionConfig {
            max_age: std::time::Duration::from_secs(1 << 30),
            services: std::collections::BTreeMap::new(),
            max_bytes: 10 << 30,
            min_free_bytes: 0,
        };
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
            Ok::<_, Error>(())
        })?;
        index_us.push((cpu_us()? - before) / lines as f64);
    }
    for (name, mut figures) in [("read", read_us), ("index", index_us)] {
        figures.sort_by(f64::total_cmp);
        println!("{name}\t{:.2}\tus/line of CPU, best of {rounds}; median {:.2}", figures[0], figures[rounds / 2]);
    }
    Ok(())
}

/// The lines as the engine sends them.
fn body(lines: &[Line]) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    for (n, Line { stream, text, .. }) in lines.iter().enumerate() {
        let time = time_text(1_795_233_566_123_456_789 + n as i64 * 8_000);
        body.extend([1 + u8::from(*stream == Stream::Stderr), 0, 0, 0]);
        body.extend(u32::try_from(time.len() + text.len() + 2)?.to_be_bytes());
        body.extend(format!("{time} {text}\n").bytes());
    }
    Ok(body)
}

fn read(body: &[u8], container: &Arc<Container>) -> Result<Vec<Batch>, Error> {
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
