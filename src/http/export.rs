//! `GET /api/v1/export`: a query string → every record that matches, as a stream.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use futures_util::stream;
use tracing::warn;

use super::error::ApiError;
use super::parameters::{Given, Parameters};
use super::{Handles, time_range};
use crate::record::{Record, Shown, time_text};
use crate::store::{Order, PAGE_BYTES, SearchRequest};

/// Records that are read at once.
const PAGE: usize = 1_000;

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
    let request = SearchRequest {
        query: parameters.query()?,
        from_ns: parameters.time_ns("from", now)?,
        // What arrives meanwhile would be read for ever.
        to_ns: Some(match parameters.time_ns("to", now)? {
            Some(to_ns) => to_ns,
            None => time_range(&handles).await?.map_or(0, |(_, last_ns)| last_ns.saturating_add(1)),
        }),
        order: Order::OldestFirst,
        after: None,
        limit: PAGE,
        max_bytes: PAGE_BYTES,
        deadline: handles.deadline(),
    };
    // A page for each time that the client takes one; its search is given up when it hangs up.
    let pages = stream::unfold(Some(request), move |request| {
        let handles = handles.clone();
        async move {
            let request = request?;
            let stop = handles.stop.clone();
            let page = tokio::select! {
                page = page(handles, request, form) => page,
                () = stop.cancelled() => Err(io::Error::other("foghorn stops")),
            };
            Some(match page {
                Ok((bytes, next)) => (Ok(bytes), next),
                Err(error) => {
                    // The answer breaks off, so that nobody takes it for whole.
                    warn!(%error, "an export broke off");
                    (Err(error), None)
                }
            })
        }
    });
    let (kind, name) = match form {
        Form::Ndjson => ("application/x-ndjson", "attachment; filename=\"foghorn.ndjson\""),
        Form::Text => ("text/plain; charset=utf-8", "attachment; filename=\"foghorn.log\""),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], Body::from_stream(pages)).into_response())
}

/// The next records as they are sent, and what asks for those behind them.
async fn page(handles: Handles, request: SearchRequest, form: Form) -> io::Result<(Bytes, Option<SearchRequest>)> {
    // For each page anew.
    let deadline = handles.deadline();
    let mut request = SearchRequest { deadline: deadline.clone(), ..request };
    let store = handles.store.clone();
    let found = handles.answer(deadline, move || {
        let page = store.search(&request)?;
        let mut bytes = Vec::new();
        page.records.iter().try_for_each(|record| write(record, form, &mut bytes))?;
        let is_stuck = page.is_partial && page.records.is_empty();
        request.after = page.records.last().map(Record::id).or(request.after);
        Ok((is_stuck, Bytes::from(bytes), (page.has_more || page.is_partial).then_some(request)))
    });
    match found.await {
        Ok((false, bytes, next)) => Ok((bytes, next)),
        Ok((true, ..)) => Err(io::Error::new(io::ErrorKind::TimedOut, "a page took longer than http.query_timeout")),
        Err(_) => Err(io::Error::other("the search failed")),
    }
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
