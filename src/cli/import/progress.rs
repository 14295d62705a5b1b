//! How an import goes: a bar on a terminal, and one line at the end.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::input::{Place, Source};

/// What was imported in one run.
pub(super) struct Totals {
    pub records: u64,
    pub lines: u64,
    /// Unpacked.
    pub bytes: u64,
    began: Instant,
}

impl Default for Totals {
    fn default() -> Self {
        Self { records: 0, lines: 0, bytes: 0, began: Instant::now() }
    }
}

impl Totals {
    /// One line; `done` is what happened to the records.
    pub(super) fn summary(&self, done: &str) -> String {
        let Self { records, lines, bytes, began } = self;
        let seconds = began.elapsed().as_secs_f64();
        format!("{done} {records} records of {lines} lines, {bytes} bytes, in {seconds:.1} s")
    }
}

/// A bar on standard error, where that is a terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn start(place: &Place, source: &Source) -> Self {
        let (bar, template) = match source.size_bytes {
            Some(size_bytes) => (ProgressBar::new(size_bytes), "{msg} {wide_bar} {bytes}/{total_bytes} {eta}"),
            None => (ProgressBar::no_length(), "{msg} {bytes} {bytes_per_sec}"),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(place.to_string());
        Self(bar)
    }

    pub(super) fn at(&self, packed_bytes: u64) {
        self.0.set_position(packed_bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
