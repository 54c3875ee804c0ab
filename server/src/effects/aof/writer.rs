//! The thread that writes the append-only file. It sleeps while there is nothing to do, and otherwise collects what comes for a
//! moment before it writes, so that what a command costs does not depend on how many come. With `appendfsync always` it
//! writes at once what somebody waits for; what comes while the disk is busy then shares the next fsync.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::config::{AppendFsync, Config};
use crate::limits;
use crate::server::Server;

use super::sink::Sink;
use super::{FAILED, FULL, Order};

/// What the thread keeps.
struct Writer {
    server: &'static Server,
    sink: Option<Sink>,
    /// What was taken out of the stream: pieces, and what is behind them.
    pieces: VecDeque<(Vec<u8>, Order)>,
    buffer: Vec<u8>,
    /// The position in the stream behind `buffer`.
    end: u64,
    /// When it was last forced to disk.
    synced: Instant,
    /// When it was last logged that the disk refuses.
    logged: Option<Instant>,
    /// An fsync has failed: what was written before may never reach the disk, and nobody will say so again.
    doubtful: bool,
}

impl Server {
    /// Start the thread, if it does not run yet.
    pub(super) fn start_aof_writer(&'static self) -> io::Result<()> {
        let mut stream = self.aof.stream.lock();
        if !stream.running {
            std::thread::Builder::new()
                .name("aof-writer".to_owned())
                .spawn(move || Writer::new(self).run())?;
            stream.running = true;
        }
        Ok(())
    }
}

impl Writer {
    fn new(server: &'static Server) -> Self {
        Self {
            server,
            sink: None,
            pieces: VecDeque::new(),
            buffer: Vec::new(),
            end: 0,
            synced: Instant::now(),
            logged: None,
            doubtful: false,
        }
    }

    fn run(mut self) -> ! {
        loop {
            let forced = self.take();
            let mut config = self.server.config.current();
            let busy = !self.buffer.is_empty();
            while let Err(error) = self.write_all(&config).and_then(|()| self.sync_if_due(&config, forced)) {
                self.fail(&error, &config);
                config = self.server.config.current();
            }
            self.succeed();
            self.publish(&config);
            if busy {
                self.pause();
            }
        }
    }

    /// Wait until there is something to do, and take it. The answer is whether it must be on disk, whatever the policy is.
    fn take(&mut self) -> bool {
        let aof = &self.server.aof;
        let mut stream = aof.stream.lock();
        loop {
            // With `always`, what nobody waits for yet belongs to a batch that has not run to its end.
            let always = aof.always.load(Relaxed);
            if stream.urgent || !stream.pieces.is_empty() || !always && !stream.buffer.is_empty() {
                break;
            }
            stream.asleep = true;
            match self.due_in(always) {
                None => aof.work.wait(&mut stream),
                Some(time) if aof.work.wait_for(&mut stream, time).timed_out() => break,
                Some(_) => {}
            }
        }
        stream.asleep = false;
        stream.urgent = false;
        self.pieces.extend(stream.pieces.drain(..));
        std::mem::swap(&mut stream.buffer, &mut self.buffer);
        self.end = stream.appended;
        aof.trouble.fetch_and(!FULL, Relaxed);
        std::mem::take(&mut stream.forced)
    }

    /// After what time there is something to do although nothing comes.
    fn due_in(&self, always: bool) -> Option<Duration> {
        if always {
            return Some(limits::AOF_IDLE_MAX);
        }
        let config = self.server.config.current();
        if config.appendfsync == AppendFsync::No || !self.sink.as_ref().is_some_and(Sink::is_dirty) {
            return None;
        }
        // While it is spared nothing is due; it is looked at again when that may be over.
        match self.is_spared(&config) {
            true => Some(limits::AOF_FSYNC_INTERVAL),
            false => Some(limits::AOF_FSYNC_INTERVAL.saturating_sub(self.synced.elapsed())),
        }
    }

    /// Whether the disk is left to a rewrite.
    fn is_spared(&self, config: &Config) -> bool {
        config.no_appendfsync_on_rewrite && self.server.aof.is_rewriting()
    }

    /// Write all that was taken, in order. After an error it goes on where it stopped.
    fn write_all(&mut self, config: &Config) -> io::Result<()> {
        let aof = &self.server.aof;
        while let Some((piece, _)) = self.pieces.front_mut() {
            if let Some(sink) = &mut self.sink {
                sink.write(piece)?;
                aof.figures.appended_size.fetch_add(piece.len() as u64, Relaxed);
                piece.clear();
                // Nothing may be on disk in the next file that follows from what is not on disk in this one.
                sink.sync().inspect_err(|_| self.doubtful = true)?;
            }
            match self.pieces.pop_front().map(|(_, order)| order) {
                Some(Order::Switch(file, len)) => {
                    let first = self.sink.replace(Sink::new(file, len)).is_none();
                    aof.figures.switched(len, first);
                }
                _ => self.sink = None,
            }
        }
        if let Some(sink) = self.sink.as_mut().filter(|_| !self.buffer.is_empty()) {
            let began = Instant::now();
            sink.write(&self.buffer)?;
            aof.figures.appended_size.fetch_add(self.buffer.len() as u64, Relaxed);
            let event = if aof.is_rewriting() { "aof-write-active-child" } else { "aof-write-alone" };
            self.record_latency(config, &["aof-write", event], began);
        }
        self.buffer.clear();
        self.buffer.shrink_to(limits::AOF_BUFFER_KEPT);
        Ok(())
    }

    fn sync_if_due(&mut self, config: &Config, forced: bool) -> io::Result<()> {
        let (aof, spared) = (&self.server.aof, self.is_spared(config));
        let Some(sink) = self.sink.as_mut().filter(|sink| sink.is_dirty()) else { return Ok(()) };
        let due = match config.appendfsync {
            AppendFsync::Always => true,
            AppendFsync::EverySec => self.synced.elapsed() >= limits::AOF_FSYNC_INTERVAL,
            AppendFsync::No => false,
        };
        if !forced && (!due || spared) {
            return Ok(());
        }
        let began = Instant::now();
        aof.figures.syncing.store(true, Relaxed);
        let result = sink.sync();
        aof.figures.syncing.store(false, Relaxed);
        self.synced = Instant::now();
        self.doubtful |= result.is_err();
        if config.appendfsync == AppendFsync::Always {
            self.record_latency(config, &["aof-fsync-always"], began);
        }
        result
    }

    fn record_latency(&self, config: &Config, events: &[&'static str], began: Instant) {
        let millis = began.elapsed().as_millis() as u64;
        if config.latency_monitor_threshold != 0 && millis >= config.latency_monitor_threshold {
            let now_s = self.server.clock.now_us() / 1_000_000;
            events.iter().for_each(|event| self.server.latency.record(event, millis, now_s));
        }
    }

    /// The disk refuses. Whoever was promised that nothing acknowledged is lost gets no more promises: the server ends, as Redis
    /// does. Otherwise writes are refused, and it is tried again in a while.
    fn fail(&mut self, error: &io::Error, config: &Config) {
        let aof = &self.server.aof;
        if self.logged.is_none_or(|logged| logged.elapsed() >= limits::AOF_ERROR_LOG_INTERVAL) {
            self.logged = Some(Instant::now());
            tracing::error!("Error writing to the AOF file: {error}");
        }
        if config.appendfsync == AppendFsync::Always {
            tracing::error!(
                "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting..."
            );
            std::process::exit(1);
        }
        aof.figures.last_errno.store(error.raw_os_error().unwrap_or(libc::EIO), Relaxed);
        aof.trouble.fetch_or(FAILED, Relaxed);
        let mut stream = aof.stream.lock();
        stream.rounds += 1;
        aof.done.notify_all();
        let is_close = |(_, order): &(Vec<u8>, Order)| matches!(order, Order::Close);
        if !stream.pieces.iter().chain(&self.pieces).any(is_close) {
            aof.work.wait_for(&mut stream, limits::AOF_RETRY);
        }
        // If it has been turned off, what cannot be written does not have to be.
        if let Some(last) = stream.pieces.iter().rposition(is_close) {
            stream.pieces.drain(..=last);
            self.pieces.clear();
            self.buffer.clear();
            self.sink = None;
        } else if let Some(last) = self.pieces.iter().rposition(is_close) {
            self.pieces.drain(..=last);
            self.sink = None;
        }
    }

    /// All that was taken is written.
    fn succeed(&mut self) {
        let aof = &self.server.aof;
        if aof.trouble.fetch_and(!FAILED, Relaxed) & FAILED != 0 {
            tracing::warn!("AOF write error looks solved. The server can write again.");
            self.logged = None;
        }
        if std::mem::take(&mut self.doubtful) {
            // The system forgets what it could not bring to disk: only what is written anew is certain.
            aof.schedule_rewrite();
        }
    }

    /// Tell those who wait.
    fn publish(&mut self, config: &Config) {
        let aof = &self.server.aof;
        let spared = self.is_spared(config);
        let mut ready = Vec::new();
        {
            let mut stream = aof.stream.lock();
            let clean = !self.sink.as_ref().is_some_and(Sink::is_dirty);
            if clean {
                aof.synced.store(self.end, Release);
            }
            if clean || spared {
                aof.promised.store(self.end, Release);
            }
            let (always, promised) = (aof.always.load(Relaxed), aof.promised.load(Relaxed));
            if !stream.waiting.is_empty() {
                let (now, later) =
                    stream.waiting.drain(..).partition(|(until, _)| !always || *until <= promised);
                ready = now;
                stream.waiting = later;
            }
            stream.rounds += 1;
            aof.done.notify_all();
        }
        ready.into_iter().for_each(|(_, waker): (u64, Waker)| waker.wake());
    }

    /// Let some more come before the next write, unless somebody waits.
    fn pause(&self) {
        let aof = &self.server.aof;
        let mut stream = aof.stream.lock();
        if !aof.always.load(Relaxed) && !stream.urgent {
            aof.work.wait_for(&mut stream, limits::AOF_WRITE_INTERVAL);
        }
    }
}
