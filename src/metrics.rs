//! OUTPUT Prometheus: counters of what was read, and a snapshot of everything else at each scrape.

pub mod process;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
pub use prometheus_client::registry::Registry;
use prometheus_client::registry::Unit;

use crate::record::{Batch, Level};

/// The most label sets of one family; what comes later is counted under `_OTHER`.
const MAX_SERIES: usize = 2_000;
/// The service of what is beyond [`MAX_SERIES`].
const OVERFLOW: &str = "_OTHER";

/// The content type of [`Exposition::render`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LineLabels {
    compose_project: String,
    compose_service: String,
    level: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct MetricLabel {
    metric: &'static str,
}

/// One service's counters, found again without making labels.
struct ServiceCounters {
    lines: [Counter; Level::ALL.len()],
    bytes: [Counter; Level::ALL.len()],
}

/// Counters derived from records.
pub struct LogMetrics {
    lines: Family<LineLabels, Counter>,
    bytes: Family<LineLabels, Counter>,
    overflow: Family<MetricLabel, Counter>,
    cut_bytes: Counter,
    masks: Counter,
    panics: Counter,
    services: Mutex<HashMap<(String, String), Arc<ServiceCounters>>>,
}

impl LogMetrics {
    /// Registers its families.
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Self {
            lines: Family::default(),
            bytes: Family::default(),
            overflow: Family::default(),
            cut_bytes: Counter::default(),
            masks: Counter::default(),
            panics: Counter::default(),
            services: Mutex::default(),
        };
        registry.register(
            "foghorn_log_lines",
            "Log lines read, by service and level; lines from before the container was first seen are not counted",
            metrics.lines.clone(),
        );
        registry.register_with_unit(
            "foghorn_log",
            "Bytes of log lines read, by service and level",
            Unit::Bytes,
            metrics.bytes.clone(),
        );
        registry.register(
            "foghorn_series_overflow",
            "Label sets beyond the bound of a metric, counted under _OTHER",
            metrics.overflow.clone(),
        );
        registry.register_with_unit(
            "foghorn_log_cut",
            "Bytes cut off because a line was longer than line.max_bytes",
            Unit::Bytes,
            metrics.cut_bytes.clone(),
        );
        registry.register(
            "foghorn_log_secrets_masked",
            "Secrets masked in what was read, such as passwords and tokens",
            metrics.masks.clone(),
        );
        registry.register(
            "foghorn_log_unread_records",
            "Records that a bug of Foghorn kept from being read: plain text without fields, or withheld where secrets could not be masked",
            metrics.panics.clone(),
        );
        Arc::new(metrics)
    }

    /// Counts a batch. What was written before Foghorn first saw the container is history: it is
    /// indexed, but no counter should jump by a week of lines.
    pub fn observe(&self, batch: &Batch) {
        if batch.records.is_empty() {
            return;
        }
        let counters = self.service(&batch.container.project, &batch.container.service);
        for record in batch.records.iter().filter(|r| r.time_ns() >= batch.checkpoint.first_seen_ns) {
            let level = record.level as usize;
            counters.lines[level].inc();
            counters.bytes[level].inc_by(record.raw.len() as u64 + 1);
        }
    }

    /// Counts bytes that were cut off lines.
    pub fn cut(&self, bytes: u64) {
        self.cut_bytes.inc_by(bytes);
    }

    /// Counts secrets that were masked.
    pub fn masked(&self, masks: u64) {
        self.masks.inc_by(masks);
    }

    /// Counts records that a bug kept from being read.
    pub fn unread(&self, records: u64) {
        self.panics.inc_by(records);
    }

    fn service(&self, project: &str, service: &str) -> Arc<ServiceCounters> {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (project.to_owned(), service.to_owned());
        if let Some(counters) = services.get(&key) {
            return Arc::clone(counters);
        }
        let full = services.len() * Level::ALL.len() >= MAX_SERIES;
        if full {
            self.overflow.get_or_create(&MetricLabel { metric: "foghorn_log_lines" }).inc();
        }
        let (project, service) = if full { ("", OVERFLOW) } else { (project, service) };
        let labels = |level: Level| LineLabels {
            compose_project: project.to_owned(),
            compose_service: service.to_owned(),
            level: level.as_str(),
        };
        let counters = Arc::new(ServiceCounters {
            lines: Level::ALL.map(|level| self.lines.get_or_create(&labels(level)).clone()),
            bytes: Level::ALL.map(|level| self.bytes.get_or_create(&labels(level)).clone()),
        });
        if !full {
            services.insert(key, Arc::clone(&counters));
        }
        counters
    }
}

/// A family as it is at the moment of a scrape.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The name without `_total`.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// Counter or gauge.
    pub values: Values,
}

/// Labels of one series, by name.
pub type Labels = Vec<(&'static str, String)>;

/// The series of a [`Snapshot`].
#[derive(Clone, Debug)]
pub enum Values {
    /// Values that only rise.
    Counter(Vec<(Labels, f64)>),
    /// Values that rise and fall.
    Gauge(Vec<(Labels, f64)>),
}

/// Asks for the snapshots at each scrape.
pub type Observe = Box<dyn Fn() -> Vec<Snapshot> + Send + Sync>;

struct Snapshots(Observe);

impl std::fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshots")
    }
}

impl Collector for Snapshots {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for snapshot in (self.0)() {
            let (series, is_counter) = match &snapshot.values {
                Values::Counter(series) => (series, true),
                Values::Gauge(series) => (series, false),
            };
            if series.is_empty() {
                continue;
            }
            let kind =
                if is_counter { ConstCounter::new(0.0).metric_type() } else { ConstGauge::new(0.0).metric_type() };
            let mut family = encoder.encode_descriptor(snapshot.name, snapshot.help, None, kind)?;
            for (labels, value) in series {
                let value = |encoder: MetricEncoder<'_>| {
                    if is_counter {
                        ConstCounter::new(*value).encode(encoder)
                    } else {
                        ConstGauge::new(*value).encode(encoder)
                    }
                };
                if labels.is_empty() {
                    value(family)?;
                    break;
                }
                let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
                value(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// Everything that a scrape shows. Cloning is cheap.
#[derive(Clone)]
pub struct Exposition {
    registry: Arc<Registry>,
}

impl Exposition {
    /// Takes a registry with its families, and what to observe at each scrape.
    pub fn new(mut registry: Registry, observe: Observe) -> Self {
        registry.register_collector(Box::new(Snapshots(observe)));
        Self { registry: Arc::new(registry) }
    }

    /// The OpenMetrics text.
    ///
    /// # Errors
    /// Where a value cannot be written, which a string never refuses.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
