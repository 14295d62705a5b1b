//! Restarts of the engine itself: from the way in which it ends to what becomes of its containers, as
//! measured on 20.10, 26.1 and 28.5.

use std::sync::Arc;

use super::life::is_up;
use super::spec::{EngineRestart, RestartPolicy, Status, StopOutcome};
use super::state::{Restarts, State};

/// Ended by SIGTERM.
const TERMINATED: i64 = 143;

impl State {
    /// The engine ends, and takes down the containers whose ids are returned; event readers are
    /// told, and lose their connection then.
    pub(super) fn engine_stops(&mut self, restart: EngineRestart) -> Vec<String> {
        if restart != EngineRestart::Stopped {
            return Vec::new();
        }
        let up = self.ids(is_up);
        for id in &up {
            self.shut_down(id, StopOutcome::Exits(TERMINATED));
            self.remove_if_wished(id);
        }
        self.events.close();
        up
    }

    /// The engine comes back, with an empty ring of events.
    pub(super) fn engine_starts(&mut self, restart: EngineRestart, stopped: &[String]) {
        let waiting = self.ids(|status| status == Status::Restarting);
        let survivors = self.ids(is_up);
        self.events.reopen();
        for id in survivors {
            match restart {
                EngineRestart::Killed => {
                    self.shut_down(&id, StopOutcome::Exits(TERMINATED));
                    // For `unless-stopped` this is a stop like any other.
                    self.get(&id).restarts = Restarts::Disarmed;
                    self.start_with_the_engine(&id);
                }
                EngineRestart::LiveRestore | EngineRestart::Stopped => {
                    let clock = Arc::clone(&self.clock);
                    let journal = Arc::clone(&self.get(&id).journal);
                    journal.flush(&mut || clock.stamp_ns());
                }
            }
        }
        for id in stopped {
            if self.containers.contains_key(id) {
                self.start_with_the_engine(id);
            }
        }
        for id in waiting {
            self.begin_run(&id);
        }
    }

    fn start_with_the_engine(&mut self, id: &str) {
        let container = self.get(id);
        let starts = match container.spec.restart {
            RestartPolicy::No => false,
            RestartPolicy::UnlessStopped => container.restarts == Restarts::ByPolicy,
            RestartPolicy::Always | RestartPolicy::OnFailure { .. } => true,
        };
        if starts {
            self.begin_run(id);
        } else {
            self.remove_if_wished(id);
        }
    }

    fn ids(&self, wanted: impl Fn(Status) -> bool) -> Vec<String> {
        let all = self.containers.values();
        all.filter(|container| wanted(container.status)).map(|container| container.id.clone()).collect()
    }
}
