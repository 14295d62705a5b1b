//! The program inside the test containers: prints known lines and fails in
//! known ways.
//!
//! Built by `image.sh` with a bare `rustc` into a static executable, which is
//! all there is in its image. It is PID 1 there, and the kernel ignores the
//! signals a PID 1 has no handler for: hence the one below.

use std::env;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::process::{Command, ExitCode, exit};
use std::str::FromStr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[path = "lines.rs"]
mod lines;

use lines::Mix;

const USAGE: &str = "\
loggen run --seed S --count N --rate R --mix small|wide [--streams both|out|err]
           [--burst B] [--exit CODE] [--hold] [--ignore-term]
    N numbered lines on each stream, R lines/s each (0: as fast as possible),
    evenly or B at once; then exits with CODE, or with --hold waits for SIGTERM
loggen cat FILE [--ndjson] [--rate R] [--hold]
    FILE's lines on stdout; with --ndjson each line's \"line\" value
loggen stamp --rate R --count N [--hold]
    lines `stamp NUMBER UNIX_NANOSECONDS` with the time just before the write
loggen sleep [--exit CODE] [--ignore-term]
    prints `started` and waits for SIGTERM
loggen say TEXT...
loggen fail CODE TEXT...
    TEXT on stderr, then exits with CODE
loggen crash segv|abort TEXT...
    TEXT on stderr, then dies as a program with such a fault does
loggen leak [--mb-per-s X] [--child]
    takes memory until killed; --child: a child does, and this exits with 0
loggen tty [--count N] [--pause-ms P]
    a prompt without a newline, a pause, the newline, a line; N times (0: for ever)
loggen health FILE
    exits with 0 if FILE exists, otherwise with 1 (for health checks)
loggen touch FILE | loggen rm FILE
SIGTERM ends each of them with --exit's CODE, or with 143 if none was given.
";

/// The exit code at SIGTERM.
static TERM_CODE: AtomicI32 = AtomicI32::new(143);

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;
const SIG_IGN: usize = 1;

unsafe extern "C" {
    fn signal(number: i32, handler: usize) -> usize;
    fn _exit(code: i32) -> !;
}

extern "C" fn on_term(_number: i32) {
    // SAFETY: _exit may be called in a signal handler.
    unsafe { _exit(TERM_CODE.load(Ordering::Relaxed)) }
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.is_empty() {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    }
    let command = arguments.remove(0);
    let mut options = Options(arguments);
    let handler = if options.flag("--ignore-term") {
        SIG_IGN
    } else {
        on_term as *const () as usize
    };
    // SAFETY: the handler only calls what a handler may call.
    unsafe {
        signal(SIGTERM, handler);
        signal(SIGINT, handler);
    }
    let result = match command.as_str() {
        "run" => run(options),
        "cat" => cat(options),
        "stamp" => stamp(options),
        "sleep" => sleep(options),
        "say" => print_text(&mut output(lines::OUT), &options).map(|()| 0),
        "fail" => fail(options),
        "crash" => crash(options),
        "leak" => leak(options),
        "tty" => tty(options),
        "health" => health(options),
        "touch" => File::create(options.positional()).map(|_| 0),
        "rm" => fs::remove_file(options.positional()).map(|()| 0),
        _ => usage(&format!("unknown command {command}")),
    };
    match result {
        Ok(code) => exit(code),
        Err(error) => {
            eprintln!("loggen {command}: {error}");
            exit(1)
        }
    }
}

fn usage(problem: &str) -> ! {
    eprintln!("loggen: {problem}\n{USAGE}");
    exit(2)
}

/// The arguments after the command; each look-up takes out what it found.
struct Options(Vec<String>);

impl Options {
    fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|argument| argument != name);
        self.0.len() != before
    }

    fn value<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let at = self.0.iter().position(|argument| argument == name)?;
        if at + 1 >= self.0.len() {
            usage(&format!("{name} wants a value"));
        }
        let text = self.0.remove(at + 1);
        self.0.remove(at);
        match text.parse() {
            Ok(value) => Some(value),
            Err(_) => usage(&format!("bad value for {name}: {text}")),
        }
    }

    fn positional(&mut self) -> String {
        if self.0.is_empty() {
            usage("an argument is missing");
        }
        self.0.remove(0)
    }

    /// Must come last: whatever is left is a mistake.
    fn end(&self) {
        if let Some(argument) = self.0.first() {
            usage(&format!("unknown argument {argument}"));
        }
    }
}

/// A stream of this process without Rust's buffers in between.
fn output(stream: u8) -> File {
    let fd = if stream == lines::ERR {
        io::stderr().as_fd().try_clone_to_owned()
    } else {
        io::stdout().as_fd().try_clone_to_owned()
    };
    match fd {
        Ok(fd) => File::from(fd),
        Err(_) => exit(1),
    }
}

/// Waits for SIGTERM.
fn hold() -> ! {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// When to write how many lines.
struct Pace {
    start: Instant,
    rate: f64,
    burst: u64,
    sent: u64,
    allowed: u64,
}

impl Pace {
    fn new(rate: f64, burst: u64) -> Pace {
        // Batches of at most 10 ms, unless bursts are asked for.
        let batch = if burst > 0 {
            burst
        } else {
            ((rate / 100.0) as u64).max(1)
        };
        Pace {
            start: Instant::now(),
            rate,
            burst: batch,
            sent: 0,
            allowed: 0,
        }
    }

    /// Returns when the next line is due. Counted from the start, so that a
    /// delay is made up for and the rate holds on average.
    fn wait(&mut self) {
        if self.rate > 0.0 {
            if self.sent == self.allowed {
                let due = Duration::from_secs_f64(self.sent as f64 / self.rate);
                if let Some(left) = due.checked_sub(self.start.elapsed()) {
                    thread::sleep(left);
                }
                self.allowed += self.burst;
            }
            self.sent += 1;
        }
    }
}

/// Which start of this container it is: 1 at the first. The count is kept in
/// the container's own file system, which a restart keeps.
fn count_run() -> u32 {
    let before = fs::read_to_string("/run")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let run = before.unwrap_or(0u32) + 1;
    // With a read-only root every run is the first.
    let _ = fs::write("/run", run.to_string());
    run
}

fn run(mut options: Options) -> io::Result<i32> {
    let seed = options.value("--seed").unwrap_or(1);
    let count = options.value("--count").unwrap_or(1000);
    let rate = options.value("--rate").unwrap_or(0.0);
    let burst = options.value("--burst").unwrap_or(0);
    let code = options.value("--exit");
    let hold_on = options.flag("--hold");
    let mix = options
        .value("--mix")
        .unwrap_or_else(|| String::from("small"));
    let streams = options
        .value("--streams")
        .unwrap_or_else(|| String::from("both"));
    options.end();
    let Some(mix) = Mix::from_name(&mix) else {
        usage(&format!("bad value for --mix: {mix}"));
    };
    let streams: &[u8] = match streams.as_str() {
        "both" => &[lines::OUT, lines::ERR],
        "out" => &[lines::OUT],
        "err" => &[lines::ERR],
        _ => usage(&format!("bad value for --streams: {streams}")),
    };
    if let Some(code) = code {
        TERM_CODE.store(code, Ordering::Relaxed);
    }
    let run = count_run();
    // A thread each: a stream whose reader is slow must not hold the other up.
    let writers: Vec<_> = streams
        .iter()
        .map(|&stream| {
            thread::spawn(move || {
                write_lines(stream, seed, run, count, mix, Pace::new(rate, burst))
            })
        })
        .collect();
    for writer in writers {
        match writer.join() {
            Ok(result) => result?,
            Err(_) => return Err(io::Error::other("a writer panicked")),
        }
    }
    if hold_on {
        hold();
    }
    Ok(code.unwrap_or(0))
}

fn write_lines(
    stream: u8,
    seed: u64,
    run: u32,
    count: u64,
    mix: Mix,
    mut pace: Pace,
) -> io::Result<()> {
    let mut target = output(stream);
    let mut bytes = Vec::new();
    for number in 1..=count {
        bytes.clear();
        lines::line_into(&mut bytes, seed, run, stream, number, mix);
        bytes.push(b'\n');
        pace.wait();
        target.write_all(&bytes)?;
    }
    Ok(())
}

fn cat(mut options: Options) -> io::Result<i32> {
    let ndjson = options.flag("--ndjson");
    let hold_on = options.flag("--hold");
    let mut pace = Pace::new(options.value("--rate").unwrap_or(0.0), 0);
    let path = options.positional();
    options.end();
    let mut source = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut target = output(lines::OUT);
    let mut bytes = Vec::new();
    let mut text = Vec::new();
    while source.read_until(b'\n', &mut bytes)? > 0 {
        if bytes.last() != Some(&b'\n') {
            bytes.push(b'\n');
        }
        if !ndjson {
            pace.wait();
            target.write_all(&bytes)?;
        } else if unescape_line(&bytes, &mut text) {
            pace.wait();
            target.write_all(&text)?;
        }
        bytes.clear();
        text.clear();
    }
    if hold_on {
        hold();
    }
    Ok(0)
}

/// Appends the value of "line" of a JSON object and a newline to `text`.
///
/// Not a JSON parser: it relies on `"line":"` being the key, which it can only
/// be, as quotes inside a value are escaped.
fn unescape_line(object: &[u8], text: &mut Vec<u8>) -> bool {
    const KEY: &[u8] = b"\"line\":";
    let Some(at) = object.windows(KEY.len()).position(|window| window == KEY) else {
        return false;
    };
    let mut rest = object[at + KEY.len()..].trim_ascii_start().iter();
    if rest.next() != Some(&b'"') {
        return false;
    }
    while let Some(&byte) = rest.next() {
        match byte {
            b'"' => break,
            b'\\' => match rest.next() {
                Some(b'n') => text.push(b'\n'),
                Some(b't') => text.push(b'\t'),
                Some(b'r') => text.push(b'\r'),
                Some(b'u') => {
                    let digits: Vec<u8> = rest.by_ref().take(4).copied().collect();
                    let code = std::str::from_utf8(&digits)
                        .ok()
                        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
                    // Halves of surrogate pairs are not joined.
                    let letter = code.and_then(char::from_u32).unwrap_or('\u{fffd}');
                    text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(&other) => text.push(other),
                None => break,
            },
            _ => text.push(byte),
        }
    }
    text.push(b'\n');
    true
}

fn stamp(mut options: Options) -> io::Result<i32> {
    let mut pace = Pace::new(options.value("--rate").unwrap_or(10.0), 1);
    let count = options.value("--count").unwrap_or(100u64);
    let hold_on = options.flag("--hold");
    options.end();
    let mut target = output(lines::OUT);
    for number in 1..=count {
        pace.wait();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        target.write_all(format!("stamp {number} {}\n", now.as_nanos()).as_bytes())?;
    }
    if hold_on {
        hold();
    }
    Ok(0)
}

fn sleep(mut options: Options) -> io::Result<i32> {
    if let Some(code) = options.value("--exit") {
        TERM_CODE.store(code, Ordering::Relaxed);
    }
    options.end();
    output(lines::OUT).write_all(b"started\n")?;
    hold();
}

fn print_text(target: &mut File, options: &Options) -> io::Result<()> {
    target.write_all(format!("{}\n", options.0.join(" ")).as_bytes())
}

fn fail(mut options: Options) -> io::Result<i32> {
    let code = options.positional();
    let Ok(code) = code.parse() else {
        usage(&format!("bad exit code {code}"));
    };
    print_text(&mut output(lines::ERR), &options)?;
    Ok(code)
}

fn crash(mut options: Options) -> io::Result<i32> {
    let how = options.positional();
    if !options.0.is_empty() {
        print_text(&mut output(lines::ERR), &options)?;
    }
    match how.as_str() {
        // SAFETY: none; the fault is the purpose. A mere signal would not do:
        // the kernel keeps those a PID 1 has no handler for from it.
        "segv" => unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) },
        "abort" => std::process::abort(),
        _ => usage(&format!("unknown way to crash: {how}")),
    }
    Ok(1)
}

fn leak(mut options: Options) -> io::Result<i32> {
    let rate = options.value("--mb-per-s").unwrap_or(0.0);
    let child = options.flag("--child");
    options.end();
    let mut target = output(lines::OUT);
    if child {
        let status = Command::new("/proc/self/exe")
            .args(["leak", "--mb-per-s", &rate.to_string()])
            .status()?;
        target.write_all(format!("child ended: {status}\n").as_bytes())?;
        return Ok(0);
    }
    target.write_all(b"leaking\n")?;
    let mut pace = Pace::new(rate, 1);
    let mut kept = Vec::new();
    loop {
        pace.wait();
        // Not zeros: those the kernel would not back with memory.
        kept.push(vec![1u8; 1 << 20]);
    }
}

fn tty(mut options: Options) -> io::Result<i32> {
    let count = options.value("--count").unwrap_or(0u64);
    let pause = Duration::from_millis(options.value("--pause-ms").unwrap_or(1000));
    options.end();
    let mut target = output(lines::OUT);
    let mut number = 0;
    while count == 0 || number < count {
        number += 1;
        target.write_all(b"prompt> ")?;
        thread::sleep(pause);
        target.write_all(b"\n")?;
        target.write_all(format!("answer {number}\n").as_bytes())?;
    }
    Ok(0)
}

fn health(mut options: Options) -> io::Result<i32> {
    let path = options.positional();
    options.end();
    let mut target = output(lines::OUT);
    if fs::exists(&path)? {
        target.write_all(b"healthy\n")?;
        Ok(0)
    } else {
        target.write_all(format!("unhealthy: {path} is missing\n").as_bytes())?;
        Ok(1)
    }
}
