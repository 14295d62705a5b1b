//! Where the engine listens: text such as `unix:///var/run/docker.sock` to [`Endpoint`].

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What [`Endpoint`] is read from, for messages.
pub const FORM: &str = "unix:///path, tcp://host:port or http://host:port";

/// Where the engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket in the file system, by its absolute path.
    Unix(PathBuf),
    /// A network address, with TLS or without.
    Tcp {
        /// A host name, an IPv4 address, or an IPv6 address without its brackets.
        host: String,
        /// The port, not 0.
        port: u16,
    },
}

/// A text that is no endpoint, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// No scheme that is known, or nothing usable behind it.
    #[error("is not an endpoint")]
    Form,
    /// `ssh://`.
    #[error("asks for ssh, which foghorn does not speak: forward the socket with ssh -L and name its local path")]
    Ssh,
    /// `npipe://`.
    #[error("is a windows named pipe, and foghorn runs on linux only")]
    NamedPipe,
    /// `https://`.
    #[error("asks for https: name it as tcp:// and set docker.tls_verify")]
    Https,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(EndpointError::Form)?;
        match scheme {
            "unix" if rest.starts_with('/') && rest.len() > 1 => Ok(Self::Unix(rest.into())),
            "tcp" | "http" => tcp(rest.strip_suffix('/').unwrap_or(rest)).ok_or(EndpointError::Form),
            "ssh" => Err(EndpointError::Ssh),
            "npipe" => Err(EndpointError::NamedPipe),
            "https" => Err(EndpointError::Https),
            _ => Err(EndpointError::Form),
        }
    }
}

fn tcp(authority: &str) -> Option<Endpoint> {
    let (host, port) = authority.rsplit_once(':')?;
    let port = port.parse().ok().filter(|number| *number != 0 && !port.starts_with('+'))?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
        None => host.to_owned(),
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_name = !host.is_empty() && host.bytes().all(fits);
    (is_name || authority.starts_with('[')).then_some(Endpoint::Tcp { host, port })
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sockets_and_addresses() {
        let tcp = |host: &str, port| Endpoint::Tcp { host: host.to_owned(), port };
        let table = [
            ("unix:///var/run/docker.sock", Endpoint::Unix("/var/run/docker.sock".into())),
            ("tcp://docker:2375", tcp("docker", 2375)),
            ("tcp://10.0.0.7:2376/", tcp("10.0.0.7", 2376)),
            ("http://socket-proxy.local:80", tcp("socket-proxy.local", 80)),
            ("tcp://[::1]:2375", tcp("::1", 2375)),
        ];
        for (text, endpoint) in table {
            assert_eq!(text.parse(), Ok(endpoint.clone()), "{text}");
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint), "{text} does not survive its text");
        }
    }

    #[test]
    fn refuses_with_a_reason() {
        let table = [
            ("ssh://root@host", EndpointError::Ssh),
            ("npipe:////./pipe/docker_engine", EndpointError::NamedPipe),
            ("https://host:2376", EndpointError::Https),
            ("", EndpointError::Form),
            ("/var/run/docker.sock", EndpointError::Form),
            ("unix://", EndpointError::Form),
            ("unix:///", EndpointError::Form),
            ("unix://docker.sock", EndpointError::Form),
            ("fd://", EndpointError::Form),
            ("tcp://docker", EndpointError::Form),
            ("tcp://:2375", EndpointError::Form),
            ("tcp://docker:", EndpointError::Form),
            ("tcp://docker:0", EndpointError::Form),
            ("tcp://docker:65536", EndpointError::Form),
            ("tcp://docker:+2375", EndpointError::Form),
            ("tcp://docker:2375/v1.40", EndpointError::Form),
            ("tcp://user@docker:2375", EndpointError::Form),
            ("tcp://::1:2375", EndpointError::Form),
            ("tcp://[docker]:2375", EndpointError::Form),
            ("TCP://docker:2375", EndpointError::Form),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<Endpoint>(), Err(error), "{text:?}");
        }
    }
}
