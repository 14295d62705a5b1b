//! Creating and naming containers: from what is asked for to a container that has not been started.

use std::sync::Arc;

use super::copier::{InvalidUtf8, Keeping, SplitLineEnd};
use super::error::SimError;
use super::ids::hex_id;
use super::journal::{Journal, Rules, Streams};
use super::spec::{ContainerSpec, Status};
use super::state::{Container, LogEnd, Restarts, State};

/// Entries that are kept of a container without rotation.
const MAX_ENTRIES: usize = 1 << 20;
impl State {
    pub(super) fn create(&mut self, mut spec: ContainerSpec) -> Result<String, SimError> {
        self.created += 1;
        let number = self.created;
        if spec.name.is_empty() {
            spec.name = format!("sim-{number}");
        }
        self.check_name(&spec.name)?;
        let id = hex_id(&format!("{number}/{}", spec.name));
        let journal = Arc::new(Journal::new(self.log_rules(&spec)));
        let container = Container {
            id: id.clone(),
            spec,
            number,
            status: Status::Created,
            created_ns: self.clock.stamp_ns(),
            started_ns: None,
            finished_ns: None,
            exit_code: 0,
            error: String::new(),
            oom_killed: false,
            restart_count: 0,
            restarts: Restarts::ByPolicy,
            health: None,
            journal,
            log_end: LogEnd::WithTheRun,
            patch: None,
        };
        self.containers.insert(id.clone(), container);
        self.publish(&id, "create", &[]);
        Ok(id)
    }

    pub(super) fn check_name(&self, name: &str) -> Result<(), SimError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let first = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if !first || name.len() < 2 || !name.chars().all(allowed) {
            return Err(SimError::InvalidName { name: name.to_owned() });
        }
        let mut all = self.containers.values();
        match all.find(|container| container.spec.name == name) {
            None => Ok(()),
            Some(owner) => Err(SimError::NameInUse { name: name.to_owned(), owner: owner.id.clone() }),
        }
    }

    fn log_rules(&self, spec: &ContainerSpec) -> Rules {
        // Other drivers are read through the engine's cache, which is the local driver's.
        let json = spec.driver == "json-file";
        let old = self.version.major() < 23;
        let keeping = Keeping {
            invalid_utf8: if json { InvalidUtf8::Replaced } else { InvalidUtf8::Kept },
            split_line_end: if old && !json { SplitLineEnd::Dropped } else { SplitLineEnd::Kept },
        };
        Rules {
            keeping,
            streams: if spec.tty { Streams::StdoutOnly } else { Streams::Both },
            max_entries: spec.max_log_entries.unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES),
        }
    }
}
