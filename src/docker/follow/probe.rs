//! Asks for the end of a log, to learn whether there is more than was heard.

use std::io;

use tokio::time::timeout;

use super::LONGEST_PAUSE;
use super::outcome::{Phase, ReadError};
use crate::docker::body::{Progress, Response};
use crate::docker::client::{Client, Tail, Until};
use crate::docker::frames::FrameDecoder;

/// Whether the log holds a message later than `newest_ns`, or cannot be asked.
pub(super) async fn went_on(client: &Client, phase: &Phase, newest_ns: Option<i64>) -> bool {
    last_message(client, phase).await.is_none_or(|last_ns| last_ns > newest_ns)
}

/// The time of the last message in the log, none in an empty one; none where it cannot be asked.
#[allow(clippy::option_option)]
pub(super) async fn last_message(client: &Client, phase: &Phase) -> Option<Option<i64>> {
    let id = phase.details.container.id.as_str();
    let mut body = client.logs(id, Tail::Last(1), Until::Now).await.ok()?;
    let mut decoder = FrameDecoder::new(phase.details.framing);
    let mut last_ns = None;
    while let Ok(Progress::More) = read_times(&mut body, &mut decoder, &mut last_ns).await {}
    Some(last_ns)
}

async fn read_times(
    body: &mut Response,
    decoder: &mut FrameDecoder,
    last_ns: &mut Option<i64>,
) -> Result<Progress, ReadError> {
    timeout(
        LONGEST_PAUSE,
        body.read(|bytes| Ok(decoder.feed(bytes, |(_, time_ns, _)| *last_ns = (*last_ns).max(Some(time_ns)))?)),
    )
    .await
    .unwrap_or_else(|_| Err(ReadError::Io(io::ErrorKind::TimedOut.into())))
}
