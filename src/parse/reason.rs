//! Why a record has its level, in one word: for `foghorn parse --explain`.

/// What the level of a record was found by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reason {
    /// Nothing says how bad it is.
    #[default]
    None,
    /// A field of a structured line.
    Field,
    /// A name, letter or sign in the header of the line.
    Header,
    /// The status of a request.
    Status,
    /// A traceback, panic or exception.
    Trace,
    /// The priority of syslog.
    Priority,
    /// Words that a line begins with where something failed.
    Word,
    /// Nobody knows: a reader panicked, which is a bug of Foghorn's, and the text is all there is.
    Panic,
}

impl Reason {
    /// The reason as a short phrase.
    ///
    /// ```
    /// assert_eq!(foghorn::parse::Reason::Status.phrase(), "the status of the request");
    /// ```
    pub fn phrase(self) -> &'static str {
        match self {
            Self::None => "nothing says how bad it is",
            Self::Field => "a field of the line",
            Self::Header => "where levels stand in the header of the line",
            Self::Status => "the status of the request",
            Self::Trace => "an error or a traceback",
            Self::Priority => "the priority of syslog",
            Self::Word => "words that mean a failure",
            Self::Panic => "a bug of Foghorn's kept the line from being read",
        }
    }
}
