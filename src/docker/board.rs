//! What the source is doing, for people and metrics: written by followers, read by anyone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::client::EngineVersion;
use crate::record::{Container, ContainerId, GapReason};

/// How a container's log is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reading {
    /// It was not started yet.
    Waiting,
    /// Through an open response.
    Following,
    /// By asking again and again.
    Polling,
    /// It failed a moment ago, and is tried again.
    Retrying,
    /// It was read to its end.
    Ended,
    /// The engine cannot give it.
    Unreadable,
}

/// A container and how its log is being read.
#[derive(Clone, Debug, Serialize)]
pub struct ContainerStatus {
    /// Who it is.
    pub container: Container,
    /// How its log is being read.
    pub reading: Reading,
    /// Why it is not, where it is not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// What its labels ask for in vain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// How it stands with the engine.
#[derive(Clone, Debug, Default, Serialize)]
pub struct EngineStatus {
    /// Its address.
    pub host: String,
    /// Its version while connected.
    pub version: Option<String>,
    /// How logs are read while connected: `poll` or `follow`.
    pub mode: Option<&'static str>,
    /// Why it is not connected; none while it is, and before the first attempt.
    pub error: Option<String>,
    /// Its containers were listed since it was connected.
    pub listed: bool,
}

#[derive(Debug, Default)]
struct State {
    engine: EngineStatus,
    containers: BTreeMap<ContainerId, ContainerStatus>,
    warnings: BTreeMap<ContainerId, Vec<String>>,
}

/// Counters of what went wrong and was mended; each only rises.
#[derive(Debug, Default)]
pub struct Counters {
    /// Event streams that had to be opened again.
    pub reconnects_events: AtomicU64,
    /// Log responses that had to be opened again.
    pub reconnects_logs: AtomicU64,
    /// Events that could not be taken in time; the containers were listed again.
    pub events_dropped: AtomicU64,
    gaps: [AtomicU64; GapReason::ALL.len()],
}

impl Counters {
    /// Gaps shown, by reason.
    pub fn gaps(&self) -> impl Iterator<Item = (GapReason, u64)> + '_ {
        GapReason::ALL.into_iter().zip(&self.gaps).map(|(reason, count)| (reason, count.load(Ordering::Relaxed)))
    }
}

/// Shared by everyone who writes or reads it; cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct Board {
    state: Arc<Mutex<State>>,
    counters: Arc<Counters>,
}

impl Board {
    /// A board for the engine at `host`, not connected yet.
    pub fn new(host: &str) -> Self {
        let board = Self::default();
        board.state().engine.host = host.to_owned();
        board
    }

    /// How it stands with the engine.
    pub fn engine(&self) -> EngineStatus {
        self.state().engine.clone()
    }

    /// The containers that are read, by name.
    pub fn containers(&self) -> Vec<ContainerStatus> {
        let state = self.state();
        let warned = |status: &ContainerStatus| ContainerStatus {
            warnings: state.warnings.get(&status.container.id).cloned().unwrap_or_default(),
            ..status.clone()
        };
        let mut containers: Vec<_> = state.containers.values().map(warned).collect();
        drop(state);
        containers.sort_by(|a, b| a.container.name.cmp(&b.container.name));
        containers
    }

    /// The counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) fn connected(&self, version: &EngineVersion, mode: &'static str) {
        let mut state = self.state();
        state.engine.version = Some(format!("{} {}", version.product, version.version));
        state.engine.mode = Some(mode);
        state.engine.error = None;
    }

    pub(super) fn listed(&self) {
        self.state().engine.listed = true;
    }

    /// Answers whether this is news.
    pub(super) fn lost(&self, error: &str) -> bool {
        let mut state = self.state();
        let engine = &mut state.engine;
        (engine.version, engine.mode, engine.listed) = (None, None, false);
        engine.error.replace(error.to_owned()).is_none_or(|before| before != error)
    }

    pub(super) fn reading(&self, container: &Container, reading: Reading, note: &str) {
        let (container, note) = (container.clone(), note.to_owned());
        let status = ContainerStatus { container, reading, note, warnings: Vec::new() };
        self.state().containers.insert(status.container.id.clone(), status);
    }

    /// What the labels of a container ask for in vain; answers whether this is news.
    pub fn warn(&self, id: &ContainerId, warnings: Vec<String>) -> bool {
        if warnings.is_empty() {
            return false;
        }
        let before = self.state().warnings.insert(id.clone(), warnings.clone());
        before != Some(warnings)
    }

    pub(super) fn forget(&self, id: &ContainerId) {
        let mut state = self.state();
        state.containers.remove(id);
        state.warnings.remove(id);
    }

    pub(super) fn gap(&self, reason: GapReason) {
        self.counters.gaps[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reconnected_logs(&self) {
        self.counters.reconnects_logs.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reconnected_events(&self) {
        self.counters.reconnects_events.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn event_dropped(&self) {
        self.counters.events_dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the board was held leaves a board that is at worst one entry behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
