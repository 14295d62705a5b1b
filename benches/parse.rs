//! Stages 2–5 alone, by what kind of line it is: lines → records, in lines per second of one core.
//! `cargo bench --bench parse -- MIX.ndjson [LINES] [ROUNDS]` prints a table, the whole mix first.

#![allow(clippy::print_stdout, missing_docs)]

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

use foghorn::pipeline::{Pipeline, Settings};
use foghorn::record::{Container, ContainerCursor, ContainerId, Frame, Position, Stream};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// As many lines as a follower delivers at a time, about.
const BATCH: usize = 512;

type Lines = Vec<(Stream, Vec<u8>)>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let Some(mix) = arguments.next() else {
        println!("usage: parse MIX.ndjson [LINES] [ROUNDS]");
        return Ok(());
    };
    let lines: usize = arguments.next().map_or(Ok(200_000), |n| n.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |n| n.parse())?;
    let (mut all, mut kinds) = (Lines::new(), BTreeMap::<&str, Lines>::new());
    for line in std::io::BufReader::new(std::fs::File::open(mix)?).lines().take(lines) {
        let line: serde_json::Value = serde_json::from_str(&line?)?;
        let text = format!("{}\n", line["line"].as_str().unwrap_or_default()).into_bytes();
        let stream = if line["stream"] == "stderr" { Stream::Stderr } else { Stream::Stdout };
        let service = line["service"].as_str().unwrap_or_default();
        kinds.entry(kind(service, stream, &text)).or_default().push((stream, text.clone()));
        all.push((stream, text));
    }
    println!("kind\tlines/s\tlines\tns/line");
    for (kind, lines) in std::iter::once(("mix", all)).chain(kinds) {
        let mut best = f64::INFINITY;
        // Enough work for the clock's steps of 10 ms.
        let repeats = 200_000_usize.div_ceil(lines.len());
        for _ in 0..rounds {
            let before = cpu_us()?;
            for _ in 0..repeats {
                std::hint::black_box(read(&lines));
            }
            best = best.min((cpu_us()? - before) / (lines.len() * repeats) as f64);
        }
        println!("{kind}\t{:.0}\t{}\t{:.0}", 1e6 / best, lines.len(), best * 1e3);
    }
    // A line as long as it may be, of each byte: linear, or it would take minutes.
    let slowest = (0..=u8::MAX).map(|byte| {
        let mut line = vec![byte; 1 << 20];
        line.push(b'\n');
        let lines = vec![(Stream::Stdout, line)];
        let best = (0..3).map(|_| {
            let before = std::time::Instant::now();
            std::hint::black_box(read(&lines));
            before.elapsed()
        });
        (best.min().unwrap_or_default(), byte)
    });
    let (took, byte) = slowest.max().unwrap_or_default();
    println!("huge\t{:.0}\t1\t{:.0}\tbyte {byte:#04x}", 1.0 / took.as_secs_f64(), took.as_nanos());
    Ok(())
}

fn kind(service: &str, stream: Stream, text: &[u8]) -> &'static str {
    match (service, stream) {
        ("nginx", Stream::Stderr) => "nginx_error",
        ("nginx", _) => "access",
        ("postgres", _) => "postgres",
        ("redis", _) => "redis",
        ("web", _) => "nextjs",
        _ if text.starts_with(b"{") => "json",
        (_, Stream::Stderr) => "python",
        _ => "uvicorn",
    }
}

/// How many records the lines are.
fn read(lines: &Lines) -> usize {
    let container = Arc::new(Container {
        id: ContainerId::new("40313c6b1db8ec2467d58e863a64eb1448c6f7e5d575758443c19481fba4fecb"),
        name: "mix".into(),
        project: "bench".into(),
        service: "mix".into(),
        number: 1,
    });
    let mut pipeline = Pipeline::new(container, ContainerCursor::default(), &Settings::default());
    let mut records = 0;
    for (at, (stream, bytes)) in lines.iter().enumerate() {
        let position = Position { time_ns: 1_795_233_566_123_456_789 + at as i64 * 8_000, ordinal: 1 };
        pipeline.push(Frame { stream: *stream, position, bytes });
        if at % BATCH == BATCH - 1 {
            records += pipeline.take().iter().map(|finish| finish.records.len()).sum::<usize>();
        }
    }
    pipeline.finish();
    records + pipeline.take().iter().map(|finish| finish.records.len()).sum::<usize>()
}

/// CPU time of this process, in steps of 10 ms.
fn cpu_us() -> Result<f64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields = text.rsplit_once(") ").ok_or("no stat")?.1.split(' ').skip(11).take(2);
    Ok(fields.map(|ticks| ticks.parse::<f64>().unwrap_or_default()).sum::<f64>() * 1e4)
}
