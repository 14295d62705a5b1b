//! Health probes and other commands in a container: from their results to its health and to the
//! events that they leave.

use std::collections::VecDeque;

use super::error::SimError;
use super::ids::hex_id;
use super::spec::{Health, Status};
use super::state::State;

/// Probes that inspect shows (`maxLogEntries` in the engine's `health.go`).
const MAX_PROBES: usize = 5;
/// Bytes of a probe's output (`maxOutputLen`).
const MAX_PROBE_BYTES: usize = 4_096;
/// A container's health.
#[derive(Debug)]
pub(super) struct HealthState {
    pub(super) status: Health,
    pub(super) failing_streak: u32,
    pub(super) log: VecDeque<Probe>,
}

/// The result of one probe.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) start_ns: i64,
    pub(super) end_ns: i64,
    pub(super) exit_code: i64,
    pub(super) output: String,
}

impl State {
    /// A probe's result; only a change of the health is an event of its own.
    pub(super) fn health(&mut self, id: &str, status: Health, exit_code: i64, output: &str) -> Result<(), SimError> {
        self.expect_status(id, "probe", "running", |it| it == Status::Running)?;
        let test = self.get(id).spec.healthcheck.clone().unwrap_or_default();
        let start_ns = self.clock.stamp_ns();
        self.exec(id, &probe_command(&test), exit_code)?;
        let end_ns = self.clock.stamp_ns();
        let container = self.get(id);
        let health = container.health.get_or_insert_default();
        health.failing_streak = match exit_code {
            0 => 0,
            _ => health.failing_streak + 1,
        };
        health.log.push_back(Probe { start_ns, end_ns, exit_code, output: cut(output, MAX_PROBE_BYTES).to_owned() });
        if health.log.len() > MAX_PROBES {
            health.log.pop_front();
        }
        if std::mem::replace(&mut health.status, status) != status {
            self.publish(id, &format!("health_status: {status}"), &[]);
        }
        Ok(())
    }

    /// A command in the container, such as a probe: three events that carry the whole command.
    pub(super) fn exec(&mut self, id: &str, command: &str, exit_code: i64) -> Result<(), SimError> {
        self.expect_status(id, "exec in", "running", |it| it == Status::Running)?;
        let exec = ("execID", hex_id(&format!("exec {command}")));
        let code = ("exitCode", exit_code.to_string());
        self.publish(id, &format!("exec_create: {command}"), std::slice::from_ref(&exec));
        self.publish(id, &format!("exec_start: {command}"), std::slice::from_ref(&exec));
        self.publish(id, "exec_die", &[exec, code]);
        Ok(())
    }
}

impl Default for HealthState {
    /// No probe yet.
    fn default() -> HealthState {
        HealthState { status: Health::Starting, failing_streak: 0, log: VecDeque::new() }
    }
}

fn probe_command(test: &[String]) -> String {
    match test {
        [kind, command @ ..] if kind == "CMD-SHELL" => format!("/bin/sh -c {}", command.join(" ")),
        [_, command @ ..] => command.join(" "),
        [] => "/healthcheck".to_owned(),
    }
}

/// Cuts a text to so many bytes, at a character's boundary.
fn cut(text: &str, max_bytes: usize) -> &str {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_cut_between_characters() {
        assert_eq!("ab", cut("ab", 4_096));
        assert_eq!("a", cut("aä", 2));
        assert_eq!("", cut("ä", 1));
    }

    #[test]
    fn probes_are_named_by_their_command() {
        for (test, expected) in [
            (&["CMD-SHELL", "curl -f x"][..], "/bin/sh -c curl -f x"),
            (&["CMD", "pg_isready", "-q"], "pg_isready -q"),
            (&[], "/healthcheck"),
        ] {
            let test: Vec<String> = test.iter().map(|&word| word.to_owned()).collect();
            assert_eq!(expected, probe_command(&test));
        }
    }
}
