//! The latency monitor: the longest of what took longer than `latency-monitor-threshold`, second by second and by event.
//! Events have Redis's names. What LATENCY says of them is in `command::latency_command`.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;

use crate::limits;

/// One event's history.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// When, in seconds since 1970, and the longest of that second in milliseconds; oldest first.
    pub samples: VecDeque<(u64, u64)>,
    /// The longest ever, in milliseconds.
    pub max_ms: u64,
}

/// All events that were ever slow.
#[derive(Debug, Default)]
pub struct LatencyMonitor(Mutex<BTreeMap<&'static str, History>>);

impl LatencyMonitor {
    /// Note that something took long. The caller has compared it with the threshold.
    pub fn record(&self, event: &'static str, millis: u64, now_s: u64) {
        let mut events = self.0.lock();
        let history = events.entry(event).or_default();
        history.max_ms = history.max_ms.max(millis);
        match history.samples.back_mut() {
            Some((second, longest)) if *second == now_s => *longest = (*longest).max(millis),
            _ => {
                if history.samples.len() == limits::LATENCY_SAMPLES {
                    history.samples.pop_front();
                }
                history.samples.push_back((now_s, millis));
            }
        }
    }

    /// All events with their histories.
    pub fn all(&self) -> BTreeMap<&'static str, History> {
        self.0.lock().clone()
    }

    /// One event's history.
    pub fn get(&self, event: &[u8]) -> Option<History> {
        let events = self.0.lock();
        events.iter().find(|(name, _)| name.as_bytes() == event).map(|(_, history)| history.clone())
    }

    /// Forget one event, or all; the answer is how many were forgotten.
    pub fn reset(&self, event: Option<&[u8]>) -> usize {
        let mut events = self.0.lock();
        let before = events.len();
        match event {
            None => events.clear(),
            Some(event) => events.retain(|name, _| name.as_bytes() != event),
        }
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_keeps_its_longest_and_old_seconds_go() {
        let monitor = LatencyMonitor::default();
        for (millis, second) in [(10, 1), (30, 1), (20, 1), (5, 2)] {
            monitor.record("command", millis, second);
        }
        let history = monitor.get(b"command").expect("it was slow");
        assert_eq!((history.samples, history.max_ms), ([(1, 30), (2, 5)].into(), 30));
        for second in 3..3 + limits::LATENCY_SAMPLES as u64 {
            monitor.record("command", 1, second);
        }
        let history = monitor.get(b"command").expect("it was slow");
        assert_eq!((history.samples.len(), history.samples[0]), (limits::LATENCY_SAMPLES, (3, 1)));
        assert_eq!((monitor.reset(Some(b"nothing")), monitor.reset(None), monitor.reset(None)), (0, 1, 0));
    }
}
