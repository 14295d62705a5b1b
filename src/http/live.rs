//! `GET /api/v1/live`: records as they arrive, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt, stream};

use super::Handles;
use super::error::ApiError;
use super::parameters::{Given, Parameters};
use crate::live::Heard;
use crate::record::{Record, Shown};

/// Proxies close connections that are silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) async fn live(
    State(handles): State<Handles>,
    parameters: Parameters,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let query = Given::new(parameters, &["query"])?.query()?;
    let reader = handles.live.join(query).ok_or_else(ApiError::too_many_readers)?;
    let stop = handles.stop;
    let batches = stream::unfold(Some(reader), move |reader| {
        let stop = stop.clone();
        async move {
            let mut reader = reader?;
            let heard = tokio::select! {
                heard = reader.next() => heard,
                () = stop.cancelled() => Heard::Closed,
            };
            let goes_on = !matches!(heard, Heard::Closed);
            Some((stream::iter(events(heard)), goes_on.then_some(reader)))
        }
    });
    Ok(Sse::new(batches.flatten().map(Ok)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn events(heard: Heard) -> Vec<Event> {
    match heard {
        Heard::Records(records) => shown("record", &records),
        Heard::Open(records) => shown("open", &records),
        Heard::Lagged(batches) => vec![Event::default().event("lagged").data(format!("{{\"batches\":{batches}}}"))],
        Heard::Closed => vec![Event::default().event("bye").data("{}")],
    }
}

fn shown(event: &str, records: &[Record]) -> Vec<Event> {
    let event = |record: &Record| {
        Event::default().event(event).id(record.id().to_string()).json_data(Shown::whole(record)).ok()
    };
    records.iter().filter_map(event).collect()
}
