//! The life of containers: from what is done to one to its state, its log and its events, in the
//! order in which the engine has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::error::SimError;
use super::events::Event;
use super::health::HealthState;
use super::ids::network_id;
use super::journal::OpenLines;
use super::spec::{Status, StopOutcome};
use super::state::{Container, LogEnd, Restarts, State};

/// Killed by SIGKILL.
const KILLED: i64 = 137;

impl State {
    /// By hand; a running container stays as it is, as with the engine's 304.
    pub(super) fn start(&mut self, id: &str) -> Result<(), SimError> {
        let status = self.expect_status(id, "start", "not paused", |it| it != Status::Paused)?;
        if status != Status::Running {
            self.get(id).restart_count = 0;
            self.begin_run(id);
        }
        Ok(())
    }

    /// A start that fails: an exit code and an error, and no event of the container's.
    pub(super) fn fail_start(&mut self, id: &str, exit_code: i64, error: &str) -> Result<(), SimError> {
        self.expect_status(id, "fail to start", "created", |it| it == Status::Created)?;
        let container = self.get(id);
        container.exit_code = exit_code;
        error.clone_into(&mut container.error);
        if self.version.major() < 28 {
            self.publish_network(id, "connect");
        }
        self.publish_network(id, "disconnect");
        Ok(())
    }

    pub(super) fn pause(&mut self, id: &str) -> Result<(), SimError> {
        self.expect_status(id, "pause", "running", |it| it == Status::Running)?;
        self.get(id).status = Status::Paused;
        self.publish(id, "pause", &[]);
        Ok(())
    }

    pub(super) fn unpause(&mut self, id: &str) -> Result<(), SimError> {
        self.expect_status(id, "unpause", "paused", |it| it == Status::Paused)?;
        self.get(id).status = Status::Running;
        self.publish(id, "unpause", &[]);
        Ok(())
    }

    /// A container that waits for its restart has only `stop`; one that does not run has nothing.
    pub(super) fn stop(&mut self, id: &str, outcome: StopOutcome) -> Result<(), SimError> {
        match self.expect_status(id, "stop", "any", |_| true)? {
            Status::Created | Status::Exited => return Ok(()),
            Status::Restarting => {
                self.get(id).status = Status::Exited;
                self.publish(id, "stop", &[]);
            }
            Status::Running | Status::Paused => self.shut_down(id, outcome),
        }
        self.get(id).restarts = Restarts::Disarmed;
        self.remove_if_wished(id);
        Ok(())
    }

    pub(super) fn restart(&mut self, id: &str, outcome: StopOutcome) -> Result<(), SimError> {
        let status = self.expect_status(id, "restart", "any", |_| true)?;
        match status {
            Status::Created | Status::Exited => {}
            Status::Restarting => self.publish(id, "stop", &[]),
            Status::Running | Status::Paused => self.shut_down(id, outcome),
        }
        self.get(id).restart_count = 0;
        self.begin_run(id);
        self.publish(id, "restart", &[]);
        Ok(())
    }

    /// Signal 9 ends it; what another one does is up to the container, but any disarms the restart
    /// policy until the next start.
    pub(super) fn kill(&mut self, id: &str, signal: i32) -> Result<(), SimError> {
        self.expect_status(id, "kill", "running or paused", is_up)?;
        self.get(id).restarts = Restarts::Disarmed;
        self.publish(id, "kill", &[("signal", signal.to_string())]);
        if signal == 9 {
            self.end_run(id, KILLED, Ending::Death);
            self.remove_if_wished(id);
        }
        Ok(())
    }

    /// Ends by itself; starts again at once if the restart policy says so.
    pub(super) fn die(&mut self, id: &str, exit_code: i64) -> Result<(), SimError> {
        self.die_to_backoff(id, exit_code)?;
        if self.get_if_there(id).map(|container| container.status) == Some(Status::Restarting) {
            self.begin_run(id);
        }
        Ok(())
    }

    /// Ends by itself, and waits for its restart if the policy restarts it.
    pub(super) fn die_to_backoff(&mut self, id: &str, exit_code: i64) -> Result<(), SimError> {
        self.expect_status(id, "die", "running or paused", is_up)?;
        self.end_run(id, exit_code, Ending::Death);
        let container = self.get(id);
        let policy = container.spec.restart;
        if container.restarts == Restarts::ByPolicy && policy.restarts(exit_code, container.restart_count) {
            container.restart_count += 1;
            container.status = Status::Restarting;
        } else {
            self.remove_if_wished(id);
        }
        Ok(())
    }

    /// The end of the wait after [`State::die_to_backoff`].
    pub(super) fn end_backoff(&mut self, id: &str) -> Result<(), SimError> {
        self.expect_status(id, "end the wait of", "restarting", |it| it == Status::Restarting)?;
        self.begin_run(id);
        Ok(())
    }

    pub(super) fn oom_die(&mut self, id: &str) -> Result<(), SimError> {
        self.oom_child(id)?;
        self.die(id, KILLED)
    }

    /// The kernel kills one of its processes, not the first one: it runs on.
    pub(super) fn oom_child(&mut self, id: &str) -> Result<(), SimError> {
        self.expect_status(id, "oom-kill in", "running or paused", is_up)?;
        self.get(id).oom_killed = true;
        self.publish(id, "oom", &[]);
        Ok(())
    }

    /// Ends while no engine looks: no event, and unfinished lines are lost.
    pub(super) fn die_unobserved(&mut self, id: &str, exit_code: i64) -> Result<(), SimError> {
        self.expect_status(id, "die", "running or paused", is_up)?;
        let clock = Arc::clone(&self.clock);
        let container = self.get(id);
        container.status = Status::Exited;
        container.exit_code = exit_code;
        container.finished_ns = Some(clock.stamp_ns());
        let journal = Arc::clone(&container.journal);
        journal.close(OpenLines::Lost, &mut || clock.stamp_ns());
        Ok(())
    }

    pub(super) fn rename(&mut self, id: &str, name: &str) -> Result<(), SimError> {
        self.check_name(name)?;
        let old = std::mem::replace(&mut self.get(id).spec.name, name.to_owned());
        self.publish(id, "rename", &[("oldName", format!("/{old}"))]);
        Ok(())
    }

    /// As `rm -f`.
    pub(super) fn remove(&mut self, id: &str) {
        if is_up(self.get(id).status) {
            self.publish(id, "kill", &[("signal", "9".to_owned())]);
            self.end_run(id, KILLED, Ending::Death);
        }
        self.destroy(id);
    }

    pub(super) fn patch_inspect(&mut self, id: &str, patch: Value) {
        self.get(id).patch = Some(patch);
    }

    /// Lets the log of the current run stay open after its end, or no longer.
    pub(super) fn set_log_end(&mut self, id: &str, log_end: LogEnd) {
        let clock = Arc::clone(&self.clock);
        let container = self.get(id);
        container.log_end = log_end;
        if log_end == LogEnd::WithTheRun && !is_up(container.status) {
            let journal = Arc::clone(&container.journal);
            journal.close(OpenLines::Cut, &mut || clock.stamp_ns());
        }
    }

    pub(super) fn shut_down(&mut self, id: &str, outcome: StopOutcome) {
        self.publish(id, "kill", &[("signal", "15".to_owned())]);
        match outcome {
            StopOutcome::Exits(exit_code) => self.end_run(id, exit_code, Ending::Stop),
            StopOutcome::TimesOut => {
                self.publish(id, "kill", &[("signal", "9".to_owned())]);
                self.end_run(id, KILLED, Ending::Stop);
            }
        }
    }

    pub(super) fn begin_run(&mut self, id: &str) {
        let clock = Arc::clone(&self.clock);
        let from_23 = self.version.major() >= 23;
        let container = self.get(id);
        // The log is there before the process, and so may its first line be.
        container.journal.open();
        container.status = Status::Running;
        container.restarts = Restarts::ByPolicy;
        container.exit_code = 0;
        container.error.clear();
        if from_23 {
            container.oom_killed = false;
        }
        container.health = container.spec.healthcheck.as_ref().map(|_| HealthState::default());
        self.publish_network(id, "connect");
        self.get(id).started_ns = Some(clock.stamp_ns());
        self.publish(id, "start", &[]);
    }

    fn end_run(&mut self, id: &str, exit_code: i64, ending: Ending) {
        let clock = Arc::clone(&self.clock);
        let container = self.get(id);
        if container.log_end == LogEnd::WithTheRun {
            let journal = Arc::clone(&container.journal);
            journal.close(OpenLines::Cut, &mut || clock.stamp_ns());
        }
        let finished_ns = clock.stamp_ns();
        container.status = Status::Exited;
        container.exit_code = exit_code;
        container.finished_ns = Some(finished_ns);
        let ran_ns = finished_ns.saturating_sub(container.started_ns.unwrap_or(finished_ns));
        let mut die = vec![("exitCode", exit_code.to_string())];
        if self.version.major() < 23 {
            self.publish(id, "die", &die);
            self.publish_network(id, "disconnect");
            if ending == Ending::Stop {
                self.publish(id, "stop", &[]);
            }
        } else {
            die.push(("execDuration", (ran_ns / 1_000_000_000).to_string()));
            self.publish_network(id, "disconnect");
            if ending == Ending::Stop {
                self.publish(id, "stop", &[]);
            }
            self.publish(id, "die", &die);
        }
    }

    pub(super) fn remove_if_wished(&mut self, id: &str) {
        if self.get(id).spec.auto_remove {
            self.destroy(id);
        }
    }

    fn destroy(&mut self, id: &str) {
        self.publish(id, "destroy", &[]);
        let clock = Arc::clone(&self.clock);
        if let Some(container) = self.containers.remove(id) {
            let journal = container.journal;
            journal.close(OpenLines::Cut, &mut || clock.stamp_ns());
        }
    }

    pub(super) fn publish(&mut self, id: &str, action: &str, extra: &[(&str, String)]) {
        let container = self.get(id);
        let mut attributes = container.spec.labels.clone();
        attributes.insert("image".to_owned(), container.spec.image.clone());
        attributes.insert("name".to_owned(), container.spec.name.clone());
        let extra = extra.iter().cloned();
        attributes.extend(extra.map(|(key, value)| (key.to_owned(), value)));
        self.publish_event("container", id, action, id, attributes);
    }

    fn publish_network(&mut self, id: &str, action: &str) {
        let name = self.get(id).spec.network.clone();
        let actor = network_id(&name);
        let attributes = [("container", id), ("name", &name), ("type", "bridge")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.publish_event("network", &actor, action, id, attributes.into());
    }

    fn publish_event(
        &mut self,
        kind: &'static str,
        actor: &str,
        action: &str,
        container: &str,
        attributes: BTreeMap<String, String>,
    ) {
        let event = Event {
            kind,
            action: action.to_owned(),
            actor: actor.to_owned(),
            attributes,
            time_ns: self.clock.stamp_ns(),
        };
        let faults = match kind {
            "container" => self.faults.for_event(Some(container)),
            _ => Vec::new(),
        };
        self.events.publish(event, faults);
    }

    pub(super) fn expect_status(
        &mut self,
        id: &str,
        action: &'static str,
        expected: &'static str,
        fits: impl Fn(Status) -> bool,
    ) -> Result<Status, SimError> {
        let container = self.get(id);
        if fits(container.status) {
            return Ok(container.status);
        }
        Err(SimError::WrongState { action, name: container.spec.name.clone(), status: container.status, expected })
    }

    fn get_if_there(&self, id: &str) -> Option<&Container> {
        self.containers.get(id)
    }

    pub(super) fn get(&mut self, id: &str) -> &mut Container {
        self.containers.get_mut(id).expect("the caller found this id under the same lock, and has not removed it")
    }
}

/// How a run ends. Engine 20.10 tells of a stop after the death, 26.1 and 28.5 before it (but once
/// in a dozen times on 28.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Death,
    Stop,
}

pub(super) fn is_up(status: Status) -> bool {
    matches!(status, Status::Running | Status::Paused)
}
