//! Lines that are told by the words that they begin with.

use super::bytes::has;
use super::shape::Shape;

/// Sentences that begin a line with a letter, by their first bytes. The first that fits counts.
const SENTENCES: &[(&[u8], Shape)] = &[
    (b"Traceback (most recent call last)", Shape::Traceback),
    (b"During handling of the above exception, another", Shape::Chain),
    (b"The above exception was the direct cause of", Shape::Chain),
    (b"Exception in thread ", Shape::Uncaught),
    (b"Exception ignored in", Shape::Uncaught),
    (b"Exception in callback ", Shape::Uncaught),
    (b"Task exception was never retrieved", Shape::Uncaught),
    (b"Future exception was never retrieved", Shape::Uncaught),
    (b"Fatal Python error: ", Shape::Uncaught),
    (b"Unhandled exception. ", Shape::Uncaught),
    (b"PHP Fatal error:  Uncaught ", Shape::Uncaught),
    (b"Fatal error: Uncaught ", Shape::Uncaught),
    (b"Uncaught ", Shape::Uncaught),
    (b"Caused by", Shape::Cause),
    (b"Suppressed:", Shape::Cause),
    (b"Wrapped by:", Shape::Cause),
    (b"at ", Shape::Frame),
    (b"Stack trace:", Shape::Mark),
    (b"Stack (most recent call last):", Shape::Mark),
    (b"Stack backtrace:", Shape::Mark),
    (b"stack backtrace:", Shape::Mark),
    (b"stack traceback:", Shape::Mark),
    (b"note: run with ", Shape::Mark),
    (b"note: Some details are omitted", Shape::Mark),
    (b"Backtrace omitted.", Shape::Mark),
    (b"Run with RUST_", Shape::Mark),
    (b"Last message", Shape::WeakMark),
    (b"Location:", Shape::WeakMark),
    (b"State:", Shape::WeakMark),
    (b"Thrown at:", Shape::WeakMark),
    (b"Next ", Shape::WeakMark),
    (b"goroutine ", Shape::Goroutine),
    (b"created by ", Shape::GoFrame),
    (b"exit status ", Shape::GoFrame),
    (b"runtime stack:", Shape::GoFrame),
    (b"runtime: ", Shape::GoPanic),
    (b"unexpected fault address ", Shape::GoPanic),
    (b"SIGQUIT: quit", Shape::GoPanic),
    (b"panic: ", Shape::GoPanic),
    (b"panic(", Shape::GoFrame),
    (b"fatal error: ", Shape::GoPanic),
    (b"Node.js v", Shape::NodeEnd),
    (b"Emitted 'error' event ", Shape::Mark),
    (b"Current thread 0x", Shape::Mark),
    (b"Thread 0x", Shape::Mark),
    (b"Extension modules: ", Shape::Mark),
    (b"prisma:error", Shape::Prisma),
    (b"prisma:", Shape::Header),
    (b"LINE 1", Shape::Detail),
    (b"LINE 2", Shape::Detail),
    (b"DETAIL:  ", Shape::Detail),
    (b"HINT:  ", Shape::Detail),
    (b"CONTEXT:  ", Shape::Detail),
    (b"STATEMENT:  ", Shape::Detail),
    (b"QUERY:  ", Shape::Detail),
    (b"LOCATION:  ", Shape::Detail),
];

/// Which first letters have a sentence.
const SENTENCE_STARTS: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < SENTENCES.len() {
        table[SENTENCES[at].0[0] as usize] = true;
        at += 1;
    }
    table
};

/// What a line is that begins with one of the sentences.
pub(super) fn sentence(head: &[u8]) -> Option<Shape> {
    let first = *head.first()?;
    if !SENTENCE_STARTS[usize::from(first)] {
        return None;
    }
    let (_, shape) = SENTENCES.iter().find(|(start, _)| start[0] == first && head.starts_with(start))?;
    // `goroutine pool started` is a sentence of another kind.
    let is_said = *shape == Shape::Goroutine && !head.get(10).is_some_and(u8::is_ascii_digit)
        || has(&head[..head.len().min(16)], b"hread 0x") && !has(head, b"(most recent call first)");
    Some(if is_said { Shape::Text } else { *shape })
}
