//! What a record is in the middle of, and whether it goes on with the next line.

use super::bytes::{ESC, has};
use super::json;
use super::postgres::is_postgres_detail;
use super::shape::{Look, Shape};
use super::time::begins_time;
use super::words::{Severity, is_troubled, severity};

/// How many lines are tried before what was tried is not part of the record.
pub(super) const TRIED_LINES: usize = 12;

/// The same behind plain text.
const TRIED_AFTER_TEXT: usize = 3;

/// How many lines without a header an exception's message goes on for, where nothing ends it.
const MESSAGE_LINES: u8 = 40;

/// What a record is in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Blank lines only.
    Blank,
    /// Plain text.
    Text,
    /// Everything but what matches the user's own expression.
    User,
    /// A line with a header.
    Header,
    /// The first line of `java.util.logging`.
    Jul,
    /// A Python warning, before its source line.
    PyWarning,
    /// An error's own line; its message may go on, and frames may follow.
    Exception,
    /// Frames of any language but Python, and notes behind them.
    Frames,
    /// `"""`, before the traceback of another process.
    Quotes,
    /// In a Python traceback.
    PyFrames,
    /// Behind its last line, which may go on; so many lines of it were seen.
    PyEnd(u8),
    /// Behind the sentence that announces another traceback.
    PyChain,
    /// `/app/a.js:12`: the source line comes next.
    NodeSource,
    /// Behind the source line.
    NodeCaret,
    /// A panic, before its message.
    RustPanic,
    /// In a panic's message.
    RustText,
    /// `panic: text`, before the goroutines.
    Go,
    /// In the goroutines.
    GoStack,
    /// JSON with so many brackets open; `is_flat` where its inner lines are not indented.
    Json { depth: u32, is_flat: bool, goes_on: bool },
    /// Between `-----BEGIN` and `-----END`.
    Pem,
    /// MySQL's slow log: at `# Time:`.
    SlowTime,
    /// Behind `# User@Host:`, before the statement's end.
    Slow,
    /// Behind the statement.
    SlowEnd,
    /// Prisma's several lines.
    Prisma(u8),
    /// A report in prose that only a header ends: Spring Boot's failures, Gin's recovery, a data
    /// race of Go, which a line of `=` ends, too.
    Report,
    /// A banner.
    Banner,
}

/// What to do with the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It joins.
    Join(Block),
    /// It joins, and nothing can follow.
    Last,
    /// It joins if a later line says so, else it starts a record.
    Try,
    /// It starts a record.
    Start,
    /// It starts a record, and takes the blank line before it along.
    StartWithBlank,
}

/// What is known of the record beside its block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// Its text so far.
    pub text: &'a [u8],
    pub lines: u32,
    /// Brackets that were opened at the end of a line and not closed at the beginning of one.
    pub depth: u32,
    /// Lines that are tried.
    pub tried: usize,
    /// The line before, where it is tried.
    pub previous: &'a [u8],
    /// The line before is blank.
    pub is_after_blank: bool,
    /// The line came right behind the one before.
    pub is_prompt: bool,
}

impl Context<'_> {
    /// Behind a warning, other lines may speak of something else; not so behind what is worse.
    fn is_at_least(&self, least: Severity) -> bool {
        severity(self.text).map_or_else(|| is_troubled(self.text), |severity| severity >= least)
    }

    fn is_not_good(&self) -> bool {
        severity(self.text) != Some(Severity::Good)
    }

    fn ends_with(&self, byte: u8) -> bool {
        let end = &self.text[self.text.len().saturating_sub(64)..];
        end.trim_ascii_end().last() == Some(&byte)
    }
}

impl Block {
    /// What a record is that begins with this line; none where the line is all of it.
    pub fn first(look: &Look<'_>) -> Option<Self> {
        Some(match look.shape {
            Shape::Complete => return None,
            Shape::Blank => Self::Blank,
            Shape::Header | Shape::Level if look.head.ends_with(b"panic recovered:") || look.head == DATA_RACE => {
                Self::Report
            }
            Shape::Header | Shape::Level | Shape::Detail => Self::Header,
            Shape::Jul => Self::Jul,
            Shape::Json => return json::brackets(look.head, 0, false),
            Shape::Pem => Self::Pem,
            Shape::Traceback | Shape::PyFrame => Self::PyFrames,
            Shape::Chain => Self::PyChain,
            Shape::PyWarning => Self::PyWarning,
            Shape::Exception | Shape::Uncaught | Shape::Cause | Shape::Elixir => Self::Exception,
            Shape::Frame if look.indent > 0 => Self::Frames,
            Shape::RustPanic => Self::RustPanic,
            Shape::RustPanicOld => Self::RustText,
            Shape::GoPanic => Self::Go,
            Shape::Goroutine => Self::GoStack,
            Shape::NodeSource => Self::NodeSource,
            Shape::SlowTime => Self::SlowTime,
            Shape::SlowUser => Self::Slow,
            Shape::Prisma => Self::Prisma(0),
            Shape::Art | Shape::Indented => Self::Banner,
            _ => Self::Text,
        })
    }

    /// Whether the record is certainly not finished.
    pub fn is_unfinished(self) -> bool {
        matches!(
            self,
            Self::Jul
                | Self::Quotes
                | Self::PyFrames
                | Self::PyChain
                | Self::NodeSource
                | Self::NodeCaret
                | Self::RustPanic
                | Self::Json { .. }
                | Self::Pem
                | Self::SlowTime
                | Self::Slow
        )
    }

    /// What the next line is to the record.
    pub fn next(self, look: &Look<'_>, context: &Context<'_>) -> Step {
        use Step::{Join, Last, Start, Try};
        let shape = look.shape;
        match self {
            Self::User => return Join(self),
            Self::Json { depth, is_flat, goes_on } => return json::next(look, depth, is_flat, goes_on),
            Self::Pem => {
                return match shape {
                    Shape::PemEnd => Last,
                    _ if shape.is_header() => Start,
                    _ => Join(self),
                };
            }
            // A line of source, whatever it looks like.
            Self::NodeSource if shape != Shape::Blank => return Join(Self::NodeCaret),
            Self::RustPanic if shape != Shape::Blank && shape != Shape::Header => return Join(Self::RustText),
            _ => {}
        }
        if shape == Shape::Blank {
            return match self {
                Self::Blank => Join(self),
                _ if context.tried >= TRIED_LINES => Start,
                _ => Try,
            };
        }
        if self == Self::Blank {
            let is_panic = matches!(shape, Shape::RustPanic | Shape::RustPanicOld);
            return if is_panic { Block::first(look).map_or(Start, Join) } else { Start };
        }
        let step = if look.indent > 0 { self.next_indented(look, context) } else { self.next_at_margin(look, context) };
        if step == Try && context.tried >= TRIED_LINES { Start } else { step }
    }

    fn next_indented(self, look: &Look<'_>, context: &Context<'_>) -> Step {
        use Step::{Join, Start, Try};
        let is_tried = context.tried > 0;
        match look.shape {
            Shape::Header | Shape::Level | Shape::Jul | Shape::Complete => {
                // A message, an object or source may hold anything.
                let is_inside =
                    context.depth > 0 && context.lines > 1 || matches!(self, Self::PyFrames | Self::NodeCaret);
                // rich indents its levels behind a time in brackets, or behind another of them.
                let is_column = look.shape == Shape::Level
                    && look.indent >= 8
                    && !matches!(context.text.first(), Some(&(b'[' | b' ' | ESC)));
                if (is_inside || is_column) && !is_tried { Join(self) } else { Start }
            }
            Shape::Traceback => match self {
                Self::PyChain | Self::Quotes => Join(Self::PyFrames),
                Self::PyFrames => Start,
                _ => self.next_at_margin(look, context),
            },
            Shape::PyFrame => Join(Self::PyFrames),
            Shape::Frame => match self {
                Self::PyFrames | Self::GoStack | Self::Report | Self::PyChain | Self::Slow | Self::Prisma(_) => {
                    Join(self)
                }
                // Of the exception's message, like pydantic's.
                Self::PyEnd(_) | Self::PyWarning | Self::Banner if !is_tried => Join(self),
                Self::Go => Join(Self::GoStack),
                _ => Join(Self::Frames),
            },
            _ if is_tried && self != Self::PyWarning => Try,
            _ => match self {
                Self::PyWarning => Join(Self::Text),
                Self::SlowEnd => Start,
                Self::NodeSource => Join(Self::NodeCaret),
                _ => Join(self),
            },
        }
    }

    fn next_at_margin(self, look: &Look<'_>, context: &Context<'_>) -> Step {
        use Step::{Join, Start, Try};
        let is_tried = context.tried > 0;
        let is_trace = matches!(self, Self::Exception | Self::Frames);
        match look.shape {
            Shape::RustPanic | Shape::RustPanicOld => {
                if context.is_after_blank {
                    Step::StartWithBlank
                } else {
                    Start
                }
            }
            Shape::Level if self == Self::Jul => Join(Self::Header),
            Shape::Header | Shape::Level | Shape::Jul | Shape::Complete => match self {
                Self::Header if !is_tried && is_postgres_detail(context.text, look.head) => Join(self),
                Self::Header | Self::Frames if !is_tried && repeats_tag(context, look.head) => Join(self),
                Self::Banner if look.head == DATA_RACE => Join(Self::Report),
                _ => Start,
            },
            Shape::Json | Shape::Pem | Shape::PyWarning | Shape::Prisma | Shape::NodeSource => match self {
                Self::NodeCaret if look.shape == Shape::Json => Join(Self::Exception),
                Self::Report => Join(self),
                Self::Prisma(lines) if look.shape == Shape::NodeSource => Join(Self::Prisma(lines + 1)),
                _ if look.shape == Shape::NodeSource && self.takes_text(context) && is_tried => Try,
                _ => Start,
            },
            Shape::Traceback => match self {
                Self::PyChain | Self::Quotes | Self::Jul | Self::Report => Join(Self::PyFrames),
                Self::Header if context.is_not_good() => Join(Self::PyFrames),
                Self::Exception
                    if context.lines == 1 && (context.ends_with(b':') || announces_traceback(context.text)) =>
                {
                    Join(Self::PyFrames)
                }
                // What went wrong is said right before it.
                Self::Text if is_tried && is_troubled(context.previous) => Start,
                Self::Text if !context.is_after_blank && (context.ends_with(b':') || is_troubled(context.text)) => {
                    Join(Self::PyFrames)
                }
                _ => Start,
            },
            Shape::Chain => match self {
                Self::PyEnd(_) | Self::PyFrames | Self::Header | Self::Frames => Join(Self::PyChain),
                _ => Start,
            },
            Shape::Quotes => match self {
                Self::Exception if context.lines <= 2 => Join(Self::Quotes),
                Self::PyEnd(_) | Self::PyFrames => Join(Self::PyEnd(0)),
                _ => self.text(look, context),
            },
            Shape::PyFrame if matches!(self, Self::PyFrames | Self::PyChain) => Join(Self::PyFrames),
            Shape::PyFrame if is_trace || self == Self::Header => Join(Self::PyFrames),
            Shape::Cause => match self {
                Self::Text if context.is_after_blank => Start,
                Self::Banner | Self::SlowEnd => Start,
                Self::PyFrames => Join(Self::PyEnd(0)),
                _ => Join(Self::Exception),
            },
            Shape::Frame if is_trace => Join(Self::Frames),
            Shape::NumberedFrame if is_trace || (self == Self::Header && !is_tried && context.is_not_good()) => {
                Join(Self::Frames)
            }
            Shape::NumberedFrame if self == Self::Text && (look.head.starts_with(b"#0 ") || is_tried) => {
                Join(Self::Frames)
            }
            Shape::Mark => match self {
                Self::SlowEnd | Self::Banner => Start,
                Self::PyEnd(_) | Self::PyFrames => Join(Self::PyEnd(0)),
                Self::Text if context.is_after_blank => Start,
                _ => Join(Self::Frames),
            },
            Shape::WeakMark if is_trace && (!look.head.starts_with(b"Next ") || has(look.head, b" in /")) => {
                if look.head.starts_with(b"Next ") { Join(Self::Exception) } else { Join(Self::Frames) }
            }
            // Behind a message's blank line, as SQLAlchemy says what it asked for.
            Shape::WeakMark if look.head[0] == b'[' && matches!(self, Self::PyEnd(_)) => Join(Self::PyEnd(0)),
            Shape::Code => Join(self),
            Shape::Goroutine => match self {
                Self::Banner | Self::SlowEnd => Start,
                _ => Join(Self::GoStack),
            },
            Shape::GoPanic => match self {
                Self::Go => Join(self),
                _ => Start,
            },
            Shape::GoFrame => match self {
                Self::Go | Self::GoStack => Join(self),
                // Zap's stack: the function, then its place behind a tab.
                Self::Header | Self::Frames => Try,
                _ => self.text(look, context),
            },
            Shape::NodeEnd => match self {
                Self::Banner | Self::SlowEnd => Start,
                _ => Join(Self::Frames),
            },
            Shape::Detail => match self {
                Self::Header | Self::Exception | Self::Frames | Self::PyEnd(_) if !is_tried => Join(self),
                Self::PyFrames => Join(Self::PyEnd(0)),
                Self::Slow => Join(self),
                // As psql prints an error.
                Self::Text if !is_tried && !context.is_after_blank && has(context.text, b"ERROR:  ") => Join(self),
                _ => Start,
            },
            Shape::SlowTime => Start,
            Shape::SlowUser => {
                if self == Self::SlowTime {
                    Join(Self::Slow)
                } else {
                    Start
                }
            }
            Shape::Elixir => match self {
                Self::Header | Self::Jul => Join(Self::Exception),
                _ => Start,
            },
            Shape::Closer => match self {
                _ if context.depth > 0 && !is_tried => Join(self),
                Self::Report | Self::Slow | Self::Go => Join(self),
                _ => self.text(look, context),
            },
            Shape::Art => match self {
                Self::Banner => Join(self),
                // rich's box around a traceback; uWSGI's announcements.
                Self::PyFrames if !look.head[0].is_ascii() => Join(self),
                Self::PyEnd(_) if look.head.starts_with(b"*** ") => Start,
                Self::Report if look.head.starts_with(b"====") => Step::Last,
                Self::Header if context.is_after_blank && !is_tried && look.head.starts_with(b"****") => {
                    Join(Self::Report)
                }
                // A box or a table that the line before began.
                Self::Text if !look.head[0].is_ascii() || is_row(context.text) && is_row(look.head) => Join(self),
                _ => self.text(look, context),
            },
            Shape::Exception | Shape::Uncaught => self.exception(look, context),
            _ => self.text(look, context),
        }
    }

    /// The next line names an exception.
    fn exception(self, look: &Look<'_>, context: &Context<'_>) -> Step {
        use Step::{Join, Start, Try};
        match self {
            Self::PyFrames => Join(Self::PyEnd(0)),
            Self::NodeCaret => Join(Self::Exception),
            Self::Jul => Join(Self::Header),
            Self::Slow | Self::Report => Join(self),
            Self::Header if look.shape == Shape::Exception && context.tried == 0 => {
                let is_qualified =
                    memchr::memchr(b'.', look.head.split(|b| *b == b':').next().unwrap_or_default()).is_some();
                if is_qualified || context.is_not_good() { Join(Self::Exception) } else { Start }
            }
            Self::Header if look.shape == Shape::Exception && context.is_at_least(Severity::Bad) => Try,
            Self::Exception if announces_traceback(context.text) && look.shape == Shape::Exception => Join(self),
            Self::Text | Self::Exception
                if !context.is_after_blank && context.tried == 0 && context.ends_with(b':') =>
            {
                Join(Self::Exception)
            }
            _ => Start,
        }
    }

    /// The next line is plain text, or nothing that the record knows.
    fn text(self, look: &Look<'_>, context: &Context<'_>) -> Step {
        use Step::{Join, Start, Try};
        let is_tried = context.tried > 0;
        match self {
            // A thing may be thrown that is no error.
            Self::NodeCaret if context.is_after_blank => Join(Self::Exception),
            Self::NodeCaret if look.shape == Shape::Caret => Join(self),
            Self::PyFrames => Join(Self::PyEnd(0)),
            Self::PyEnd(lines) if !context.is_after_blank && context.is_prompt && lines < MESSAGE_LINES => {
                Join(Self::PyEnd(lines + 1))
            }
            Self::Prisma(lines) if context.is_prompt && lines < MESSAGE_LINES => Join(Self::Prisma(lines + 1)),
            Self::Jul => Join(Self::Header),
            // A statement over several lines, and a Python object behind what announces it.
            Self::Header if !is_tried && !context.is_after_blank && goes_on(look.head, context) => Join(self),
            Self::Report => Join(self),
            Self::SlowTime => Join(Self::Slow),
            Self::Slow => {
                let starts =
                    |part: &[u8]| look.head.get(..part.len()).is_some_and(|head| head.eq_ignore_ascii_case(part));
                let is_end = look.last == b';' && !starts(b"SET timestamp") && !starts(b"use ");
                Join(if is_end { Self::SlowEnd } else { self })
            }
            _ if self.takes_text(context) => Try,
            _ => Start,
        }
    }

    /// Whether plain text may belong to it, if what follows says so.
    fn takes_text(self, context: &Context<'_>) -> bool {
        match self {
            Self::Exception | Self::PyWarning | Self::RustText | Self::Go => true,
            Self::Header => context.is_at_least(Severity::Bad),
            Self::Text => context.tried < TRIED_AFTER_TEXT && !context.is_after_blank && is_troubled(context.text),
            _ => false,
        }
    }
}

/// Whether a traceback follows the sentence that an exception's record begins with.
fn announces_traceback(text: &[u8]) -> bool {
    [&b"Exception i"[..], b"Task exception was", b"Future exception was"].iter().any(|begin| text.starts_with(begin))
}

/// Whether a line at the margin goes on with a statement of SQL, or is the object that was announced.
fn goes_on(line: &[u8], context: &Context<'_>) -> bool {
    const CLAUSES: [&[u8]; 13] = [
        b"FROM ",
        b"WHERE ",
        b"ORDER BY ",
        b"GROUP BY ",
        b"HAVING ",
        b"LIMIT ",
        b"VALUES ",
        b"JOIN ",
        b"LEFT JOIN ",
        b"LEFT OUTER JOIN ",
        b"INNER JOIN ",
        b"UNION",
        b"RETURNING ",
    ];
    const VERBS: [&[u8]; 5] = [b"SELECT ", b"INSERT ", b"UPDATE ", b"DELETE ", b"WITH "];
    let is_clause = CLAUSES.iter().any(|clause| line.starts_with(clause));
    is_clause && VERBS.iter().any(|verb| has(context.text, verb))
        || (line.starts_with(b"{'") || line.starts_with(b"[{'")) && context.ends_with(b':')
}

/// How Go's race detector begins.
const DATA_RACE: &[u8] = b"WARNING: DATA RACE";

/// Rails repeats the request's `[id]` before every line of an error that it logs.
fn repeats_tag(context: &Context<'_>, line: &[u8]) -> bool {
    const MIN_TAG_BYTES: usize = 16;
    let tag = match memchr::memchr(b']', &line[..line.len().min(48)]) {
        Some(end) if line[0] == b'[' && end >= MIN_TAG_BYTES && !begins_time(&line[1..]) => &line[..=end],
        _ => return false,
    };
    context.text.first() != Some(&b'[') && has(context.text, tag) && context.is_at_least(Severity::Warning)
}

fn is_row(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'|' | b'+'))
}
