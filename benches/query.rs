//! Questions to a store that `foghorn import` filled with the mix: how long each takes, warm, on one
//! thread. The answers are compared with the mix's manifest.

#![allow(clippy::print_stdout, missing_docs)]

#[path = "common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::Error;
use foghorn::config::{RetentionConfig, StoreConfig};
use foghorn::parse;
use foghorn::query::Query;
use foghorn::record::Container;
use foghorn::store::{
    Axis, CountRequest, Counts, Deadline, Facet, Order, PAGE_BYTES, Page, SearchRequest, Store, StoreReader,
};

/// A question is asked so often, but no longer than this.
const ROUNDS: usize = 31;
const LONGEST: Duration = Duration::from_secs(10);
const DAY_NS: i64 = 86_400_000_000_000;
const STEP_NS: i64 = 300_000_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let (Some(path), Some(manifest)) = (arguments.next(), arguments.next()) else {
        println!("usage: query STORE MANIFEST, where `foghorn import --store-path STORE MIX.ndjson` was run");
        return Ok(());
    };
    let manifest: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(manifest)?)?;
    let store = open(Path::new(&path))?;
    let reader = store.reader();
    println!("name\tms\twhat");
    questions(&reader, &manifest)?;
    tokio::task::spawn_blocking(|| store.close()).await?;
    many_days(Path::new(&path))
}

fn open(path: &Path) -> Result<Store, Error> {
    let config = StoreConfig {
        path: path.to_owned(),
        commit_interval: Duration::from_secs(5),
        commit_records: 50_000,
        commit_bytes: 32 << 20,
    };
    let retention = RetentionConfig {
        max_age: Duration::from_secs(1 << 32),
        services: std::collections::BTreeMap::new(),
        max_bytes: 1 << 42,
        min_free_bytes: 0,
    };
    let read_fields = |raw: &str, format: &str, time_ns, _: &Container| parse::fields(raw, format, time_ns);
    Ok(Store::open(&config, &retention, Arc::new(read_fields))?)
}

fn deadline() -> Deadline {
    Deadline::at(Instant::now() + Duration::from_secs(600))
}

/// The median of several times; the answer is the last one.
fn timed<T>(name: &str, what: &str, mut ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let began = Instant::now();
    let mut answer = ask()?;
    let mut times = vec![began.elapsed()];
    while times.len() < ROUNDS && began.elapsed() < LONGEST {
        let before = Instant::now();
        answer = ask()?;
        times.push(before.elapsed());
    }
    times.sort_unstable();
    println!("{name}\t{:.3}\t{what}", times[times.len() / 2].as_secs_f64() * 1e3);
    Ok(answer)
}

fn search(reader: &StoreReader, query: &str, limit: usize) -> Result<Page, Error> {
    Ok(reader.search(&SearchRequest {
        query: query.parse()?,
        from_ns: None,
        to_ns: None,
        order: Order::NewestFirst,
        after: None,
        limit,
        max_bytes: PAGE_BYTES,
        deadline: deadline(),
    })?)
}

fn count(query: &str) -> Result<CountRequest, Error> {
    let query: Query = query.parse()?;
    Ok(CountRequest { query, from_ns: None, to_ns: None, deadline: deadline() })
}

fn questions(reader: &StoreReader, manifest: &serde_json::Value) -> Result<(), Error> {
    let number = |name: &str| manifest[name].as_u64().ok_or_else(|| format!("the manifest has no {name}"));
    let expect = |what: &str, found: u64, expected: u64| {
        if found == expected { Ok(()) } else { Err(format!("{what}: {found} found, {expected} in the manifest")) }
    };
    let needle = format!("\"{}\"", manifest["needle"].as_str().unwrap_or_default());
    let phrase = format!("\"{}\"", manifest["phrase"].as_str().unwrap_or_default());
    let nginx = manifest["lines_by_service"]["nginx"].as_u64().unwrap_or_default();

    let page = timed("q_needle_ms", "a unique token and its records", || search(reader, &needle, 100))?;
    expect("the needle", page.records.len() as u64, number("needle_lines")?)?;
    timed("q_newest_ms", "the newest 100 of a service", || search(reader, "service:api", 100))?;
    timed("q_newest_all_ms", "the newest 100 of all", || search(reader, "", 100))?;
    timed("q_phrase_ms", "the newest 100 with a phrase that 0.1 % have", || search(reader, &phrase, 100))?;
    timed("q_status_ms", "the newest 100 with status:>=500", || search(reader, "status:>=500", 100))?;
    let found = timed("q_phrase_count_ms", "the same phrase counted: its records are read", || {
        Ok(reader.facets(&count(&phrase)?, &[Facet::from_name("level")], 10)?)
    })?;
    expect("the phrase", found.total, number("phrase_lines")?)?;

    let (first_ns, _) = reader.time_range().ok_or("the store is empty")?;
    let start_ns = first_ns - first_ns.rem_euclid(DAY_NS);
    let by = Some(Facet::from_name("level"));
    let axis = Axis { start_ns, step_ns: STEP_NS, buckets: (DAY_NS / STEP_NS) as usize, by };
    let all = timed("q_histogram_ms", "24 h by level in steps of 5 min", || Ok(reader.histogram(&count("")?, &axis)?))?;
    expect("all records", all.total, reader.status().records)?;
    timed("q_histogram_word_ms", "the same of the records with a word", || {
        Ok(reader.histogram(&count("refused")?, &axis)?)
    })?;
    timed(
        "q_histogram_service_ms",
        "the same of one service",
        || Ok(reader.histogram(&count("service:api")?, &axis)?),
    )?;
    let fields = ["service", "level", "stream", "format"].map(Facet::from_name);
    let counts = timed("q_facets_ms", "service, level, stream and format of all", || {
        Ok(reader.facets(&count("")?, &fields, 10)?)
    })?;
    let of_nginx = counts.facets[0].values.iter().find(|one| one.value == "nginx").map_or(0, |one| one.count);
    expect("nginx", of_nginx, nginx)?;
    timed("q_facets_word_ms", "the same of the records with a word", || {
        Ok(reader.facets(&count("refused")?, &fields, 10)?)
    })?;
    let top = timed("q_top_ms", "the ten commonest paths", || {
        Ok(reader.facets(&count("")?, &[Facet::from_name("http.path")], 10)?)
    })?;
    if top.is_partial {
        return Err("the commonest paths were not counted to the end".into());
    }
    let counted =
        |query: &str, field| Ok::<_, Error>(reader.facets(&count(query)?, &[Facet::from_name(field)], 1_000)?);
    let of = |counts: &Counts, value: &str| {
        counts.facets[0].values.iter().find(|one| one.value == value).map_or(0, |one| one.count)
    };
    expect("server errors", counted("service:nginx status:>=500", "status")?.total, number("nginx_status_ge_500")?)?;
    // In the manifest, one with a query string stands by itself.
    let paths = counted("service:nginx", "path")?;
    for path in manifest["nginx_top_uris"].as_array().into_iter().flatten() {
        let uri = path[0].as_str().unwrap_or_default();
        if !uri.contains('?') {
            expect(uri, of(&paths, uri), path[1].as_u64().unwrap_or_default())?;
        }
    }
    let errors = counted("format:json level:error", "service")?;
    for (service, count) in manifest["json_level_error_by_service"].as_object().into_iter().flatten() {
        expect(service, of(&errors, service), count.as_u64().unwrap_or_default())?;
    }
    Ok(())
}

/// Opening a store of thirty days, each of them the largest of the given one.
fn many_days(path: &Path) -> Result<(), Error> {
    let mut days: Vec<(u64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(path.join("index"))? {
        let path = entry?.path();
        if path.is_dir() {
            let files = std::fs::read_dir(&path)?.flatten();
            days.push((files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum(), path));
        }
    }
    let (_, largest) = days.into_iter().max().ok_or("the store is empty")?;
    let many = path.with_extension("thirty");
    for day in 1..=30 {
        let copy = many.join("index").join(format!("2026-10-{day:02}"));
        std::fs::create_dir_all(&copy)?;
        for file in std::fs::read_dir(&largest)? {
            let file = file?.path();
            let name = file.file_name().unwrap_or_default();
            // What changes is copied; segments never do.
            if file.extension().is_some_and(|ending| ending != "json" && ending != "lock") {
                std::fs::hard_link(&file, copy.join(name))?;
            } else {
                std::fs::copy(&file, copy.join(name))?;
            }
        }
    }
    let before = resident_kib()?;
    let began = Instant::now();
    let store = open(&many)?;
    let took = began.elapsed();
    println!("open30_ms\t{:.3}\topening a store of 30 partitions", took.as_secs_f64() * 1e3);
    println!("open30_mb\t{:.3}\tand what it makes resident", (resident_kib()? - before) / 1024.0);
    drop(store);
    Ok(std::fs::remove_dir_all(&many)?)
}

fn resident_kib() -> Result<f64, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
