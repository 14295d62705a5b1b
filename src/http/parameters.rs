//! The parameters of a request: from a query string to values, or to an error that names what is wrong.

use axum::extract::Query as QueryString;
use axum::extract::rejection::QueryRejection;
use chrono::{DateTime, Utc};

use super::error::ApiError;
use crate::config::duration;
use crate::query::Query;

const TIME_FORM: &str = "expected RFC 3339 such as 2026-11-21T03:59:26Z, now, or a time ago such as -15m";

/// The pairs of a query string, or why it is none.
pub(super) type Parameters = Result<QueryString<Vec<(String, String)>>, QueryRejection>;

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
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The most records or values to answer with: from 1 to `most`.
    pub(super) fn limit(&self, usual: u64, most: u64) -> Result<usize, ApiError> {
        self.number("limit", 1, usual, most)
    }

    /// A number from `least` to `most`; where it is not given, `usual` or `most`, whichever is less.
    pub(super) fn number(&self, name: &'static str, least: u64, usual: u64, most: u64) -> Result<usize, ApiError> {
        let number = match self.get(name) {
            None => usual.min(most),
            Some(text) => {
                text.parse::<u64>().ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| {
                    ApiError::parameter(name, format!("{text:?} is none, expected a number from {least} to {most}"))
                })?
            }
        };
        Ok(usize::try_from(number).unwrap_or(usize::MAX))
    }

    /// The time that a parameter says, in nanoseconds since the epoch.
    pub(super) fn time_ns(&self, name: &'static str, now: DateTime<Utc>) -> Result<Option<i64>, ApiError> {
        self.get(name).map(|text| time(name, text, now)).transpose()
    }

    /// What to look for.
    pub(super) fn query(&self) -> Result<Query, ApiError> {
        self.get("query").unwrap_or_default().parse().map_err(|error| ApiError::query(&error))
    }
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
