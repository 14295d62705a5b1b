//! What goes wrong: for the caller of the simulated engine, and for the client of its HTTP interface.

use super::spec::Status;

/// Why a container could not be made to do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// No container has that id, name or beginning of an id.
    #[error("no such container: {reference}")]
    NoSuchContainer {
        /// What was asked for.
        reference: String,
    },
    /// The container is not in a state for that.
    #[error("cannot {action} container {name}: it is {status}, expected {expected}")]
    WrongState {
        /// What was asked for.
        action: &'static str,
        /// The container's name.
        name: String,
        /// Its state.
        status: Status,
        /// The states in which it would do.
        expected: &'static str,
    },
    /// Another container has that name.
    #[error("the container name {name:?} is already in use by container {owner}")]
    NameInUse {
        /// The name.
        name: String,
        /// The id of its owner.
        owner: String,
    },
    /// The name has other characters than the engine allows.
    #[error("invalid container name {name:?}, only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")]
    InvalidName {
        /// The name.
        name: String,
    },
}

/// What a client is answered in place of what it asked for; the body is `{"message": …}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    #[error("{0}")]
    BadRequest(String),
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    #[error("page not found")]
    NoSuchPage,
    #[error("method not allowed")]
    NotAGet,
    #[error("{0}")]
    Internal(String),
    /// `ErrReadLogsNotSupported` of the engine.
    #[error("configured logging driver does not support reading")]
    UnreadableDriver,
    #[error("{message}")]
    Injected { status: u16, message: String },
}

impl ApiError {
    pub(super) fn status(&self) -> u16 {
        match self {
            ApiError::BadRequest(_) => 400,
            ApiError::NoSuchContainer(_) | ApiError::NoSuchPage => 404,
            ApiError::NotAGet => 405,
            ApiError::Internal(_) => 500,
            ApiError::UnreadableDriver => 501,
            ApiError::Injected { status, .. } => *status,
        }
    }
}
