//! What must happen at once when a directive changes. Everything else reads the configuration when it needs it.
//! CONFIG SET itself tells the keyspace about new access clocks, since that takes locks that a transaction may hold.

use crate::config::{Change, Config, Hook};
use crate::logging;
use crate::server::Server;

/// Begin to react.
pub fn install(server: &'static Server) {
    apply_output_limit(server, &server.config.current());
    let limit: Hook = Box::new(move |change: &Change<'_>| {
        apply_output_limit(server, change.new);
        Ok(())
    });
    server.config.on_change(&["client-output-buffer-limit"], limit);
    let level: Hook = Box::new(|change: &Change<'_>| {
        logging::set_level(change.new.loglevel);
        Ok(())
    });
    server.config.on_change(&["loglevel"], level);
}

/// Publishers look at the limit for each message, and know no configuration.
fn apply_output_limit(server: &Server, config: &Config) {
    let hard_bytes = config.client_output_buffer_limit.pubsub.hard_bytes;
    server.tenant.pubsub.set_hard_limit(usize::try_from(hard_bytes).unwrap_or(usize::MAX));
}
