//! What the configuration says about users and about the names of commands, put into effect at the start; and what must
//! happen to clients when users change while the server runs. What users are and may do is in `acl`.

use std::collections::HashSet;
use std::path::Path;

use anyhow::bail;

use crate::acl::{DEFAULT, Grounds, SetError, User, file};
use crate::command::table::CommandTable;
use crate::config::{AclPubsubDefault, Config, Startup, UserLine};
use crate::effects::pubsub::Kind;
use crate::server::Server;

/// What rules are understood by, under this configuration.
pub fn grounds<'g>(table: &'g CommandTable, config: &Config) -> Grounds<'g> {
    Grounds { table, all_channels: config.acl_pubsub_default == AclPubsubDefault::AllChannels }
}

/// `requirepass`.
pub fn set_default_password(server: &Server, config: &Config) {
    let set = server.tenant.change_users(|users, table| {
        users.set_default_password(&config.requirepass, &grounds(table, config));
        Ok::<(), std::convert::Infallible>(())
    });
    match set {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

/// `rename-command`. Before modules are loaded: theirs keep their names.
pub fn rename_commands(server: &Server, startup: &Startup) -> anyhow::Result<()> {
    let renamed = server.tenant.rename_commands(&startup.rename_commands);
    Ok(renamed.map_err(|(rename, reason)| rename.origin.fail(reason))?)
}

/// The users of `user` lines, or of the `aclfile`. After modules have been loaded: rules may name their commands.
pub fn load(server: &Server, startup: &Startup) -> anyhow::Result<()> {
    let config = server.config.current();
    if !config.requirepass.is_empty() {
        set_default_password(server, &config);
    }
    let Some(path) = &config.aclfile else {
        return enter_lines(server, &config, &startup.users);
    };
    if let Some(line) = startup.users.first() {
        return Err(line
            .origin
            .fail(
                "Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is invalid. This \
                 setup is very likely to lead to configuration errors and security holes, please define either an ACL file or \
                 declare users directly in your redis.conf, but not both.",
            )
            .into());
    }
    if let Err(errors) = load_file(server, &config, path) {
        bail!("Aborting startup because of ACL errors: {}", String::from_utf8_lossy(&errors));
    }
    Ok(())
}

/// Put the users of a file in the place of all. The error says what is wrong with it; then nothing has changed.
pub fn load_file(server: &Server, config: &Config, path: &Path) -> Result<(), Vec<u8>> {
    let shown = path.display().to_string();
    let text = file::read(&config.in_dir(path), &shown)?;
    server.tenant.change_users(|users, table| {
        users.replace(file::parse(&text, &shown, &grounds(table, config))?, table);
        Ok(())
    })
}

/// `user` lines, each of which makes a user or, of the default user, another one.
fn enter_lines(server: &Server, config: &Config, lines: &[UserLine]) -> anyhow::Result<()> {
    let mut names = HashSet::new();
    for line in lines {
        let fail = |what: &[u8], why: &str| {
            line.origin.fail(format!("Error in user declaration '{}': {why}", String::from_utf8_lossy(what)))
        };
        if !names.insert(&line.name) {
            let why = "Duplicate user found. A user can only be defined once in config files";
            return Err(fail(&line.name, why).into());
        }
        if crate::acl::rule::has_blanks(&line.name) {
            return Err(line.origin.fail("Spaces not allowed in ACL usernames").into());
        }
        let fresh = (*line.name == *DEFAULT).then_some(&b"reset"[..]);
        let set = server.tenant.change_users(|users, table| {
            let rules = fresh.into_iter().chain(line.rules.iter().map(Vec::as_slice));
            users.set(&line.name, rules, &grounds(table, config))
        });
        let (_, user) = set.map_err(|error| match error {
            SetError::Rule(rule, why) => fail(&rule, &why.to_string()),
            SetError::Unmatched(first) => fail(&first, "Unmatched parenthesis in acl selector"),
        })?;
        if !user.is_enabled() {
            tracing::info!(
                "The user '{}' is disabled (there is no 'on' modifier in the user description). Make sure this is not a \
                 configuration error.",
                String::from_utf8_lossy(&line.name)
            );
        }
    }
    Ok(())
}

/// Which clients must go because of a change.
#[derive(Default)]
pub struct Victims(Vec<u64>);

impl Victims {
    /// End them. Whoever made the change still reads the reply; whether that is one of them.
    pub fn end(&self, server: &Server, own: u64) -> bool {
        for id in self.0.iter().filter(|id| **id != own) {
            if let Some(client) = server.clients.get(*id) {
                client.kill();
            }
        }
        self.0.contains(&own)
    }

    /// Everybody whose user is gone.
    pub fn add_users_of(&mut self, server: &Server, is_gone: impl Fn(&[u8]) -> bool) {
        server.clients.for_each(|client| {
            if is_gone(&client.names.lock().user) {
                self.0.push(client.id);
            }
        });
    }

    /// Those of a user's clients who are subscribed to what it may not use any more.
    pub fn add_subscribers_of(&mut self, server: &Server, before: &User, now: &User) {
        if server.tenant.pubsub.is_empty() || now.keeps_channels_of(before) {
            return;
        }
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            server.tenant.pubsub.for_each(kind, |name, client| {
                if !now.permits_channel(name, kind == Kind::Pattern)
                    && client.names.lock().user == *now.name()
                {
                    self.0.push(client.id);
                }
            });
        }
    }
}
