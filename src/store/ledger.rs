//! The read cursors of all containers ↔ the payload of a commit.
//!
//! They are part of the commit that makes the records durable, so index and cursors can never
//! disagree. Partitions commit one after the other; each payload says what holds once this
//! partition and all older ones of the same round are durable, and the highest `sequence` counts.
//!
//! Tantivy keeps no checksum of the file that holds a payload, and a wrong digit in it would be lines that
//! are missing or come twice: the payload has one of its own, eight hexadecimal digits before the rest.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::record::{Checkpoint, Container, ContainerId};

/// The version of the payload's form.
const VERSION: u32 = 1;
const CHECKSUM_BYTES: usize = 8;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    container: Container,
    checkpoint: Checkpoint,
}

/// Where reading resumes for every container, as of one commit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    version: u32,
    /// Rises with every commit of any partition.
    pub sequence: u64,
    entries: Vec<Entry>,
}

impl Ledger {
    /// Notes a container's checkpoint, or forgets the container.
    pub(super) fn apply(&mut self, container: &Container, checkpoint: &Checkpoint) {
        let place = self.entries.iter().position(|e| e.container.id == container.id);
        match (place, checkpoint.forget) {
            (Some(at), true) => {
                self.entries.swap_remove(at);
            }
            (None, true) => {}
            (Some(at), false) => {
                let entry = &mut self.entries[at];
                if entry.container != *container {
                    entry.container = container.clone();
                }
                entry.checkpoint = *checkpoint;
            }
            (None, false) => self.entries.push(Entry { container: container.clone(), checkpoint: *checkpoint }),
        }
    }

    /// How many containers it knows.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn to_payload(&self) -> String {
        let ledger = Self { version: VERSION, ..self.clone() };
        let text = serde_json::to_string(&ledger).expect("a ledger has only text keys and finite numbers");
        format!("{}{text}", checksum(&text))
    }

    /// Reads a payload; an error says what is wrong with it.
    pub(super) fn from_payload(payload: &str) -> Result<Self, String> {
        let (sum, text) = payload.split_at_checked(CHECKSUM_BYTES).unwrap_or_default();
        if sum != checksum(text) {
            return Err("its cursors are not what was written".into());
        }
        let ledger: Self = serde_json::from_str(text).map_err(|e| format!("its cursors cannot be read: {e}"))?;
        if ledger.version == VERSION {
            Ok(ledger)
        } else {
            Err(format!("its cursors have version {}, expected {VERSION}", ledger.version))
        }
    }

    pub(super) fn into_entries(self) -> HashMap<ContainerId, (Container, Checkpoint)> {
        self.entries.into_iter().map(|e| (e.container.id.clone(), (e.container, e.checkpoint))).collect()
    }
}

fn checksum(text: &str) -> String {
    let mut sum = flate2::Crc::new();
    sum.update(text.as_bytes());
    format!("{:08x}", sum.sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ContainerCursor, Import, Position, StreamCursor};

    #[test]
    fn a_ledger_survives_its_payload() {
        let container = |id: &str| Container {
            id: ContainerId::new(id),
            name: id.into(),
            project: "p".into(),
            service: "s".into(),
            number: 1,
        };
        let last = Some(Position { time_ns: 1_795_233_566_123_456_789, ordinal: 2 });
        let cursor = ContainerCursor {
            stderr: StreamCursor { last, open_at: last, high_ns: Some(5) },
            ..ContainerCursor::default()
        };
        let checkpoint =
            Checkpoint { cursor, first_seen_ns: 7, complete: true, import: None, forget: false, urgent: false };
        let mut ledger = Ledger { sequence: 9, ..Ledger::default() };
        ledger.apply(&container("a"), &checkpoint);
        let import = Some(Import { source: u64::MAX, last_ns: Some(-1), stderr_bytes: 9, ..Import::default() });
        let checkpoint = Checkpoint { import, ..checkpoint };
        ledger.apply(&container("b"), &checkpoint);
        ledger.apply(&container("a"), &Checkpoint { forget: true, ..checkpoint });
        let read = Ledger::from_payload(&ledger.to_payload()).unwrap();
        assert_eq!(read.sequence, 9);
        let entries = read.into_entries();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[&ContainerId::new("b")], (container("b"), checkpoint));
        let payload = ledger.to_payload();
        for wrong in ["", "{}", &payload[1..], &payload.replace("\"sequence\":9", "\"sequence\":8")] {
            assert!(Ledger::from_payload(wrong).is_err(), "{wrong}");
        }
        let other = payload[CHECKSUM_BYTES..].replace("\"version\":1", "\"version\":2");
        let error = Ledger::from_payload(&format!("{}{other}", checksum(&other))).unwrap_err();
        assert_eq!(error, "its cursors have version 2, expected 1");
    }
}
