//! `GET /api/v1/logs`: a query string → a page of records as JSON.

use std::time::Instant;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as QueryString, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Handles;
use super::error::ApiError;
use crate::config::duration;
use crate::query::Query;
use crate::record::{RecordId, Shown};
use crate::store::{Order, Page, SearchRequest};

const DEFAULT_LIMIT: u64 = 100;
const TIME_FORM: &str = "expected RFC 3339 such as 2026-11-21T03:59:26Z, now, or a time ago such as -15m";

#[derive(Serialize)]
struct PageJson<'a> {
    records: Vec<Shown<'a>>,
    next_cursor: Option<String>,
    partial: bool,
}

impl<'a> From<&'a Page> for PageJson<'a> {
    fn from(page: &'a Page) -> Self {
        let goes_on = page.has_more || page.is_partial;
        Self {
            records: page.records.iter().map(Shown::whole).collect(),
            next_cursor: page.records.last().filter(|_| goes_on).map(|record| record.id().to_string()),
            partial: page.is_partial,
        }
    }
}

type Parameters = Result<QueryString<Vec<(String, String)>>, QueryRejection>;

pub(super) async fn logs(State(handles): State<Handles>, parameters: Parameters) -> Result<Response, ApiError> {
    let parameters = Given::new(parameters, &["query", "from", "to", "limit", "cursor", "order"])?;
    let now = Utc::now();
    let request = SearchRequest {
        query: parameters.query()?,
        from_ns: parameters.get("from").map(|text| time("from", text, now)).transpose()?,
        to_ns: parameters.get("to").map(|text| time("to", text, now)).transpose()?,
        order: match parameters.get("order") {
            None | Some("newest") => Order::NewestFirst,
            Some("oldest") => Order::OldestFirst,
            Some(other) => {
                return Err(ApiError::parameter("order", format!("{other:?} is no order, expected newest or oldest")));
            }
        },
        after: parameters
            .get("cursor")
            .map(|text| {
                text.parse::<RecordId>().map_err(|_| {
                    ApiError::parameter("cursor", format!("{text:?} is no cursor, expected the next_cursor of a page"))
                })
            })
            .transpose()?,
        limit: limit(parameters.get("limit"), handles.config.max_limit)?,
        deadline: Instant::now() + handles.config.query_timeout,
    };
    let store = handles.store.clone();
    let found = tokio::task::spawn_blocking(move || {
        let page = store.search(&request).map_err(|error| ApiError::internal(&error))?;
        // Written here, too: a page of long lines is work.
        Ok(Json(PageJson::from(&page)).into_response())
    });
    found.await.map_err(|error| ApiError::internal(&error))?
}

/// The parameters of a request, each known and given once.
pub(super) struct Given(Vec<(String, String)>);

impl Given {
    pub(super) fn new(parameters: Parameters, known: &[&'static str]) -> Result<Self, ApiError> {
        let QueryString(given) = parameters.map_err(|error| ApiError::bad_request(error.body_text().to_lowercase()))?;
        for (at, (name, _)) in given.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(ApiError::bad_request(format!("{name:?} is no parameter, expected {}", known.join(", "))));
            }
            if given[..at].iter().any(|(other, _)| other == name) {
                return Err(ApiError::bad_request(format!("the parameter {name:?} is given twice")));
            }
        }
        Ok(Self(given))
    }

    /// The value of a parameter; an empty one counts as not given.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(super) fn query(&self) -> Result<Query, ApiError> {
        self.get("query").unwrap_or_default().parse().map_err(|error| ApiError::query(&error))
    }
}

fn limit(text: Option<&str>, most: u64) -> Result<usize, ApiError> {
    let Some(text) = text else { return Ok(usize::try_from(DEFAULT_LIMIT.min(most)).unwrap_or(usize::MAX)) };
    text.parse::<u64>()
        .ok()
        .filter(|&limit| limit >= 1 && limit <= most)
        .and_then(|limit| usize::try_from(limit).ok())
        .ok_or_else(|| {
            ApiError::parameter("limit", format!("{text:?} is no limit, expected a number from 1 to {most}"))
        })
}

fn time(parameter: &'static str, text: &str, now: DateTime<Utc>) -> Result<i64, ApiError> {
    let now_ns = now.timestamp_nanos_opt().unwrap_or(i64::MAX);
    let read = || {
        if text == "now" {
            return Some(now_ns);
        }
        if let Some(ago) = text.strip_prefix('-') {
            let ago_ns = i64::try_from(duration::parse(ago).ok()?.as_nanos()).ok()?;
            return now_ns.checked_sub(ago_ns);
        }
        // A plus that was not encoded arrives as a space.
        let text = text.replace(' ', "+");
        DateTime::parse_from_rfc3339(&text).ok()?.timestamp_nanos_opt()
    };
    read().ok_or_else(|| ApiError::parameter(parameter, format!("{text:?} is no time, {TIME_FORM}")))
}
