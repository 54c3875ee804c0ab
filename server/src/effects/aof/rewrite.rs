//! Making the append-only file shorter: a new base with everything up to a moment, and behind it what changed since.
//!
//! At the moment of a snapshot, under all locks, the writer goes on in a new file. The base is then written from the snapshot
//! while everybody goes on. Only when it is on disk does the manifest name it, and what it replaces goes. Until then the old
//! files and the new one together say the same, so that nothing is lost wherever it stops.
//!
//! The file is turned on in the same way: it begins with a snapshot. As long as that is not on disk, the file of what changes
//! has a name that no manifest knows.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::base::write_commands;
use super::manifest::TEMP_BASE;
use super::open::Files;
use super::{Aof, State};
use crate::config::Config;
use crate::effects::rdb_file::SyncedFile;
use crate::effects::save::{RdbOptions, SaveError, write_snapshot};
use crate::keyspace::Snapshot;
use crate::limits;
use crate::persistence::{Child, NotBegun, Work};
use crate::server::Server;

/// What INFO says of rewrites, and when there may be another one.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) figures: RewriteFigures,
    /// The second before which none is begun without being asked for.
    not_before_s: u64,
}

/// What INFO says of rewrites.
#[derive(Debug, Clone, Copy, Default)]
pub struct RewriteFigures {
    /// How many were begun.
    pub begun: u64,
    /// How many failed since one succeeded.
    pub failures: u64,
    /// How many seconds the last one took.
    pub seconds: Option<u64>,
    /// Bytes that writers copied for it.
    pub copied: u64,
    /// Whether the last one failed.
    pub failed: bool,
}

/// A rewrite under way.
struct Rewrite {
    server: &'static Server,
    child: Child,
    config: Arc<Config>,
    began_s: u64,
    /// Somebody needs it: it is tried again if it fails.
    scheduled: bool,
}

/// What becomes of changes that happen after the moment of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tail {
    /// The file is off: nothing.
    None,
    /// They are in the last file of the manifest.
    Known,
    /// They are in this file, which gets its name when the base is there.
    Temporary(PathBuf),
}

impl Server {
    /// Begin to rewrite the append-only file, on or off.
    pub fn begin_rewrite(&'static self) -> Result<(), NotBegun> {
        let began_s = self.clock.now_us() / 1_000_000;
        let child = self.persistence.begin(Work::AofRewrite, self.clock.now_us()).map_err(NotBegun::Busy)?;
        let scheduled = self.aof.rewrite_scheduled.swap(false, Relaxed);
        let rewrite = Rewrite { server: self, child, config: self.config.current(), began_s, scheduled };
        self.aof.history.lock().figures.begun += 1;
        let thread = std::thread::Builder::new().name("aof-rewrite".to_owned()).spawn(move || rewrite.run());
        match thread {
            Ok(_) => {
                tracing::info!("Background append only file rewriting started");
                Ok(())
            }
            Err(error) => {
                tracing::warn!("Can't rewrite append only file in background: {error}");
                self.aof.note_failure(began_s);
                if scheduled {
                    self.aof.schedule_rewrite();
                }
                Err(NotBegun::NoThread)
            }
        }
    }

    /// The first base of a file that has none.
    pub(super) fn write_first_base(&'static self) -> Result<(), SaveError> {
        let (config, child) = (self.config.current(), Child::unseen(&self.persistence));
        let rewrite = Rewrite { server: self, child, config, began_s: 0, scheduled: false };
        rewrite.rewrite()?;
        tracing::info!("Creating AOF base file on server start");
        Ok(())
    }

    /// `appendonly` is set to yes: changes are appended from the moment of a snapshot on.
    pub fn turn_aof_on(&'static self) -> Result<(), String> {
        if self.aof.state() != State::Off {
            return Ok(());
        }
        let prepared = Files::known(&mut self.aof.files.lock(), &self.config.current())
            .and_then(|files| files.directory.create())
            .and_then(|()| self.start_aof_writer());
        prepared.map_err(|error| {
            tracing::warn!("The append-only file cannot be made: {error}");
            "Unable to turn on AOF. Check server logs.".to_owned()
        })?;
        self.aof.set_state(State::Starting);
        self.aof.history.lock().figures.failures = 0;
        // What is under way began before.
        if self.persistence.cancel(|work| work == Work::AofRewrite).is_some() {
            tracing::info!(
                "AOF was enabled but there is already an AOF rewriting in background. Stopping background AOF and starting a rewrite now."
            );
        }
        if self.begin_rewrite().is_err() {
            tracing::info!(
                "AOF was enabled but there is already another background operation. An AOF background was scheduled to start when possible."
            );
            self.aof.schedule_rewrite();
        }
        Ok(())
    }

    /// `appendonly` is set to no.
    pub fn turn_aof_off(&'static self) {
        if self.aof.state() == State::Off {
            return;
        }
        if self.persistence.cancel(|work| work == Work::AofRewrite).is_some() {
            tracing::info!("Killing AOF child");
        }
        self.aof.rewrite_scheduled.store(false, Relaxed);
        self.aof.set_state(State::Off);
        if !self.aof.close() {
            tracing::warn!("Fail to fsync the AOF file");
        }
    }

    /// Cron: rewrite the file if it has grown enough, or somebody wants it.
    pub fn rewrite_if_due(&'static self, config: &Config) {
        let aof = &self.aof;
        if self.persistence.is_loading() || self.persistence.running().work.is_some() {
            return;
        }
        let now_s = self.clock.now_us() / 1_000_000;
        let wanted = aof.is_rewrite_scheduled() || aof.state() == State::Starting;
        if !wanted && !aof.has_outgrown(config) || aof.history.lock().not_before_s > now_s {
            return;
        }
        if !wanted {
            tracing::info!("Starting automatic rewriting of AOF on {}% growth", aof.growth());
        }
        // If there is no thread, that was told.
        let _ = self.begin_rewrite();
    }
}

impl Aof {
    /// By how many percent it has grown since it was last rewritten.
    fn growth(&self) -> u64 {
        let base = self.figures.base_size().max(1);
        (u128::from(self.figures.current_size()) * 100 / u128::from(base)).saturating_sub(100) as u64
    }

    fn has_outgrown(&self, config: &Config) -> bool {
        self.state() == State::On
            && config.auto_aof_rewrite_percentage != 0
            && self.figures.current_size() > config.auto_aof_rewrite_min_size
            && self.growth() >= config.auto_aof_rewrite_percentage
    }

    /// Whether the first base is being written: until it is there, what is in memory is nowhere else.
    pub fn is_being_made(&self) -> bool {
        self.state() == State::Starting && self.is_rewriting()
    }

    /// What INFO says of rewrites.
    pub fn rewrites(&self) -> RewriteFigures {
        self.history.lock().figures
    }

    /// A client asks for a rewrite: earlier failures do not put it off.
    pub fn forget_failures(&self) {
        let mut history = self.history.lock();
        history.figures.failures = 0;
        history.not_before_s = 0;
    }

    /// A rewrite has failed. After some in a row the next one waits, longer each time.
    fn note_failure(&self, now_s: u64) {
        let mut history = self.history.lock();
        history.figures.failed = true;
        history.figures.failures += 1;
        if let Some(more) = history.figures.failures.checked_sub(limits::AOF_REWRITE_FAILURES) {
            let minutes = (1 << more.min(16)).min(limits::AOF_REWRITE_DELAY_MINUTES_MAX);
            history.not_before_s = now_s + minutes * 60;
            tracing::warn!(
                "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {minutes} minutes"
            );
        }
    }
}

impl Rewrite {
    fn run(self) {
        let (server, began_s) = (self.server, self.began_s);
        let _counted = server.memory.guest();
        server.aof.rewriting.store(true, Relaxed);
        let result = self.rewrite();
        server.aof.rewriting.store(false, Relaxed);
        let now_s = server.clock.now_us() / 1_000_000;
        {
            let mut history = server.aof.history.lock();
            history.figures.seconds = Some(now_s.saturating_sub(began_s));
            history.figures.copied = self.child.progress.copied.load(Relaxed);
        }
        match result {
            Ok(()) => {
                let mut history = server.aof.history.lock();
                history.figures.failures = 0;
                history.figures.failed = false;
                history.not_before_s = 0;
                tracing::info!("Background AOF rewrite finished successfully");
            }
            Err(SaveError::Cancelled) => tracing::info!("Background AOF rewrite was cancelled"),
            Err(error) => {
                server.aof.note_failure(now_s);
                if self.scheduled {
                    server.aof.schedule_rewrite();
                }
                tracing::warn!("Background AOF rewrite terminated with error: {error}");
            }
        }
    }

    fn rewrite(&self) -> Result<(), SaveError> {
        let mut tail = Tail::None;
        let result = self.write_base(&mut tail).and_then(|(base, len)| {
            let published = self.publish(&base, len, &tail);
            if published.is_err() {
                let _ = fs::remove_file(&base);
            }
            published
        });
        if result.is_err()
            && let Tail::Temporary(path) = &tail
        {
            // What was appended follows from a base that there is not.
            self.server.aof.abandon();
            let _ = fs::remove_file(path);
        }
        result
    }

    /// Write everything up to a moment into a file that nobody knows yet: where it is, and how long.
    fn write_base(&self, tail: &mut Tail) -> Result<(PathBuf, u64), SaveError> {
        let (server, config) = (self.server, &*self.config);
        let directory = {
            let mut guard = server.aof.files.lock();
            let files = Files::known(&mut guard, config)?;
            files.directory.create()?;
            files.directory.clone()
        };
        let path = directory.path().join(format!("{TEMP_BASE}bg-{}.aof", std::process::id()));
        self.child.writes(path.clone());
        let snapshot = self.take_snapshot(tail)?;
        let written = (|| {
            let sink = SyncedFile::new(File::create(&path)?, config.aof_rewrite_incremental_fsync);
            let progress = &self.child.progress;
            let sink = if config.aof_use_rdb_preamble {
                write_snapshot(server, snapshot, sink, RdbOptions::of(config, true), progress)?
            } else {
                let sink = io::BufWriter::with_capacity(0, sink);
                let sink = write_commands(server, snapshot, sink, config.aof_timestamp_enabled, progress)?;
                sink.into_inner().map_err(io::IntoInnerError::into_error)?
            };
            sink.finish()?;
            Ok(path.metadata()?.len())
        })();
        match written {
            Ok(len) => Ok((path, len)),
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    /// Take the snapshot; at its moment the writer goes on in another file.
    fn take_snapshot(&self, tail: &mut Tail) -> Result<Snapshot<'static>, SaveError> {
        let server = self.server;
        let (next, file) = match server.aof.state() {
            State::Off => (Tail::None, None),
            State::On => {
                let mut guard = server.aof.files.lock();
                let file = Files::known(&mut guard, &self.config)?.add_incr()?;
                (Tail::Known, Some(file))
            }
            State::Starting => {
                let mut guard = server.aof.files.lock();
                let path = Files::known(&mut guard, &self.config)?.directory.temporary_incr();
                let file = File::options().append(true).create(true).open(&path)?;
                file.set_len(0)?;
                (Tail::Temporary(path), Some(file))
            }
        };
        *tail = next;
        let began_us = server.clock.now_us();
        let begun = Snapshot::begin(&server.tenant.keyspace, || {
            // It may have been turned off since: then nobody wants the snapshot either.
            if let Some(file) = file
                && server.aof.state() != State::Off
            {
                server.aof.switch_to(file, 0);
            }
        });
        let (snapshot, ()) = begun.map_err(|_| io::Error::other("another snapshot is under way"))?;
        if self.child.is_known() {
            server.persistence.snapshot_taken(server.clock.now_us().saturating_sub(began_us));
        }
        Ok(snapshot)
    }

    /// Have the manifest name the new base, and let go of what it replaces.
    fn publish(&self, base: &Path, len: u64, tail: &Tail) -> Result<(), SaveError> {
        let aof = &self.server.aof;
        // What came before the snapshot must be on disk in the old files until the new ones take their place.
        if *tail != Tail::None && !aof.flush() {
            return Err(io::Error::other("the append-only file cannot be written").into());
        }
        let mut guard = aof.files.lock();
        let files = Files::known(&mut guard, &self.config)?;
        let published = self.child.publish(|| files.replace(base, tail, &self.config));
        published.ok_or(SaveError::Cancelled)??;
        aof.figures.rewritten(len);
        if let Tail::Temporary(_) = tail {
            aof.change_state(State::Starting, State::On);
        }
        if !self.config.aof_disable_auto_gc
            && let Err(error) = files.directory.delete_history(&mut files.manifest)
        {
            tracing::warn!("Old files of the append-only file stay for now: {error}");
        }
        Ok(())
    }
}
