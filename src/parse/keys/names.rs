//! The names that libraries give their fields, and what each is for.

use std::sync::LazyLock;

/// What a field of that name is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Level,
    Message,
    Time,
    Logger,
    Trace,
    Span,
    Request,
    Method,
    Target,
    Status,
    Client,
    Bytes,
    ErrorType,
    ErrorMessage,
    /// A text that is the message, or the whole of a trace.
    Error,
    Stack,
    Operation,
    /// `GET /path HTTP/1.1`
    RequestLine,
    Protocol,
}

pub(super) const ROLES: usize = Protocol as usize + 1;

use Role::{
    Bytes, Client, Error, ErrorMessage, ErrorType, Logger, Message, Method, Operation, Protocol, Request, RequestLine,
    Span, Stack, Status, Target, Time, Trace,
};

/// Names in lower case. Of several of one role in a line, the one that stands first here counts.
const NAMES: [(&str, Role); 191] = [
    ("level", Role::Level),
    ("severity", Role::Level),
    ("log.level", Role::Level),
    ("levelname", Role::Level),
    ("level_name", Role::Level),
    ("@l", Role::Level),
    ("lvl", Role::Level),
    ("loglevel", Role::Level),
    ("log_level", Role::Level),
    ("severity_text", Role::Level),
    ("severitytext", Role::Level),
    ("priority", Role::Level),
    ("severitynumber", Role::Level),
    ("record.level.name", Role::Level),
    ("@fields.level", Role::Level),
    ("@level", Role::Level),
    ("at", Role::Level),
    ("msg", Message),
    ("message", Message),
    ("fields.message", Message),
    ("record.message", Message),
    ("@message", Message),
    ("@m", Message),
    ("@mt", Message),
    ("event", Message),
    ("short_message", Message),
    ("body", Message),
    ("log.message", Message),
    ("renderedmessage", Message),
    ("messagetemplate", Message),
    ("t.$date", Time),
    ("record.time.timestamp", Time),
    ("@timestamp", Time),
    ("timestamp", Time),
    ("time", Time),
    ("ts", Time),
    ("@t", Time),
    ("t", Time),
    ("asctime", Time),
    ("datetime", Time),
    ("datetime.date", Time),
    ("eventtime", Time),
    ("timemillis", Time),
    ("instant.epochsecond", Time),
    ("timestamp.seconds", Time),
    ("timeunixnano", Time),
    ("time_unix_nano", Time),
    ("startutc", Time),
    ("time_iso8601", Time),
    ("time_local", Time),
    ("_source_realtime_timestamp", Time),
    ("__realtime_timestamp", Time),
    ("logger", Logger),
    ("logger_name", Logger),
    ("loggername", Logger),
    ("log.logger", Logger),
    ("sourcecontext", Logger),
    ("name", Logger),
    ("target", Logger),
    ("channel", Logger),
    ("category", Logger),
    ("component", Logger),
    ("module", Logger),
    ("c", Logger),
    ("syslog_identifier", Logger),
    ("record.name", Logger),
    ("@module", Logger),
    ("context", Logger),
    ("trace_id", Trace),
    ("traceid", Trace),
    ("trace.id", Trace),
    ("dd.trace_id", Trace),
    ("oteltraceid", Trace),
    ("x_trace_id", Trace),
    ("mdc.traceid", Trace),
    ("contextmap.traceid", Trace),
    ("logging.googleapis.com/trace", Trace),
    ("@tr", Trace),
    ("span_id", Span),
    ("spanid", Span),
    ("span.id", Span),
    ("dd.span_id", Span),
    ("otelspanid", Span),
    ("mdc.spanid", Span),
    ("logging.googleapis.com/spanid", Span),
    ("@sp", Span),
    ("request_id", Request),
    ("requestid", Request),
    ("req_id", Request),
    ("reqid", Request),
    ("req.id", Request),
    ("request.id", Request),
    ("x_request_id", Request),
    ("x-request-id", Request),
    ("correlation_id", Request),
    ("correlationid", Request),
    ("http.request.id", Request),
    ("http.request_id", Request),
    ("awsrequestid", Request),
    ("function_request_id", Request),
    ("rid", Request),
    ("method", Method),
    ("http.method", Method),
    ("req.method", Method),
    ("request.method", Method),
    ("request_method", Method),
    ("requestmethod", Method),
    ("http_method", Method),
    ("verb", Method),
    ("span.method", Method),
    ("http.request.method", Method),
    ("meta.req.method", Method),
    ("httprequest.requestmethod", Method),
    ("url", Target),
    ("uri", Target),
    ("path", Target),
    ("req.url", Target),
    ("req.path", Target),
    ("request.uri", Target),
    ("request.url", Target),
    ("request.path", Target),
    ("request_uri", Target),
    ("requestpath", Target),
    ("http.target", Target),
    ("http.url", Target),
    ("http.path", Target),
    ("meta.req.url", Target),
    ("http.request.uri", Target),
    ("url.path", Target),
    ("url.original", Target),
    ("httprequest.requesturl", Target),
    ("request_path", Target),
    ("span.path", Target),
    ("span.uri", Target),
    ("status", Status),
    ("status_code", Status),
    ("statuscode", Status),
    ("res.statuscode", Status),
    ("res.status", Status),
    ("meta.res.statuscode", Status),
    ("http.response.status", Status),
    ("response.status", Status),
    ("response.statuscode", Status),
    ("response.status_code", Status),
    ("downstreamstatus", Status),
    ("http.status", Status),
    ("http.status_code", Status),
    ("http.response.status_code", Status),
    ("httprequest.status", Status),
    ("http_status", Status),
    ("response_status", Status),
    ("resp", Status),
    ("fields.status", Status),
    ("code", Status),
    ("remote_addr", Client),
    ("remote_ip", Client),
    ("client_ip", Client),
    ("clientip", Client),
    ("req.remoteaddress", Client),
    ("http.request.remoteaddr", Client),
    ("request.client_ip", Client),
    ("request.remote_ip", Client),
    ("clienthost", Client),
    ("client.ip", Client),
    ("client.address", Client),
    ("httprequest.remoteip", Client),
    ("source.ip", Client),
    ("ip", Client),
    ("remoteaddr", Client),
    ("remote", Client),
    ("remote_address", Client),
    ("client", Client),
    ("peer", Client),
    ("srcip", Client),
    ("bytes_sent", Bytes),
    ("body_bytes_sent", Bytes),
    ("bytes_out", Bytes),
    ("response_size", Bytes),
    ("downstreamcontentsize", Bytes),
    ("http.response.body.bytes", Bytes),
    ("http.response.bytes", Bytes),
    ("http.response.written", Bytes),
    ("httprequest.responsesize", Bytes),
    ("content_length", Bytes),
    ("size", Bytes),
    ("bytes", Bytes),
    ("res.headers.content-length", Bytes),
    ("operation", Operation),
    ("request", RequestLine),
    ("server_protocol", Protocol),
    ("requestprotocol", Protocol),
];

const MORE: [(&str, Role); 51] = [
    ("err.type", ErrorType),
    ("err.name", ErrorType),
    ("err.code", ErrorType),
    ("error.type", ErrorType),
    ("error.name", ErrorType),
    ("error.kind", ErrorType),
    ("error.class", ErrorType),
    ("exception.type", ErrorType),
    ("exception.class", ErrorType),
    ("exception.exceptiontype", ErrorType),
    ("error_type", ErrorType),
    ("exception_class", ErrorType),
    ("exc_type", ErrorType),
    ("thrown.name", ErrorType),
    ("context.exception.class", ErrorType),
    ("exception.name", ErrorType),
    ("record.exception.type", ErrorType),
    ("errortype", ErrorType),
    ("attributes.exception.type", ErrorType),
    ("err.message", ErrorMessage),
    ("error.message", ErrorMessage),
    ("exception.message", ErrorMessage),
    ("error_message", ErrorMessage),
    ("exception_message", ErrorMessage),
    ("thrown.message", ErrorMessage),
    ("context.exception.message", ErrorMessage),
    ("err.msg", ErrorMessage),
    ("errormessage", ErrorMessage),
    ("record.exception.value", ErrorMessage),
    ("attributes.exception.message", ErrorMessage),
    ("err.stack", Stack),
    ("error.stack", Stack),
    ("error.stack_trace", Stack),
    ("stack_trace", Stack),
    ("stacktrace", Stack),
    ("stack", Stack),
    ("exc_info", Stack),
    ("exception", Stack),
    ("exception.stacktrace", Stack),
    ("exception.stack_trace", Stack),
    ("traceback", Stack),
    ("attributes.exception.stacktrace", Stack),
    ("error.stacktrace", Stack),
    ("err.stacktrace", Stack),
    ("errorverbose", Stack),
    ("@x", Stack),
    ("thrown.extendedstacktrace", Stack),
    ("error", Error),
    ("err", Error),
    ("fields.err", Error),
    ("fields.error", Error),
];

const OPERATIONS: [(&str, Role); 5] =
    [("op", Operation), ("task", Operation), ("job", Operation), ("task_name", Operation), ("job_name", Operation)];

/// Names of a status that is one of HTTP even where no method stands beside it.
pub(super) const HTTP_STATUS: [&str; 6] = [
    "res.statusCode",
    "statusCode",
    "status_code",
    "response.statusCode",
    "http.status_code",
    "http.response.status_code",
];

/// As many places as leave most names that are none of these without a comparison.
const PLACES: usize = 1024;

/// Names by their length and ends, with their rank.
static BY_SHAPE: LazyLock<Vec<Vec<(&'static str, Role, u16)>>> = LazyLock::new(|| {
    let mut table = vec![Vec::new(); PLACES];
    for (rank, (name, role)) in all().enumerate() {
        table[shape_of(name)].push((*name, *role, rank as u16));
    }
    table
});

fn all() -> impl Iterator<Item = &'static (&'static str, Role)> {
    NAMES.iter().chain(&MORE).chain(&OPERATIONS)
}

fn shape_of(name: &str) -> usize {
    let end = |byte: Option<&u8>| usize::from(byte.map_or(0, u8::to_ascii_lowercase));
    let bytes = name.as_bytes();
    (bytes.len() * 37 + end(bytes.first()) * 7 + end(bytes.last()) * 53) % PLACES
}

pub(super) fn role(name: &str) -> Option<(Role, u16)> {
    // Most are written small.
    let is_it = |(known, ..): &&(&str, Role, u16)| *known == name || known.eq_ignore_ascii_case(name);
    BY_SHAPE[shape_of(name)].iter().find(is_it).map(|(_, role, rank)| (*role, *rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_in_any_case() {
        for (rank, (name, expected)) in all().enumerate() {
            let first = all().position(|(other, _)| other == name);
            assert_eq!(first, Some(rank), "{name} stands there twice");
            assert_eq!(role(name), Some((*expected, rank as u16)), "{name}");
            assert_eq!(role(&name.to_ascii_uppercase()), Some((*expected, rank as u16)), "{name}");
        }
        for name in ["", "levels", "messages", "LEVEL_", "é"] {
            assert_eq!(role(name), None, "{name}");
        }
    }

    #[test]
    fn what_has_a_role_is_no_duration() {
        // `timeMillis` is a point in time.
        for (name, role) in all().filter(|(_, role)| *role != Time) {
            assert!(super::super::duration::named(name).is_none(), "{name} is {role:?}'s");
        }
    }
}
