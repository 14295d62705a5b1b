//! `GET /api/v1/patterns`: a query string → the shapes of the messages that match, and how often each
//! comes.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Serialize;

use super::Handles;
use super::error::ApiError;
use super::parameters::{Given, Parameters};
use crate::record::{FieldValue, Level, Position, Record, RecordId, Signature, time_text};
use crate::signature::{Evidence, Signatures};
use crate::store::CountRequest;

const USUAL_RECORDS: u64 = 50_000;
const MAX_RECORDS: u64 = 1_000_000;
const USUAL_PATTERNS: u64 = 50;
const MAX_ANSWERED: u64 = 1_000;
/// Patterns that are told apart; what is of none of them is among the others.
const MAX_PATTERNS: usize = 2_000;
/// Of a longer line, its beginning is shown.
const MAX_EXAMPLE_BYTES: usize = 1_000;

#[derive(Serialize)]
struct PatternsJson {
    /// The commonest first.
    patterns: Vec<PatternJson>,
    /// Records of patterns that are not listed.
    others: u64,
    /// All that were looked at.
    records: u64,
    /// The time of the earliest of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    /// There were more records than were looked at.
    partial: bool,
}

#[derive(Serialize)]
struct PatternJson {
    pattern: Arc<str>,
    records: u64,
    first: String,
    last: String,
    /// How many of the records have each level.
    levels: HashMap<&'static str, u64>,
    services: HashMap<String, u64>,
    /// The line of the latest.
    example: String,
    id: String,
}

pub(super) async fn patterns(State(handles): State<Handles>, parameters: Parameters) -> Result<Response, ApiError> {
    let parameters = Given::new(parameters, &["query", "from", "to", "records", "limit"])?;
    let now = Utc::now();
    let request = CountRequest {
        query: parameters.query()?,
        from_ns: parameters.time_ns("from", now)?,
        to_ns: parameters.time_ns("to", now)?,
        deadline: handles.deadline(),
    };
    let most = parameters.number("records", 1, USUAL_RECORDS, MAX_RECORDS)?;
    let limit = parameters.limit(USUAL_PATTERNS, MAX_ANSWERED)?;
    let store = handles.store.clone();
    handles
        .answer(request.deadline.clone(), move || {
            let mut patterns = Patterns::default();
            let mut is_full = false;
            let is_late = store.visit(&request, &mut |record| {
                if patterns.records == most as u64 {
                    is_full = true;
                    return ControlFlow::Break(());
                }
                patterns.add(record);
                ControlFlow::Continue(())
            })?;
            Ok(Json(patterns.answer(limit, is_late || is_full)).into_response())
        })
        .await
}

/// What was seen of one pattern.
struct Seen {
    text: Arc<str>,
    records: u64,
    first_ns: i64,
    levels: HashMap<Level, u64>,
    services: HashMap<String, u64>,
    /// Of the latest record.
    position: Position,
    id: RecordId,
    example: String,
}

struct Patterns {
    groups: Signatures,
    seen: HashMap<Signature, Seen>,
    records: u64,
    others: u64,
    first_ns: i64,
}

impl Default for Patterns {
    fn default() -> Self {
        Self { groups: Signatures::new(MAX_PATTERNS), seen: HashMap::new(), records: 0, others: 0, first_ns: i64::MAX }
    }
}

impl Patterns {
    fn add(&mut self, record: &Record) {
        self.records += 1;
        let time_ns = record.time_ns();
        self.first_ns = self.first_ns.min(time_ns);
        let fields = record.fields();
        let message = match fields.get("message") {
            Some(FieldValue::Text(message)) if !message.is_empty() => message,
            _ => &record.raw,
        };
        // Messages without a type are grouped by what they look like.
        let evidence = Evidence { error_type: None, stack: None, message, logger: None };
        let group = self.groups.of(&evidence);
        if !self.seen.contains_key(&group.signature) && self.seen.len() == MAX_PATTERNS {
            self.others += 1;
            return;
        }
        let seen = self.seen.entry(group.signature).or_insert_with(|| Seen {
            text: Arc::clone(&group.text),
            records: 0,
            first_ns: time_ns,
            levels: HashMap::new(),
            services: HashMap::new(),
            position: record.position,
            id: record.id(),
            example: beginning(&record.raw),
        });
        // It becomes more general as more messages join.
        seen.text = group.text;
        seen.records += 1;
        seen.first_ns = seen.first_ns.min(time_ns);
        *seen.levels.entry(record.level).or_default() += 1;
        let service = &record.container.service;
        match seen.services.get_mut(service) {
            Some(count) => *count += 1,
            None => drop(seen.services.insert(service.clone(), 1)),
        }
        if record.position > seen.position {
            (seen.position, seen.id, seen.example) = (record.position, record.id(), beginning(&record.raw));
        }
    }

    fn answer(self, limit: usize, partial: bool) -> PatternsJson {
        let mut seen: Vec<Seen> = self.seen.into_values().collect();
        seen.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| b.id.cmp(&a.id)));
        let rest = seen.split_off(seen.len().min(limit));
        PatternsJson {
            patterns: seen.into_iter().map(PatternJson::of).collect(),
            others: self.others + rest.iter().map(|seen| seen.records).sum::<u64>(),
            records: self.records,
            first: (self.records > 0).then(|| time_text(self.first_ns)),
            partial,
        }
    }
}

fn beginning(line: &str) -> String {
    line[..line.floor_char_boundary(MAX_EXAMPLE_BYTES)].to_owned()
}

impl PatternJson {
    fn of(seen: Seen) -> Self {
        Self {
            pattern: seen.text,
            records: seen.records,
            first: time_text(seen.first_ns),
            last: time_text(seen.position.time_ns),
            levels: seen.levels.into_iter().map(|(level, count)| (level.as_str(), count)).collect(),
            services: seen.services,
            example: seen.example,
            id: seen.id.to_string(),
        }
    }
}
