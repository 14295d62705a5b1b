//! The HTTP interface: from a request to its answer, with what faults do to it.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, PRAGMA};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::answers;
use super::body::{Dropped, EngineBody};
use super::error::ApiError;
use super::events::EventFeed;
use super::faults::{Endpoint, FaultId, Instead, RequestFaults};
use super::inspect;
use super::logs::{Layout, LogFeed};
use super::query::{Plus, Query, decode};
use super::server::Flushes;
use super::spec::Version;
use super::state::{Presence, RequestSeen, Shared, Token};

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
struct Route {
    /// The version in the path, if there is one.
    api: Option<Api>,
    endpoint: Option<Endpoint>,
    /// The container in the path: an id, a name, or the beginning of an id.
    container: Option<String>,
}

/// A version of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Api(u32, u32);

impl Api {
    fn parse(text: &str) -> Option<Api> {
        let (major, minor) = text.split_once('.')?;
        Some(Api(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl Route {
    fn parse(path: &str) -> Route {
        let mut segments: Vec<String> = path.split('/').skip(1).map(|segment| decode(segment, Plus::IsPlus)).collect();
        let first = segments.first().and_then(|first| first.strip_prefix('v'));
        let api = first.and_then(Api::parse);
        if api.is_some() {
            segments.remove(0);
        }
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (endpoint, container) = match segments.as_slice() {
            ["_ping"] => (Some(Endpoint::Ping), None),
            ["version"] => (Some(Endpoint::Version), None),
            ["info"] => (Some(Endpoint::Info), None),
            ["events"] => (Some(Endpoint::Events), None),
            ["containers", "json"] => (Some(Endpoint::List), None),
            ["containers", id, "json"] => (Some(Endpoint::Inspect), Some((*id).to_owned())),
            ["containers", id, "logs"] => (Some(Endpoint::Logs), Some((*id).to_owned())),
            _ => (None, None),
        };
        Route { api, endpoint, container }
    }
}

/// Answers one request.
///
/// # Errors
///
/// [`Dropped`] closes the connection in place of an answer.
pub(super) async fn answer(
    shared: Arc<Shared>,
    flushes: Arc<Flushes>,
    request: Request<Incoming>,
) -> Result<Response<EngineBody>, Dropped> {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or(""));
    let route = Route::parse(path);
    let faults = shared.update(|state| {
        state.record(RequestSeen {
            method: request.method().to_string(),
            path: path.to_owned(),
            query: query.to_owned(),
        });
        let reference = route.container.as_deref();
        let container = reference.map(|reference| {
            let found = state.find(reference);
            found.map_or_else(|| reference.to_owned(), |found| found.id.clone())
        });
        state.faults.for_request(route.endpoint, container.as_deref())
    });
    if let Some(late) = faults.late {
        held(&shared, late).await;
    }
    let responder = Responder { shared: &shared, flushes: &flushes, faults: &faults };
    let answered = match &faults.instead {
        Some(Instead::HangUp) => None,
        Some(Instead::Status(status, message)) => {
            Some(Err(ApiError::Injected { status: *status, message: message.clone() }))
        }
        None if request.method() != Method::GET => Some(Err(ApiError::NotAGet)),
        None => Some(responder.route(&route, &Query::parse(query))),
    };
    let answered = answered.map(|answer| answer.unwrap_or_else(|error| responder.refuse(&error)));
    if let Some(hold) = faults.hold {
        held(&shared, hold).await;
    }
    answered.ok_or(Dropped)
}

async fn held(shared: &Arc<Shared>, hold: FaultId) {
    let _token = Token::new(shared, Presence::HeldAnswer);
    shared.wait_for(|state| !state.faults.is_active(hold)).await;
}

/// Makes responses to one request.
struct Responder<'a> {
    shared: &'a Arc<Shared>,
    flushes: &'a Arc<Flushes>,
    faults: &'a RequestFaults,
}

impl Responder<'_> {
    fn route(&self, route: &Route, query: &Query) -> Result<Response<EngineBody>, ApiError> {
        let version = &self.shared.version;
        let api = negotiate(version, route.api)?;
        let reference = route.container.as_deref().unwrap_or_default();
        let value = match route.endpoint.ok_or(ApiError::NoSuchPage)? {
            Endpoint::Ping => return Ok(self.ping()),
            Endpoint::Events => return self.events(query),
            Endpoint::Logs => return self.logs(reference, query, api),
            Endpoint::Version => answers::version(version),
            Endpoint::Info => self.shared.read(answers::info),
            Endpoint::List => {
                let filters = query.filters()?;
                if let Some(name) = filters.unknown(&answers::LIST_FILTERS) {
                    return Err(ApiError::BadRequest(format!("invalid filter '{name}'")));
                }
                self.shared.read(|state| answers::list(state, query, &filters))
            }
            Endpoint::Inspect => self
                .shared
                .read(|state| state.find(reference).map(inspect::inspect))
                .ok_or_else(|| ApiError::NoSuchContainer(reference.to_owned()))?,
        };
        Ok(self.json(200, &value))
    }

    fn ping(&self) -> Response<EngineBody> {
        let mut response = self.whole(200, "text/plain; charset=utf-8", "OK".into());
        let headers = response.headers_mut();
        let no_cache = HeaderValue::from_static("no-cache, no-store, must-revalidate");
        headers.insert(CACHE_CONTROL, no_cache);
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        if self.shared.version.major() >= 23 {
            for (name, value) in [("builder-version", "2"), ("swarm", "inactive")] {
                let name = HeaderName::from_static(name);
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        response
    }

    fn events(&self, query: &Query) -> Result<Response<EngineBody>, ApiError> {
        let (feed, waits) = EventFeed::open(self.shared, query)?;
        let body = EngineBody::fed(feed, waits, self.faults, self.flushes);
        Ok(self.respond(200, Some("application/json"), body))
    }

    fn logs(&self, reference: &str, query: &Query, api: Api) -> Result<Response<EngineBody>, ApiError> {
        let (feed, waits, layout) = LogFeed::open(self.shared, reference, query, self.faults)?;
        let body = EngineBody::fed(feed, waits, self.faults, self.flushes);
        // Engine 20.10 flushes the headers before it knows a type.
        let content_type = match layout {
            _ if self.shared.version.major() < 23 => None,
            Layout::Frames if api >= Api(1, 42) => Some("application/vnd.docker.multiplexed-stream"),
            _ => Some("application/vnd.docker.raw-stream"),
        };
        Ok(self.respond(200, content_type, body))
    }

    fn refuse(&self, error: &ApiError) -> Response<EngineBody> {
        self.json(error.status(), &json!({"message": error.to_string()}))
    }

    fn json(&self, status: u16, value: &Value) -> Response<EngineBody> {
        self.whole(status, "application/json", format!("{value}\n").into())
    }

    fn whole(&self, status: u16, content_type: &'static str, bytes: Bytes) -> Response<EngineBody> {
        let body = EngineBody::whole(bytes, self.shared, self.faults, self.flushes);
        self.respond(status, Some(content_type), body)
    }

    fn respond(&self, status: u16, content_type: Option<&'static str>, body: EngineBody) -> Response<EngineBody> {
        let version = &self.shared.version;
        let mut response = Response::new(body);
        // A fault may ask for a number that is no status.
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let server = format!("Docker/{} (linux)", version.engine);
        for (name, value) in
            [("api-version", version.api), ("docker-experimental", "false"), ("ostype", "linux"), ("server", &server)]
        {
            let value = HeaderValue::from_str(value);
            if let Ok(value) = value {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        response
    }
}

/// The version that counts for a request; without one in the path it is the engine's own.
fn negotiate(version: &Version, asked: Option<Api>) -> Result<Api, ApiError> {
    let newest = Api::parse(version.api).unwrap_or(Api(1, 0));
    let oldest = Api::parse(version.min_api).unwrap_or(Api(1, 0));
    let asked = asked.unwrap_or(newest);
    let Api(major, minor) = asked;
    if asked > newest {
        return Err(ApiError::BadRequest(format!(
            "client version {major}.{minor} is too new. Maximum supported API version is {}",
            version.api
        )));
    }
    if asked < oldest {
        return Err(ApiError::BadRequest(format!(
            "client version {major}.{minor} is too old. Minimum supported API version is {}, \
             please upgrade your client to a newer version",
            version.min_api
        )));
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        for (path, api, endpoint, container) in [
            ("/_ping", None, Some(Endpoint::Ping), None),
            ("/v1.41/info", Some(Api(1, 41)), Some(Endpoint::Info), None),
            ("/containers/json", None, Some(Endpoint::List), None),
            ("/containers/a%2Bb/json", None, Some(Endpoint::Inspect), Some("a+b")),
            ("/v1.51/containers/ab/logs", Some(Api(1, 51)), Some(Endpoint::Logs), Some("ab")),
            ("/v1/info", None, None, None),
            ("/containers/ab/top", None, None, None),
            ("/", None, None, None),
        ] {
            let expected = Route { api, endpoint, container: container.map(str::to_owned) };
            assert_eq!(expected, Route::parse(path), "{path}");
        }
    }

    #[test]
    fn versions_out_of_range_are_refused() {
        let version = Version { engine: "29.0.0", api: "1.52", min_api: "1.44" };
        assert_eq!(Ok(Api(1, 52)), negotiate(&version, None));
        assert_eq!(Ok(Api(1, 44)), negotiate(&version, Some(Api(1, 44))));
        for (asked, word) in [(Api(1, 43), "too old"), (Api(1, 53), "too new")] {
            let error = negotiate(&version, Some(asked)).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
