//! Saving: at once, in the background, and when a save point says so; and what is noted about it afterwards.
//! What a file is made of is in `save`, how it takes its place in `rdb_file`.

use std::sync::atomic::Ordering::Relaxed;

use super::rdb_file::{self, FileError};
use super::save::{self, RdbOptions};
use crate::config::{Config, SavePoint};
use crate::keyspace::{Locked, Snapshot};
use crate::limits;
use crate::persistence::{Child, NotBegun, Work};
use crate::server::Server;

/// A snapshot that has been taken and is to be saved.
pub struct Save {
    server: &'static Server,
    child: Child,
    snapshot: Snapshot<'static>,
    /// Changes up to its moment.
    dirty: u64,
    began_s: u64,
}

impl Server {
    /// How many changes there were since the start.
    pub fn dirty(&self) -> u64 {
        self.stats.sum(|stats| &stats.dirty)
    }

    /// Take a snapshot, to save it.
    pub fn begin_save(&'static self, work: Work) -> Result<Save, NotBegun> {
        let now_us = self.clock.now_us();
        let child = self.persistence.begin(work, now_us).map_err(NotBegun::Busy)?;
        self.persistence.save_begins(work, now_us / 1_000_000);
        let begun = Snapshot::begin(&self.tenant.keyspace, || self.dirty());
        // Who has the child has the only snapshot; one that was given up ends before its child does.
        let (snapshot, dirty) = begun.map_err(|_| NotBegun::Busy(Work::BackgroundSave))?;
        if work == Work::BackgroundSave {
            self.persistence.snapshot_taken(self.clock.now_us().saturating_sub(now_us));
        }
        let keys = snapshot.databases().iter().map(|database| database.keys as u64).sum();
        child.progress.keys_total.store(keys, Relaxed);
        Ok(Save { server: self, child, snapshot, dirty, began_s: now_us / 1_000_000 })
    }

    /// Begin BGSAVE.
    pub fn begin_background_save(&'static self) -> Result<(), NotBegun> {
        let save = self.begin_save(Work::BackgroundSave)?;
        let thread = std::thread::Builder::new().name("bgsave".to_owned());
        match thread.spawn(move || save.run_in_background()) {
            Ok(_) => {
                tracing::info!("Background saving started by pid {}", std::process::id());
                Ok(())
            }
            Err(error) => {
                tracing::warn!("Can't save in background: {error}");
                self.persistence.save_failed();
                Err(NotBegun::NoThread)
            }
        }
    }

    /// Save all of it from locked shards, which nobody can change meanwhile. What else is under way gives way.
    pub fn save_locked(&'static self, locked: &mut Locked<'_>) -> Result<(), FileError> {
        self.persistence.save_begins(Work::Save, self.clock.now_us() / 1_000_000);
        let config = self.config.current();
        // What it would bring is older.
        if self.persistence.cancel(|work| work != Work::AofRewrite).is_some() {
            tracing::warn!("There is a child saving an .rdb. Killing it!");
        }
        let child = Child::unseen(&self.persistence);
        let dirty = self.dirty();
        let result = rdb_file::replace(&config, &child, |file| {
            save::write_locked(self, locked, file, RdbOptions::of(&config, false), &child.progress)
        });
        note(self, &result, dirty, Work::Save);
        result
    }

    /// Cron: take a snapshot if a save point says so, or somebody wants one.
    pub fn save_if_due(&'static self, config: &Config) {
        let persistence = &self.persistence;
        if persistence.is_loading() || persistence.running().work.is_some() {
            return;
        }
        let now_s = self.clock.now_us() / 1_000_000;
        // After a failure there is some time to make room.
        let retry = now_s.saturating_sub(persistence.tried_s()) > limits::SAVE_RETRY_DELAY_S;
        if persistence.has_failed() && !retry {
            return;
        }
        let changes = i64::try_from(persistence.unsaved(self.dirty())).unwrap_or(i64::MAX);
        let seconds = i64::try_from(now_s.saturating_sub(persistence.last_save_s())).unwrap_or(i64::MAX);
        let due = |point: &&SavePoint| changes >= point.changes && seconds > point.seconds;
        if let Some(point) = config.save.iter().find(due) {
            tracing::info!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
        } else if !persistence.is_scheduled() {
            return;
        }
        // If there is no thread, that was told, and counts as a failure.
        let _ = self.begin_background_save();
    }
}

impl Save {
    /// Save it, in the foreground.
    pub fn run(self) -> Result<(), FileError> {
        let Save { server, child, snapshot, dirty, .. } = self;
        let result = write(server, &child, snapshot);
        note(server, &result, dirty, Work::Save);
        result
    }

    fn run_in_background(self) {
        let Save { server, child, snapshot, dirty, began_s } = self;
        let result = write(server, &child, snapshot);
        let seconds = (server.clock.now_us() / 1_000_000).saturating_sub(began_s);
        let copied = child.progress.copied.load(Relaxed);
        server.persistence.background_save_ended(seconds, copied);
        note(server, &result, dirty, Work::BackgroundSave);
        match &result {
            Ok(()) => tracing::info!("Background saving terminated with success"),
            Err(error) if error.is_cancelled() => tracing::info!("Background saving was cancelled"),
            Err(_) => tracing::warn!("Background saving error"),
        }
    }
}

fn write(server: &'static Server, child: &Child, snapshot: Snapshot<'static>) -> Result<(), FileError> {
    let config = server.config.current();
    let _counted = server.memory.guest();
    let options = RdbOptions::of(&config, false);
    rdb_file::replace(&config, child, |file| {
        save::write_snapshot(server, snapshot, file, options, &child.progress)
    })
}

/// Note how a save has ended. Writes are refused after one in the background that failed; whoever waits for one is told, and that is all.
fn note(server: &Server, result: &Result<(), FileError>, dirty: u64, work: Work) {
    match result {
        Ok(()) => {
            server.persistence.saved(dirty, server.clock.now_us() / 1_000_000);
            tracing::info!("DB saved on disk");
        }
        Err(error) if error.is_cancelled() => {}
        Err(error) => {
            if work == Work::BackgroundSave {
                server.persistence.save_failed();
            }
            tracing::warn!("{error}");
        }
    }
}
