//! The engine's API → typed answers: one way to connect, for bollard and for log bodies alike.
//!
//! Foghorn sends nothing but GET; [`Client`] has no way to send anything else.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{ContainerInspectResponse, ContainerSummary, EventMessage};
use bollard::query_parameters::{EventsOptions, InspectContainerOptions, ListContainersOptions};
use futures_util::Stream as FutureStream;
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::body::Response;
use super::socket::Socket;
use crate::config::{DockerConfig, Endpoint, TlsFiles};

/// How long connecting and an answer's head may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The events that change what is followed or say why a container ended. `exec_*` is left out:
/// its actions carry whole command lines, secrets included.
const EVENTS: [&str; 14] = [
    "create",
    "start",
    "restart",
    "die",
    "stop",
    "kill",
    "oom",
    "pause",
    "unpause",
    "rename",
    "update",
    "destroy",
    "health_status",
    "died",
];

/// Why the engine did not answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is nothing at that path.
    #[error("there is no socket at {0}: is Docker installed and running, and is its socket mounted?")]
    NoSocket(PathBuf),
    /// Nobody listens.
    #[error("{0} refuses connections: is Docker running?")]
    Refused(String),
    /// We may not.
    #[error("no permission to use {0}: run Foghorn as a member of the socket's group, or behind a socket proxy")]
    Permission(String),
    /// The engine answered with an error.
    #[error("the engine answered {status}: {message}")]
    Status {
        /// HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// No answer in time.
    #[error("no answer from {0} within {secs} s", secs = ANSWER_TIMEOUT.as_secs())]
    Timeout(String),
    /// The answer makes no sense.
    #[error("the engine's answer was not understood: {0}")]
    Answer(String),
    /// Certificates.
    #[error("TLS to {host}: {reason}")]
    Tls {
        /// The engine's address.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// Anything else on the way.
    #[error("the connection to {host} failed: {source}")]
    Io {
        /// The engine's address.
        host: String,
        /// The system's error.
        source: io::Error,
    },
}

impl EngineError {
    /// The engine says that there is no such container.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }

    /// The engine will never be able to read this container's log.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Status { status: 501, .. })
    }
}

/// Which engine it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineVersion {
    /// The engine's version, such as `28.5.2`.
    pub version: String,
    /// Its API version, such as `1.51`.
    pub api: String,
    /// `Docker`, or `Podman`.
    pub product: &'static str,
}

impl EngineVersion {
    /// From engine 23.0 on a follower survives log rotation and misses nothing at exit
    /// (moby 43294 rewrote it). Podman's own follower is taken to.
    pub fn follows_reliably(&self) -> bool {
        self.product == "Podman"
            || self
                .version
                .split('.')
                .next()
                .and_then(|major| major.parse::<u32>().ok())
                .is_none_or(|major| major >= 23)
    }
}

/// How many messages at the end of the log to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// All of them.
    All,
    /// The last so many, both streams counted together.
    Last(u32),
}

/// Whether a log response ends at the end of the log or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// It ends with what there is.
    Now,
    /// It goes on until the container exits.
    Exit,
}

/// A client of one engine. Each request has a connection of its own; cloning is cheap.
#[derive(Clone)]
pub struct Client {
    dialer: Arc<Dialer>,
    docker: Docker,
}

impl Client {
    /// Prepares a client; connects to nothing yet.
    ///
    /// # Errors
    /// [`EngineError::Tls`] where certificates are missing or cannot be read.
    pub fn new(config: &DockerConfig) -> Result<Self, EngineError> {
        let dialer = Arc::new(Dialer::new(config)?);
        let transport = Arc::clone(&dialer);
        let docker = Docker::connect_with_custom_transport(
            move |request: bollard::BollardRequest| {
                let dialer = Arc::clone(&transport);
                async move { dialer.send(request).await }
            },
            Some("http://docker"),
            ANSWER_TIMEOUT.as_secs(),
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|e| EngineError::Answer(e.to_string()))?;
        Ok(Self { dialer, docker })
    }

    /// The engine's address, for messages.
    pub fn host(&self) -> &str {
        &self.dialer.host
    }

    /// Asks which engine it is.
    ///
    /// # Errors
    /// [`EngineError`], each with its own message.
    pub async fn version(&self) -> Result<EngineVersion, EngineError> {
        let version = self.ask(self.docker.version()).await?;
        let podman = version.components.iter().flatten().any(|c| c.name.contains("Podman"));
        Ok(EngineVersion {
            version: version.version.unwrap_or_default(),
            api: version.api_version.unwrap_or_default(),
            product: if podman { "Podman" } else { "Docker" },
        })
    }

    /// Every container, running or not.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn list(&self) -> Result<Vec<ContainerSummary>, EngineError> {
        let options = ListContainersOptions { all: true, ..ListContainersOptions::default() };
        self.ask(self.docker.list_containers(Some(options))).await
    }

    /// What the engine knows of a container; none where it has none of that id.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn inspect(&self, id: &str) -> Result<Option<ContainerInspectResponse>, EngineError> {
        match self.ask(self.docker.inspect_container(id, None::<InspectContainerOptions>)).await {
            Ok(container) => Ok(Some(container)),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Container events from `since_ns` on; the stream ends with the connection.
    pub fn events(&self, since_ns: i64) -> impl FutureStream<Item = Result<EventMessage, EngineError>> + use<> {
        let filters = HashMap::from([
            ("type".to_owned(), vec!["container".to_owned()]),
            ("event".to_owned(), EVENTS.map(str::to_owned).to_vec()),
        ]);
        let (seconds, ns) = (since_ns.div_euclid(1_000_000_000), since_ns.rem_euclid(1_000_000_000));
        let options = EventsOptions { since: Some(format!("{seconds}.{ns:09}")), until: None, filters: Some(filters) };
        let dialer = Arc::clone(&self.dialer);
        let events = self.docker.clone().events(Some(options));
        futures_util::StreamExt::map(events, move |event| event.map_err(|e| dialer.explain(e)))
    }

    /// Opens a container's log, both streams, with timestamps.
    ///
    /// # Errors
    /// [`EngineError::Status`] where the engine refuses; see [`EngineError::is_gone`].
    pub async fn logs(&self, id: &str, tail: Tail, until: Until) -> Result<Response, EngineError> {
        let tail = match tail {
            Tail::All => "all".to_owned(),
            Tail::Last(messages) => messages.to_string(),
        };
        let follow = i32::from(until == Until::Exit);
        let target = format!("/containers/{id}/logs?stdout=1&stderr=1&timestamps=1&follow={follow}&tail={tail}");
        let open = async {
            let socket = self.dialer.connect().await?;
            let mut response =
                Response::get(socket, &self.dialer.authority, &target).await.map_err(|e| self.dialer.io(e))?;
            if response.status == 200 {
                return Ok(response);
            }
            let text = response.text(4096).await.unwrap_or_default();
            let message = serde_json::from_str::<serde_json::Value>(&text)
                .ok()
                .and_then(|v| v.get("message").and_then(|m| m.as_str()).map(str::to_owned))
                .unwrap_or(text);
            Err(EngineError::Status { status: response.status, message: message.trim().chars().take(500).collect() })
        };
        timeout(ANSWER_TIMEOUT, open).await.map_err(|_| EngineError::Timeout(self.dialer.host.clone()))?
    }

    async fn ask<T>(&self, answer: impl Future<Output = Result<T, bollard::errors::Error>>) -> Result<T, EngineError> {
        timeout(ANSWER_TIMEOUT, answer)
            .await
            .map_err(|_| EngineError::Timeout(self.dialer.host.clone()))?
            .map_err(|error| self.dialer.explain(error))
    }
}

/// Opens connections to the engine.
struct Dialer {
    endpoint: Endpoint,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// As shown to people.
    host: String,
    /// As sent in the Host header.
    authority: String,
}

impl Dialer {
    fn new(config: &DockerConfig) -> Result<Self, EngineError> {
        let host = config.host.to_string();
        let authority = match &config.host {
            Endpoint::Unix(_) => "docker".to_owned(),
            Endpoint::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        };
        let tls = match (&config.host, &config.tls) {
            (Endpoint::Tcp { host: name, .. }, Some(files)) => {
                let fault = |reason: String| EngineError::Tls { host: host.clone(), reason };
                let server =
                    ServerName::try_from(name.clone()).map_err(|_| fault(format!("{name:?} is not a host name")))?;
                Some((TlsConnector::from(Arc::new(tls_config(files).map_err(fault)?)), server))
            }
            _ => None,
        };
        Ok(Self { endpoint: config.host.clone(), tls, host, authority })
    }

    async fn connect(&self) -> Result<Socket, EngineError> {
        match (&self.endpoint, &self.tls) {
            (Endpoint::Unix(path), _) => match UnixStream::connect(path).await {
                Ok(stream) => Ok(Socket::Unix(stream)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Err(EngineError::NoSocket(path.clone())),
                Err(error) => Err(self.io(error)),
            },
            (Endpoint::Tcp { host, port }, tls) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(|e| self.io(e))?;
                stream.set_nodelay(true).map_err(|e| self.io(e))?;
                match tls {
                    None => Ok(Socket::Tcp(stream)),
                    Some((connector, server)) => {
                        let stream = connector
                            .connect(server.clone(), stream)
                            .await
                            .map_err(|error| EngineError::Tls { host: self.host.clone(), reason: error.to_string() })?;
                        Ok(Socket::Other(Box::new(stream)))
                    }
                }
            }
        }
    }

    /// Sends a request of bollard's. Only GET leaves this process.
    async fn send(
        &self,
        mut request: bollard::BollardRequest,
    ) -> Result<hyper::Response<hyper::body::Incoming>, bollard::errors::Error> {
        assert!(request.method() == hyper::Method::GET, "Foghorn only ever reads from the engine");
        let connection = self.connect().await.map_err(|e| io::Error::other(Dialed(e)))?;
        let path = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
        *request.uri_mut() = path.parse().map_err(|_| io::Error::other("the request's path is no path"))?;
        if let Ok(host) = HeaderValue::from_str(&self.authority) {
            request.headers_mut().insert(HOST, host);
        }
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(connection)).await?;
        // It ends with the response, or when the response is dropped.
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    }

    fn io(&self, source: io::Error) -> EngineError {
        let host = self.host.clone();
        match source.kind() {
            io::ErrorKind::ConnectionRefused => EngineError::Refused(host),
            io::ErrorKind::PermissionDenied => EngineError::Permission(host),
            _ => EngineError::Io { host, source },
        }
    }

    fn explain(&self, error: bollard::errors::Error) -> EngineError {
        use bollard::errors::Error;
        match error {
            Error::DockerResponseServerError { status_code, message } => {
                EngineError::Status { status: status_code, message }
            }
            Error::RequestTimeoutError => EngineError::Timeout(self.host.clone()),
            Error::IOError { err } => match err.downcast::<Dialed>() {
                Ok(Dialed(error)) => error,
                Err(err) => self.io(err),
            },
            Error::HyperResponseError { err } => self.io(io::Error::other(err)),
            other => EngineError::Answer(other.to_string()),
        }
    }
}

/// Our own error on its way through bollard's.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Dialed(EngineError);

/// Reads the certificates, as `DOCKER_CERT_PATH` holds them.
fn tls_config(files: &TlsFiles) -> Result<rustls::ClientConfig, String> {
    let unreadable =
        |file: &Path, error: rustls::pki_types::pem::Error| format!("{} cannot be read: {error}", file.display());
    let read = |file: &Path| {
        CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| unreadable(file, e))
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in read(&files.ca)? {
        roots.add(certificate).map_err(|error| format!("{}: {error}", files.ca.display()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let Some(client) = &files.client else { return Ok(builder.with_no_client_auth()) };
    let key = PrivateKeyDer::from_pem_file(&client.key).map_err(|e| unreadable(&client.key, e))?;
    builder
        .with_client_auth_cert(read(&client.cert)?, key)
        .map_err(|error| format!("{}: {error}", client.cert.display()))
}
