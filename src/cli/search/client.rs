//! Foghorn's HTTP API, as `foghorn search` asks it: pages of records, and records as they arrive.

use std::io::{self, BufRead, BufReader, Read};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

/// How long Foghorn may take to answer at all; it ends a search by itself before that.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(330);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest page that is read.
const MAX_PAGE_BYTES: u64 = 2 << 30;

/// Why it cannot be searched.
#[derive(Debug, thiserror::Error)]
pub(super) enum SearchError {
    /// Nobody answers, or not as Foghorn does.
    #[error("{url}: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// What happened.
        reason: String,
    },
    /// Foghorn says what is wrong with the question.
    #[error("{0}")]
    Refused(String),
    /// It allows no page of so many records.
    #[error("{0}")]
    Limit(String),
    /// Not everything could be looked at in time.
    #[error("the search took too long and is incomplete: narrow it by time, by a service or by a word")]
    Partial,
    /// The records cannot be written.
    #[error("cannot write the records: {0}")]
    Output(#[from] io::Error),
}

/// A record as it was sent, and what is shown of it.
#[derive(Debug)]
pub(super) struct Record {
    pub id: String,
    pub time: String,
    pub service: String,
    pub container: String,
    pub level: String,
    pub line: String,
    /// All of it.
    pub json: Box<RawValue>,
}

impl Record {
    fn read(json: Box<RawValue>) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        #[serde(default)]
        #[derive(Default)]
        struct Known {
            id: String,
            time: String,
            service: String,
            container: String,
            level: String,
            line: String,
        }
        let Known { id, time, service, container, level, line } = serde_json::from_str(json.get())?;
        Ok(Self { id, time, service, container, level, line, json })
    }
}

/// What arrives.
#[derive(Debug)]
pub(super) enum Event {
    /// A record that matches.
    Record(Record),
    /// So many batches were left out, because we were too slow.
    Lagged(u64),
}

/// What Foghorn answers where it cannot do what is asked.
#[derive(Deserialize)]
struct Refusal {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    message: String,
    #[serde(default)]
    parameter: String,
}

#[derive(Debug)]
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    pub(super) fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            // What Foghorn says of a mistake is read.
            .http_status_as_error(false)
            // Foghorn is beside us, and the query is nobody else's.
            .proxy(None)
            .user_agent(concat!("foghorn/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), url: url.trim_end_matches('/').to_owned() }
    }

    /// The pages of a search, in this order.
    pub(super) fn pages(&self, parameters: Vec<(&'static str, String)>, order: &'static str) -> Pages<'_> {
        Pages { client: self, parameters, order, cursor: None, is_over: false }
    }

    /// Records that match, from now on.
    pub(super) fn follow(&self, query: &str) -> Result<Following, SearchError> {
        let body = self.get("/api/v1/live", &[("query", query)])?;
        Ok(Following { lines: BufReader::new(Box::new(body.into_reader())), url: self.url.clone() })
    }

    fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<ureq::Body, SearchError> {
        let asked = self.agent.get(format!("{}{path}", self.url)).query_pairs(parameters.iter().copied()).call();
        let answer = asked.map_err(|error| self.unreachable(error.to_string()))?;
        if answer.status() == 200 {
            return Ok(answer.into_body());
        }
        let status = answer.status();
        let text = answer.into_body().with_config().limit(64 << 10).read_to_string().unwrap_or_default();
        Err(match serde_json::from_str::<Refusal>(&text) {
            Ok(Refusal { error }) if error.parameter == "limit" => SearchError::Limit(error.message),
            Ok(refusal) => SearchError::Refused(refusal.error.message),
            Err(_) => self.unreachable(format!("it answers {status}, and not as Foghorn does")),
        })
    }

    fn unreachable(&self, reason: String) -> SearchError {
        SearchError::Unreachable { url: self.url.clone(), reason }
    }
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    client: &'a Client,
    parameters: Vec<(&'static str, String)>,
    order: &'static str,
    cursor: Option<String>,
    is_over: bool,
}

impl Pages<'_> {
    /// The next records, so many at most; none behind the last.
    pub(super) fn next(&mut self, limit: usize) -> Result<Option<Vec<Record>>, SearchError> {
        #[derive(Deserialize)]
        struct Page {
            records: Vec<Box<RawValue>>,
            next_cursor: Option<String>,
            partial: bool,
        }
        if self.is_over {
            return Ok(None);
        }
        let most = limit.to_string();
        let mut parameters: Vec<(&str, &str)> = vec![("order", self.order), ("limit", &most)];
        parameters.extend(self.parameters.iter().map(|(name, value)| (*name, value.as_str())));
        if let Some(cursor) = &self.cursor {
            parameters.push(("cursor", cursor));
        }
        let mut answer = match self.client.get("/api/v1/logs", &parameters) {
            // The configuration may allow fewer: then as many as it gives unasked.
            Err(SearchError::Limit(_)) => {
                parameters.remove(1);
                self.client.get("/api/v1/logs", &parameters)?
            }
            answer => answer?,
        };
        let text = answer.with_config().limit(MAX_PAGE_BYTES).read_to_string();
        let text = text.map_err(|error| self.client.unreachable(error.to_string()))?;
        let strange =
            |error: serde_json::Error| self.client.unreachable(format!("its answer is none of ours: {error}"));
        let mut page: Page = serde_json::from_str(&text).map_err(strange)?;
        page.records.truncate(limit);
        if page.partial && page.records.is_empty() {
            return Err(SearchError::Partial);
        }
        self.is_over = page.next_cursor.is_none();
        self.cursor = page.next_cursor;
        let records = page.records.into_iter().map(Record::read).collect::<Result<_, _>>().map_err(strange)?;
        Ok(Some(records))
    }
}

/// Server-sent events, one after the other; ends when Foghorn stops.
pub(super) struct Following {
    lines: BufReader<Box<dyn Read>>,
    url: String,
}

impl Iterator for Following {
    type Item = Result<Event, SearchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut name, mut line) = (String::new(), String::new());
        let mut data = String::new();
        loop {
            line.clear();
            let failed = |reason: String| Some(Err(SearchError::Unreachable { url: self.url.clone(), reason }));
            match self.lines.read_line(&mut line) {
                Ok(0) => return failed("the connection was closed".into()),
                Ok(_) => {}
                Err(error) => return failed(error.to_string()),
            }
            let text = line.trim_end_matches(['\n', '\r']);
            if let Some(value) = text.strip_prefix("event:") {
                value.trim_start().clone_into(&mut name);
            } else if let Some(value) = text.strip_prefix("data:") {
                data.push_str(value.trim_start());
            } else if text.is_empty() && !name.is_empty() {
                match name.as_str() {
                    "record" => {
                        let record = serde_json::from_str(&data).and_then(Record::read);
                        return match record {
                            Ok(record) => Some(Ok(Event::Record(record))),
                            Err(error) => failed(format!("its answer is none of ours: {error}")),
                        };
                    }
                    "lagged" => {
                        #[derive(Deserialize)]
                        struct Lagged {
                            batches: u64,
                        }
                        let batches = serde_json::from_str(&data).map_or(1, |lagged: Lagged| lagged.batches);
                        return Some(Ok(Event::Lagged(batches)));
                    }
                    "bye" => return None,
                    // A record that may go on comes again when it is whole.
                    _ => {
                        name.clear();
                        data.clear();
                    }
                }
            }
        }
    }
}
