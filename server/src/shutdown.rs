//! The end of a server that is asked to end: by SHUTDOWN or a signal.
//!
//! Nothing may be acknowledged that is not in the files. So all shards are locked first and never unlocked: a command that waits for one
//! gets no reply any more. The process ends from the thread that has locked them, since others may wait for them for ever. If
//! the keys cannot be saved, they are unlocked and the server goes on.
//!
//! Signals are followed by a thread of their own, as any other may wait for keys then: who sends SIGINT a second time wants the end
//! at once. What a signal asks for is scheduled as it would be for cron, and SHUTDOWN ABORT can cancel it while cron stands still.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::config::ShutdownFlags;
use crate::effects::rdb_file;
use crate::server::Server;

/// How long replies that are on their way have for reaching their sockets.
const LAST_REPLIES: Duration = Duration::from_millis(20);

/// How often a shutdown that is scheduled looks whether cron goes on.
const SCHEDULED_STEP: Duration = Duration::from_millis(10);

/// How far what signals have asked for is.
#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    NotAsked,
    Scheduled(ShutdownFlags),
    UnderWay,
}

/// The end of a server, as signals have asked for it.
#[derive(Debug, Default)]
pub struct Shutdown(Mutex<State>);

impl Shutdown {
    /// What is scheduled is to happen now, if anything is.
    fn begin(&self) -> Option<ShutdownFlags> {
        let mut state = self.0.lock();
        let State::Scheduled(flags) = *state else { return None };
        *state = State::UnderWay;
        Some(flags)
    }

    /// Have what is scheduled, and not begun, not happen. Whether there was anything.
    pub fn abort(&self) -> bool {
        let mut state = self.0.lock();
        let is_scheduled = matches!(*state, State::Scheduled(_));
        if is_scheduled {
            *state = State::NotAsked;
        }
        is_scheduled
    }
}

/// The signals that ask for the end. Listened to from the start on: one that came while nobody listens would be lost.
pub struct Signals {
    /// Whoever listens waits for this before it does what they ask for.
    server: oneshot::Sender<&'static Server>,
}

impl Signals {
    /// Those that come from now on.
    pub fn listen() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let within = runtime.enter();
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        drop(within);
        let (sender, server) = oneshot::channel::<&'static Server>();
        let follow = async move {
            // Without it the start has failed.
            let Ok(server) = server.await else { return };
            loop {
                tokio::select! {
                    _ = term.recv() => {
                        server.on_signal("SIGTERM", server.config.current().shutdown_on_sigterm, false);
                    }
                    _ = int.recv() => server.on_signal("SIGINT", server.config.current().shutdown_on_sigint, true),
                }
            }
        };
        let thread = std::thread::Builder::new().name("signals".to_owned());
        thread.spawn(move || runtime.block_on(follow))?;
        Ok(Self { server: sender })
    }

    /// Do what they ask for from now on, those that have come already included.
    pub fn follow(self, server: &'static Server) {
        // The thread waits for it as long as this is here.
        let _ = self.server.send(server);
    }
}

impl Server {
    /// A signal has asked for the end. One that insists does not wait for a shutdown that was asked for before.
    fn on_signal(&'static self, name: &'static str, flags: ShutdownFlags, insists: bool) {
        let mut state = self.shutdown.0.lock();
        if insists && !matches!(*state, State::NotAsked) {
            self.exit_at_once();
        }
        tracing::warn!("Received {name} scheduling shutdown...");
        match *state {
            State::UnderWay => {}
            State::Scheduled(_) => *state = State::Scheduled(flags),
            State::NotAsked => {
                *state = State::Scheduled(flags);
                let thread = std::thread::Builder::new().name("shutdown".to_owned());
                if let Err(error) = thread.spawn(move || self.shut_down_as_scheduled(name)) {
                    *state = State::NotAsked;
                    tracing::error!("There is no thread for it: {error}");
                }
            }
        }
    }

    fn shut_down_as_scheduled(&'static self, name: &str) {
        while self.cron_paused.load(Relaxed) && matches!(*self.shutdown.0.lock(), State::Scheduled(_)) {
            std::thread::sleep(SCHEDULED_STEP);
        }
        let Some(flags) = self.shutdown.begin() else { return };
        self.shut_down(flags);
        tracing::warn!(
            "{name} received but errors trying to shut down the server, check the logs for more information"
        );
        *self.shutdown.0.lock() = State::NotAsked;
    }

    /// End the process whatever else goes on, and leave no file behind that is half written.
    fn exit_at_once(&self) -> ! {
        tracing::warn!("You insist... exiting now.");
        let config = self.config.current();
        let files = [true, false].map(|in_background| rdb_file::temporary(&config, in_background));
        for file in files.into_iter().chain(self.persistence.temporary()) {
            // Most of them are not there.
            let _ = std::fs::remove_file(file);
        }
        self.remove_traces();
        std::process::exit(1)
    }

    /// End the process, with all keys saved if they are to be. Returns if that failed. No shard may be locked by the caller.
    pub fn shut_down(&'static self, flags: ShutdownFlags) {
        tracing::warn!("User requested shutdown...");
        let config = self.config.current();
        let loading = self.persistence.is_loading();
        // What is half loaded must not take the place of the whole.
        let save = !loading && !flags.nosave && (flags.save || !config.save.is_empty());
        if self.aof.is_being_made() {
            if !flags.force {
                tracing::warn!("Writing initial AOF, can't exit.");
                return;
            }
            tracing::warn!("Writing initial AOF. Exit anyway.");
        }
        let mut locked = self.tenant.keyspace.lock_all();
        self.close_aof();
        if save {
            tracing::warn!("Saving the final RDB snapshot before exiting.");
            if self.save_locked(&mut locked).is_err() {
                if !flags.force {
                    tracing::warn!("Error trying to save the DB, can't exit.");
                    return;
                }
                tracing::warn!("Error trying to save the DB. Exit anyway.");
            }
        }
        if self.persistence.cancel(|_| true).is_some() {
            tracing::warn!("There is a child at work on a file. Killing it!");
        }
        if !loading {
            self.close_aof();
        }
        std::thread::sleep(LAST_REPLIES);
        self.remove_traces();
        tracing::warn!("Sandkey is now ready to exit, bye bye...");
        std::process::exit(0)
    }

    /// Remove what tells others that the server runs.
    pub fn remove_traces(&self) {
        let config = self.config.current();
        for path in [&config.unixsocket, &config.pidfile].into_iter().flatten() {
            // Somebody may have removed it already.
            let _ = std::fs::remove_file(config.in_dir(path));
        }
    }
}
