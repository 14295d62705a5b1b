//! Tests against real Docker engines, each of which a test starts for itself and ends.

mod api;
mod exactness;
mod foghorn;
mod life;
#[path = "../support/lines.rs"]
mod lines;

/// The three generations that the tests run on; see `tests/support/engine.sh`.
const ENGINES: [&str; 3] = ["20.10", "26.1", "28.5"];

/// The long form: as much as the issue of exactness asks for, by one command.
fn is_long() -> bool {
    std::env::var_os("FOGHORN_TEST_LONG").is_some()
}

/// Looks again and again, without a rest longer than this, until `ready` or the end of patience.
fn wait_for(what: &str, seconds: u64, ready: impl FnMut() -> bool) {
    assert!(is_ready_within(seconds, ready), "{what} did not come true within {seconds} s");
}

/// The same, for one who looks at what there is instead.
fn is_ready_within(seconds: u64, mut ready: impl FnMut() -> bool) -> bool {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    while !ready() {
        if std::time::Instant::now() >= end {
            return false;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    true
}
