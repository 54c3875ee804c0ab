//! DEBUG RELOAD: all data through a file and back, under one lock. What cannot be loaded leaves everything as it was.

use std::fs::File;

use crate::effects::load::{LoadFailure, LoadOptions, Target, load_rdb};
use crate::effects::rdb_file;
use crate::net::argv::Argv;

use super::context::CommandContext;
use super::error::{CommandError, CommandResult};

/// `DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE]` -- O(N). OK.
pub(super) fn reload(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (mut save, mut flush, mut merge) = (true, true, false);
    for option in argv.iter().skip(2) {
        match option.to_ascii_uppercase().as_slice() {
            b"MERGE" => merge = true,
            b"NOFLUSH" => flush = false,
            b"NOSAVE" => save = false,
            _ => {
                return Err(CommandError::line(
                    "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                ));
            }
        }
    }
    if ctx.server.persistence.is_loading() {
        return Err(CommandError::line("LOADING Redis is loading the dataset in memory"));
    }
    if save {
        ctx.server
            .save_locked(ctx.keys.locked)
            .map_err(|_| CommandError::line("ERR Error trying to save the RDB dump, check server logs."))?;
    }
    let mut old = Vec::new();
    if flush {
        let databases = 0..ctx.tenant.keyspace.databases();
        old = databases.map(|index| (index, ctx.keys.locked.flush(index))).collect();
    }
    let loaded = load(ctx, merge);
    if let Err(failure) = loaded {
        tracing::warn!("{failure}");
        // Without NOFLUSH nothing of the file stays.
        for (index, dbs) in old {
            ctx.keys.scratch.flushed.extend(ctx.keys.locked.flush(index));
            ctx.keys.locked.unflush(index, dbs);
        }
        return Err(CommandError::line("ERR Error trying to load the RDB dump, check server logs."));
    }
    ctx.keys.scratch.flushed.extend(old.into_iter().flat_map(|(_, dbs)| dbs));
    tracing::warn!("DB reloaded by DEBUG RELOAD");
    ctx.reply.ok();
    Ok(())
}

fn load(ctx: &mut CommandContext<'_>, merge: bool) -> Result<(), LoadFailure> {
    let path = rdb_file::path(ctx.config);
    let file = File::open(&path).map_err(|error| LoadFailure::Open(path.clone(), error))?;
    let options = LoadOptions { preamble: false, merge };
    let loaded = load_rdb(ctx.server, Target::Locked(ctx.keys.locked), file, options);
    loaded.map(drop).map_err(|error| LoadFailure::Load(path, error))
}
