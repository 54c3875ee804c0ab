//! The end of a server that is asked to end: by SHUTDOWN or a signal.
//!
//! Nothing may be acknowledged that is not in the files. So all shards are locked first and never unlocked: a command that waits for one
//! gets no reply any more. The process ends from the thread that has locked them, since others may wait for them for ever. If
//! the keys cannot be saved, they are unlocked and the server goes on.

use std::time::Duration;

use crate::config::ShutdownFlags;
use crate::server::Server;

/// How long replies that are on their way have for reaching their sockets.
const LAST_REPLIES: Duration = Duration::from_millis(20);

impl Server {
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
