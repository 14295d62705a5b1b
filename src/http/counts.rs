//! `GET /api/v1/histogram` and `/api/v1/facets`: a query string → counts as JSON.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Serialize;

use super::error::ApiError;
use super::parameters::{Given, Parameters};
use super::{Handles, time_range};
use crate::config::duration;
use crate::record::time_text;
use crate::store::{Axis, CountRequest, Facet, FacetCounts, MAX_BUCKETS, Series};

/// Steps that a person reads well, in milliseconds.
const STEPS_MS: [i64; 25] = [
    1,
    10,
    100,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
    2_592_000_000,
    31_536_000_000,
];
/// As many steps as fit beside each other on a page.
const USUAL_BUCKETS: i64 = 60;
/// The range where nothing is stored and none is given.
const USUAL_RANGE_NS: i64 = 3_600_000_000_000;
const MS_NS: i64 = 1_000_000;
/// Further apart, nanoseconds overflow.
const MAX_RANGE_NS: i64 = 100 * 366 * 86_400_000_000_000;
const MAX_FACETS: usize = 16;
const USUAL_VALUES: u64 = 10;
const MAX_VALUES: u64 = 1_000;

#[derive(Serialize)]
struct HistogramJson {
    start: String,
    step_ms: i64,
    buckets: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    series: Vec<Series>,
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<Vec<u64>>,
    total: u64,
    partial: bool,
}

pub(super) async fn histogram(State(handles): State<Handles>, parameters: Parameters) -> Result<Response, ApiError> {
    let parameters = Given::new(parameters, &["query", "from", "to", "step", "by"])?;
    let now = Utc::now();
    let now_ns = now.timestamp_nanos_opt().unwrap_or(i64::MAX);
    let known = time_range(&handles).await?;
    // Behind the last record, which a clock ahead of ours may have written.
    let to_ns = parameters.time_ns("to", now)?;
    let end_ns = to_ns.unwrap_or_else(|| known.map_or(now_ns, |(_, last_ns)| now_ns.max(last_ns.saturating_add(1))));
    let from_ns = match parameters.time_ns("from", now)? {
        Some(from_ns) => from_ns,
        None => {
            known.map_or(end_ns.saturating_sub(USUAL_RANGE_NS), |(first_ns, _)| first_ns).min(end_ns.saturating_sub(1))
        }
    };
    if end_ns.checked_sub(from_ns).is_none_or(|range_ns| range_ns > MAX_RANGE_NS) {
        return Err(ApiError::parameter("from", "the range is too long, expected a hundred years at most"));
    }
    if from_ns >= end_ns {
        return Err(ApiError::parameter("to", "the range is empty, expected a time after from"));
    }
    let step_ns = match parameters.get("step") {
        Some(text) => {
            let step = duration::parse(text).map_err(|_| {
                ApiError::parameter("step", format!("{text:?} is no step, expected {}", duration::FORM))
            })?;
            i64::try_from(step.as_nanos()).unwrap_or(i64::MAX)
        }
        None => usual_step_ns(end_ns.saturating_sub(from_ns)),
    };
    let start_ns = from_ns.saturating_sub(from_ns.rem_euclid(step_ns));
    let buckets = usize::try_from((end_ns.saturating_sub(start_ns) - 1) / step_ns + 1).unwrap_or(usize::MAX);
    if buckets > MAX_BUCKETS {
        let message = format!("that makes {buckets} steps, expected a step that makes {MAX_BUCKETS} at most");
        return Err(ApiError::parameter("step", message));
    }
    let axis = Axis { start_ns, step_ns, buckets, by: parameters.get("by").map(|name| facet("by", name)).transpose()? };
    let request = CountRequest {
        query: parameters.query()?,
        from_ns: Some(from_ns),
        to_ns: Some(end_ns),
        deadline: handles.deadline(),
    };
    let store = handles.store.clone();
    handles
        .answer(request.deadline.clone(), move || {
            let counted = store.histogram(&request, &axis)?;
            Ok(Json(HistogramJson {
                start: time_text(axis.start_ns),
                step_ms: axis.step_ns / MS_NS,
                buckets: axis.buckets,
                by: axis.by.as_ref().map(|facet| facet.name().to_owned()),
                series: counted.series,
                others: counted.others,
                total: counted.total,
                partial: counted.is_partial,
            })
            .into_response())
        })
        .await
}

#[derive(Serialize)]
struct FacetsJson {
    facets: Vec<FacetCounts>,
    total: u64,
    partial: bool,
}

pub(super) async fn facets(State(handles): State<Handles>, parameters: Parameters) -> Result<Response, ApiError> {
    let parameters = Given::new(parameters, &["query", "from", "to", "fields", "limit"])?;
    let now = Utc::now();
    let fields = parameters
        .get("fields")
        .unwrap_or("service,level")
        .split(',')
        .map(|name| facet("fields", name))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(twice) = fields.iter().enumerate().find(|(at, field)| fields[..*at].contains(field)) {
        let message = format!("{:?} stands twice, expected each field once", twice.1.name());
        return Err(ApiError::parameter("fields", message));
    }
    if fields.len() > MAX_FACETS {
        return Err(ApiError::parameter(
            "fields",
            format!("{} are too many, expected {MAX_FACETS} at most", fields.len()),
        ));
    }
    let top = parameters.limit(USUAL_VALUES, MAX_VALUES)?;
    let request = CountRequest {
        query: parameters.query()?,
        from_ns: parameters.time_ns("from", now)?,
        to_ns: parameters.time_ns("to", now)?,
        deadline: handles.deadline(),
    };
    let store = handles.store.clone();
    handles
        .answer(request.deadline.clone(), move || {
            let counts = store.facets(&request, &fields, top)?;
            Ok(Json(FacetsJson { facets: counts.facets, total: counts.total, partial: counts.is_partial })
                .into_response())
        })
        .await
}

fn facet(parameter: &'static str, name: &str) -> Result<Facet, ApiError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(ApiError::parameter(parameter, "a name is empty, expected the name of a field"));
    }
    Ok(Facet::from_name(name))
}

/// The shortest step that makes no more than the usual number of them.
fn usual_step_ns(range_ns: i64) -> i64 {
    let fits = |step_ms: &i64| range_ns / (step_ms * MS_NS) < USUAL_BUCKETS;
    STEPS_MS.into_iter().find(fits).unwrap_or(STEPS_MS[STEPS_MS.len() - 1] * 10) * MS_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_a_step_that_reads_well() {
        let hour_ms = 3_600_000;
        for (range_ms, step_ms) in [
            (1, 1),
            (60, 10),
            (59_999, 1_000),
            (hour_ms, 120_000),
            (24 * hour_ms, 1_800_000),
            (i64::MAX / MS_NS, 315_360_000_000),
        ] {
            assert_eq!(usual_step_ns(range_ms * MS_NS) / MS_NS, step_ms, "{range_ms}");
        }
    }
}
