//! `/containers/{id}/logs`: from a container's journal to frames, one chunk an entry, ended and
//! filtered as the engine does.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::body::{Deadline, Feed, Step, Waits};
use super::clock;
use super::copier::Stream;
use super::error::ApiError;
use super::faults::{Endpoint, RequestFaults};
use super::journal::{Entry, Found, Journal, Past, Until};
use super::query::Query;
use super::spec::Status;
use super::state::{Presence, Shared, StreamState, Token};

/// `Systemerr` of the engine's `stdcopy`.
const SYSTEM_ERROR: u8 = 3;

/// How the bytes of a response are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// 8-byte headers.
    Frames,
    /// A terminal's.
    Raw,
}

/// One reader of a log.
#[derive(Debug)]
pub(super) struct LogFeed {
    stream: StreamState,
    journal: Arc<Journal>,
    layout: Layout,
    timestamps: Timestamps,
    wanted: Wanted,
    since: Since,
    until_ns: Option<i64>,
    past: Past,
    next: u64,
    stop: Until,
    sent: usize,
    end_after: Option<usize>,
    error_after: Option<(usize, String)>,
    _token: Option<Token>,
}

#[derive(Debug, Clone, Copy)]
enum Timestamps {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy)]
struct Wanted {
    stdout: bool,
    stderr: bool,
}

/// The filter by `since`, inclusive.
#[derive(Debug, Clone, Copy)]
enum Since {
    Any,
    /// Before 24.0: every entry is compared, live ones too.
    Each(i64),
    /// From 24.0 (`forwarder.Do`): none is compared after the first that fits.
    First(i64),
}

impl Since {
    fn admits(&mut self, time_ns: i64) -> bool {
        match *self {
            Since::Any => true,
            Since::Each(since_ns) => time_ns >= since_ns,
            Since::First(since_ns) => {
                let admits = time_ns >= since_ns;
                if admits {
                    *self = Since::Any;
                }
                admits
            }
        }
    }
}

impl LogFeed {
    /// Checks in the engine's order, and finds where to begin.
    pub(super) fn open(
        shared: &Arc<Shared>,
        reference: &str,
        query: &Query,
        faults: &RequestFaults,
    ) -> Result<(LogFeed, Waits, Layout), ApiError> {
        let wanted = Wanted { stdout: query.flag("stdout"), stderr: query.flag("stderr") };
        if !wanted.stdout && !wanted.stderr {
            let message = "Bad parameters: you must choose at least one stream";
            return Err(ApiError::BadRequest(message.to_owned()));
        }
        let (id, journal, layout, running, driver) = shared
            .read(|state| {
                state.find(reference).map(|container| {
                    let layout = if container.spec.tty { Layout::Raw } else { Layout::Frames };
                    let running = matches!(container.status, Status::Running | Status::Paused);
                    let journal = Arc::clone(&container.journal);
                    let driver = container.spec.driver.clone();
                    (container.id.clone(), journal, layout, running, driver)
                })
            })
            .ok_or_else(|| ApiError::NoSuchContainer(reference.to_owned()))?;
        if driver == "none" {
            return Err(ApiError::UnreadableDriver);
        }
        let since = match query.time_ns("since")? {
            None => Since::Any,
            Some(since_ns) if shared.version.major() < 24 => Since::Each(since_ns),
            Some(since_ns) => Since::First(since_ns),
        };
        let until_ns = match query.get("until") {
            "0" => None,
            _ => query.time_ns("until")?,
        };
        // Anything but a number from 0 up is everything.
        let tail = query.get("tail").parse::<usize>().ok();
        let waits = Waits::new(shared).with_journal(&journal);
        let past = journal.past(tail);
        let follows = query.flag("follow") && running;
        let run = past.run.filter(|_| follows);
        let feed = LogFeed {
            stream: StreamState::new(shared, Endpoint::Logs, Some(id.clone())),
            journal,
            layout,
            timestamps: if query.flag("timestamps") { Timestamps::Yes } else { Timestamps::No },
            wanted,
            since,
            until_ns,
            next: past.start,
            stop: run.map_or(Until::Index(past.end), Until::EndOfRun),
            past,
            sent: 0,
            end_after: faults.end_after,
            error_after: faults.error_after.clone(),
            _token: run.map(|_| Token::new(shared, Presence::Follower(id))),
        };
        Ok((feed, waits, layout))
    }

    fn encode(&self, entry: &Entry) -> Bytes {
        let stamp = match self.timestamps {
            Timestamps::Yes => format!("{} ", clock::log_text(entry.time_ns)),
            Timestamps::No => String::new(),
        };
        let kind = match entry.stream {
            Stream::Stdout => 1,
            Stream::Stderr => 2,
        };
        frame(self.layout, kind, &[stamp.as_bytes(), &entry.bytes])
    }
}

impl Feed for LogFeed {
    fn try_next(&mut self, _: Deadline) -> Step {
        if let Some(step) = self.stream.interruption() {
            return step;
        }
        if self.end_after.is_some_and(|entries| self.sent >= entries) {
            return Step::End;
        }
        if let Some((_, message)) = self.error_after.take_if(|(entries, _)| self.sent >= *entries) {
            // The engine closes the stream after its error.
            self.end_after = Some(self.sent);
            let message = format!("Error grabbing logs: {message}\n");
            return Step::Chunk(frame(self.layout, SYSTEM_ERROR, &[message.as_bytes()]));
        }
        loop {
            // Behind a damaged place, a follower has only what is new.
            if self.next >= self.past.readable_end && self.next < self.past.end {
                self.next = self.past.end;
            }
            let entry = match self.journal.read(self.next, self.stop) {
                Found::Entry(index, entry) => {
                    self.next = index + 1;
                    entry
                }
                Found::NotYet => return Step::Wait,
                Found::End => return Step::End,
            };
            if !self.since.admits(entry.time_ns) {
                continue;
            }
            if self.until_ns.is_some_and(|until_ns| entry.time_ns > until_ns) {
                return Step::End;
            }
            let wanted = match entry.stream {
                Stream::Stdout => self.wanted.stdout,
                Stream::Stderr => self.wanted.stderr,
            };
            if wanted {
                self.sent += 1;
                return Step::Chunk(self.encode(&entry));
            }
        }
    }
}

/// `[kind, 0, 0, 0, length in four bytes]`, then the parts; a terminal has the parts alone.
fn frame(layout: Layout, kind: u8, parts: &[&[u8]]) -> Bytes {
    let payload: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = BytesMut::with_capacity(payload + 8);
    if layout == Layout::Frames {
        bytes.put_slice(&[kind, 0, 0, 0]);
        bytes.put_u32(u32::try_from(payload).expect("an entry has at most some 50 KiB"));
    }
    for part in parts {
        bytes.put_slice(part);
    }
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_a_header_and_a_terminal_has_none() {
        let parts: [&[u8]; 2] = [b"a ", b"b\n"];
        let expected: &[u8] = b"\x02\0\0\0\0\0\0\x04a b\n";
        assert_eq!(expected, frame(Layout::Frames, 2, &parts));
        assert_eq!(&b"a b\n"[..], frame(Layout::Raw, 2, &parts));
    }

    #[test]
    fn since_is_inclusive_and_newer_engines_stop_to_compare() {
        let times = [9, 10, 8, 11];
        let kept = |mut since: Since| times.map(|time_ns| since.admits(time_ns));
        assert_eq!([true; 4], kept(Since::Any));
        assert_eq!([false, true, false, true], kept(Since::Each(10)));
        assert_eq!([false, true, true, true], kept(Since::First(10)));
    }
}
