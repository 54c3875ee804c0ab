//! What must happen at once when a directive changes. Everything else reads the configuration when it needs it.
//! CONFIG SET itself tells the keyspace about new access clocks, since that takes locks that a transaction may hold.

use std::sync::Arc;

use crate::config::{Change, Config, Hook};
use crate::listen::Listening;
use crate::logging;
use crate::server::Server;
use crate::users;

/// Directives that say where the server listens.
const ADDRESSES: &[&str] = &["bind", "port", "tls-port"];

/// Directives that say how it shakes hands.
const HANDSHAKE: &[&str] = &[
    "tls-port",
    "tls-cert-file",
    "tls-key-file",
    "tls-ca-cert-file",
    "tls-ca-cert-dir",
    "tls-auth-clients",
    "tls-protocols",
];

/// Begin to react.
pub fn install(server: &'static Server, listening: Listening) {
    let listening = Arc::new(listening);
    let door = Arc::clone(&listening);
    // Before the addresses: whoever connects to a new port finds a certificate.
    server.config.on_change(HANDSHAKE, Box::new(move |change: &Change<'_>| door.renew_tls(change.new)));
    server
        .config
        .on_change(ADDRESSES, Box::new(move |change: &Change<'_>| listening.move_to(change.old, change.new)));
    let password: Hook = Box::new(move |change: &Change<'_>| {
        users::set_default_password(server, change.new);
        Ok(())
    });
    server.config.on_change(&["requirepass"], password);
    apply_output_limit(server, &server.config.current());
    let limit: Hook = Box::new(move |change: &Change<'_>| {
        apply_output_limit(server, change.new);
        Ok(())
    });
    server.config.on_change(&["client-output-buffer-limit"], limit);
    let clients: Hook = Box::new(move |change: &Change<'_>| {
        server.evict_clients(change.new);
        Ok(())
    });
    server.config.on_change(&["maxmemory-clients", "maxmemory"], clients);
    server.aof.configure(&server.config.current());
    let policy: Hook = Box::new(move |change: &Change<'_>| {
        server.aof.configure(change.new);
        Ok(())
    });
    server.config.on_change(&["appendfsync", "aof-timestamp-enabled"], policy);
    let appendonly: Hook = Box::new(move |change: &Change<'_>| {
        if change.new.appendonly {
            return server.turn_aof_on();
        }
        server.turn_aof_off();
        Ok(())
    });
    server.config.on_change(&["appendonly"], appendonly);
    let level: Hook = Box::new(|change: &Change<'_>| {
        logging::set_level(change.new.loglevel);
        Ok(())
    });
    server.config.on_change(&["loglevel"], level);
}

/// Publishers look at the limit for each message, and know no configuration.
fn apply_output_limit(server: &Server, config: &Config) {
    let limits = config.client_output_buffer_limit;
    let [normal, pubsub] =
        [limits.normal, limits.pubsub].map(|limit| usize::try_from(limit.hard_bytes).unwrap_or(usize::MAX));
    server.tenant.pubsub.set_hard_limit(pubsub);
    server.tenant.tracking.set_hard_limits(normal, pubsub);
}
