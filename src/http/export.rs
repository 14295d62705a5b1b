//! `GET /api/v1/export`: a query string → every record that matches, as a stream.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use futures_util::stream;
use tokio::sync::mpsc;

use super::Handles;
use super::error::ApiError;
use super::parameters::{Given, Parameters};
use crate::record::{Record, Shown, time_text};
use crate::store::{Order, SearchRequest};

/// Records that are read at once.
const PAGE: usize = 1_000;
/// Pages that wait for a slow reader; the search waits for it, too.
const QUEUE_PAGES: usize = 2;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A JSON object a line, as the other answers have it.
    Ndjson,
    /// Time, container and line.
    Text,
}

pub(super) async fn export(State(handles): State<Handles>, parameters: Parameters) -> Result<Response, ApiError> {
    let parameters = Given::new(parameters, &["query", "from", "to", "format"])?;
    let now = Utc::now();
    let form = match parameters.get("format") {
        None | Some("ndjson") => Form::Ndjson,
        Some("text") => Form::Text,
        Some(other) => {
            return Err(ApiError::parameter("format", format!("{other:?} is no format, expected ndjson or text")));
        }
    };
    let mut request = SearchRequest {
        query: parameters.query()?,
        from_ns: parameters.time_ns("from", now)?,
        // What arrives meanwhile would be read for ever.
        to_ns: Some(match parameters.time_ns("to", now)? {
            Some(to_ns) => to_ns,
            None => handles.store.time_range().map_or(0, |(_, last_ns)| last_ns.saturating_add(1)),
        }),
        order: Order::OldestFirst,
        after: None,
        limit: PAGE,
        deadline: handles.deadline(),
    };
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(QUEUE_PAGES);
    tokio::task::spawn_blocking(move || {
        loop {
            // For each page anew.
            request.deadline = handles.deadline();
            let page = handles.store.search(&request).map_err(io::Error::other).and_then(|page| {
                if page.is_partial && page.records.is_empty() {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "a page took longer than http.query_timeout"));
                }
                let mut bytes = Vec::new();
                page.records.iter().try_for_each(|record| write(record, form, &mut bytes))?;
                Ok((page, bytes))
            });
            let (page, bytes) = match page {
                Ok(page) => page,
                Err(error) => {
                    // The answer breaks off, so that nobody takes it for whole.
                    tracing::warn!(%error, "an export broke off");
                    drop(sender.blocking_send(Err(error)));
                    return;
                }
            };
            let goes_on = page.has_more || page.is_partial;
            request.after = page.records.last().map(Record::id).or(request.after);
            if !bytes.is_empty() && sender.blocking_send(Ok(bytes.into())).is_err() || !goes_on {
                return;
            }
        }
    });
    let pages = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let (kind, name) = match form {
        Form::Ndjson => ("application/x-ndjson", "attachment; filename=\"foghorn.ndjson\""),
        Form::Text => ("text/plain; charset=utf-8", "attachment; filename=\"foghorn.log\""),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], Body::from_stream(pages)).into_response())
}

fn write(record: &Record, form: Form, out: &mut impl io::Write) -> io::Result<()> {
    match form {
        Form::Ndjson => {
            serde_json::to_writer(&mut *out, &Shown::whole(record))?;
            writeln!(out)
        }
        Form::Text => writeln!(out, "{} {} {}", time_text(record.time_ns()), record.container.name, record.raw),
    }
}
