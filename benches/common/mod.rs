//! What the benchmarks share: their arguments, the lines of the mix, and the CPU's clock.

#![allow(dead_code, reason = "each benchmark uses a part")]

use std::io::BufRead;
use std::sync::Arc;

use foghorn::record::{Container, ContainerId, Stream};

pub type Error = Box<dyn std::error::Error>;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// `MIX.ndjson [LINES] [ROUNDS] [ONLY]`
pub struct Arguments {
    mix: String,
    pub lines: usize,
    pub rounds: usize,
    pub only: Option<String>,
}

/// One line of the mix, without its newline.
pub struct Line {
    pub service: String,
    pub stream: Stream,
    pub text: String,
}

impl Arguments {
    /// Those of the command line; none without a mix.
    pub fn read() -> Result<Option<Self>, Error> {
        let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
        let Some(mix) = arguments.next() else { return Ok(None) };
        let lines = arguments.next().map_or(Ok(200_000), |n| n.parse())?;
        let rounds = arguments.next().map_or(Ok(5), |n| n.parse())?;
        Ok(Some(Self { mix, lines, rounds, only: arguments.next() }))
    }

    /// The first lines of the mix.
    pub fn mix(&self) -> Result<Vec<Line>, Error> {
        let file = std::io::BufReader::new(std::fs::File::open(&self.mix)?);
        let lines = file.lines().take(self.lines).map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line?)?;
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let stream = if line["stream"] == "stderr" { Stream::Stderr } else { Stream::Stdout };
            Ok(Line { service: text("service"), stream, text: text("line") })
        });
        lines.collect()
    }
}

/// Who says the mix.
pub fn container() -> Arc<Container> {
    Arc::new(Container {
        id: ContainerId::new("40313c6b1db8ec2467d58e863a64eb1448c6f7e5d575758443c19481fba4fecb"),
        name: "mix".into(),
        project: "bench".into(),
        service: "mix".into(),
        number: 1,
    })
}

/// CPU time of this process, threads that ended included, in steps of 10 ms.
pub fn cpu_us() -> Result<f64, Error> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields = text.rsplit_once(") ").ok_or("no stat")?.1.split(' ').skip(11).take(2);
    Ok(fields.map(|ticks| ticks.parse::<f64>().unwrap_or_default()).sum::<f64>() * 1e4)
}
