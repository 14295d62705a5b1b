//! The program: arguments → tracing → configuration → app → signal → drain → exit code.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use foghorn::app::App;
use foghorn::cli::{self, Command};
use foghorn::config::Config;
use foghorn::docker::client::Client;
use foghorn::{drain, telemetry};

/// A line is allocated by the thread that reads it and freed by the one that commits it, which
/// glibc's allocator is slower at.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let command = match cli::parse_process() {
        Ok(command) => command,
        Err(error) => {
            // Where even standard error is gone, the exit code has to do.
            drop(error.print());
            return ExitCode::from(error.exit_code());
        }
    };
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "foghorn: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Healthcheck(config) => Ok(cli::healthcheck::run(&config)),
        Command::Search(config, options) => Ok(cli::search::run(&config, &options)),
        Command::Parse(config, options) => cli::parse::run(&config, &options),
        Command::Import(config, options) => Ok(runtime()?.block_on(cli::import::run(&config, &options))),
        Command::Delete(config, options) => {
            // The store takes what it needs of the runtime that it is opened in.
            let runtime = runtime()?;
            let _entered = runtime.enter();
            Ok(cli::delete::run(&config, &options))
        }
        Command::Check(config) => runtime()?.block_on(cli::check::run(&config, ask_engine)),
        Command::Serve(config) => {
            telemetry::init(&config.log.level, config.log.format)?;
            runtime()?.block_on(serve(&config))
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime cannot be started")
}

/// Memory that a burst took goes back to the system by itself, also while nothing happens.
fn return_memory() {
    use tikv_jemalloc_ctl::{background_thread, max_background_threads};
    if let Err(error) = max_background_threads::write(1).and_then(|()| background_thread::write(true)) {
        // Told to have a thread, and without one, it would keep everything.
        _ = background_thread::write(false);
        tracing::warn!(%error, "the allocator has no thread of its own: memory of a burst is kept longer");
    }
}

async fn serve(config: &Config) -> anyhow::Result<ExitCode> {
    return_memory();
    let mut signals = drain::Signals::catch()?;
    let app = App::start(config).await?;
    writeln!(std::io::stdout(), "Foghorn listens on http://{}/", app.address)?;
    let (drain, watch) = drain::channel();
    let work = async {
        watch.draining().await;
        app.stop().await;
    };
    drain::run_until_signal(&mut signals, &drain, work).await;
    Ok(ExitCode::SUCCESS)
}

async fn ask_engine(config: &Config) -> Result<String, String> {
    let client = Client::new(&config.docker).map_err(|e| e.to_string())?;
    let version = client.version().await.map_err(|e| e.to_string())?;
    let containers = client.list().await.map_err(|e| e.to_string())?.len();
    Ok(format!(
        "{} {} (API {}) at {}, {containers} containers",
        version.product,
        version.version,
        version.api,
        client.host()
    ))
}
