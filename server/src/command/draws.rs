//! How many elements HRANDFIELD, SRANDMEMBER and ZRANDMEMBER draw when they may draw one twice: their reply grows with a number that
//! the client merely names, so it is held against limits before anything is drawn.

use crate::limits::RANDOM_ELEMENT_BYTES_MIN;

use super::context::CommandContext;
use super::error::CommandError;

/// Why so many are not drawn. A client whose output limit the reply is certain to pass is ended for that, as it would be while the reply
/// is made.
pub(super) fn refuse(ctx: &CommandContext<'_>, draws: u64) -> CommandError {
    let client = &ctx.session.client;
    let hard_bytes = ctx.config.client_output_buffer_limit.of(client.subscribed() > 0).hard_bytes;
    // A module reads the error.
    let is_client = ctx.keys.scratch.undo.depth() == 0 && !ctx.session.is_loader;
    if is_client && hard_bytes != 0 && draws.saturating_mul(RANDOM_ELEMENT_BYTES_MIN) > hard_bytes {
        ctx.server.note_output_limit(ctx.worker, client);
        client.kill();
    }
    CommandError::line("ERR value is out of range")
}
