//! What SRANDMEMBER, HRANDFIELD and ZRANDMEMBER do with a count. How lots are drawn is in `keyspace::lots`.

use crate::limits::{RANDOM_DRAWS_MAX, RANDOM_DRAWS_STEP, RANDOM_ELEMENT_BYTES_MIN};
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

use super::args;
use super::context::CommandContext;
use super::error::CommandError;

/// How many elements are drawn at once.
#[derive(Clone, Copy)]
pub(super) enum Draw {
    /// At most so many, none of them twice.
    Distinct(usize),
    /// Exactly so many.
    Repeated(usize),
}

/// The count of elements.
pub(super) fn parse_count(count: &[u8]) -> Result<i64, CommandError> {
    args::integer_in(count, -i64::MAX, i64::MAX)
}

/// The count of elements that have something each, and whether `word` asks for that, too.
pub(super) fn parse_pairs(count: &[u8], options: Argv<'_>, word: &str) -> Result<(i64, bool), CommandError> {
    let count = parse_count(count)?;
    let in_pairs = match options.len() {
        0 => false,
        1 if args::is(options.at(0), word) => true,
        _ => return Err(CommandError::Syntax),
    };
    if in_pairs && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(CommandError::line("ERR value is out of range"));
    }
    Ok((count, in_pairs))
}

/// More elements than are drawn, as the same one may be drawn several times: a reply that grows with a number that the client merely
/// names is held against limits before it is made.
pub(super) struct TooMany(u64);

impl TooMany {
    /// What the client hears. One whose output limit the reply is certain to pass is ended for that, as it would be while the reply
    /// is made.
    pub(super) fn refuse(&self, ctx: &CommandContext<'_>) -> CommandError {
        let client = &ctx.session.client;
        let hard_bytes = ctx.config.client_output_buffer_limit.of(client.subscribed() > 0).hard_bytes;
        if ctx.answers_client()
            && hard_bytes != 0
            && self.0.saturating_mul(RANDOM_ELEMENT_BYTES_MIN) > hard_bytes
        {
            ctx.server.note_output_limit(ctx.worker, client);
            client.kill();
        }
        CommandError::line("ERR value is out of range")
    }
}

/// Answer with so many elements; below zero the same one may be drawn several times.
pub(super) fn reply<T>(
    reply: &mut ReplyWriter,
    count: i64,
    header: impl FnOnce(&mut ReplyWriter, usize),
    mut draw: impl FnMut(Draw) -> Vec<T>,
    mut element: impl FnMut(&mut ReplyWriter, T),
) -> Result<(), TooMany> {
    if count >= 0 {
        let drawn = draw(Draw::Distinct(usize::try_from(count).unwrap_or(usize::MAX)));
        header(reply, drawn.len());
        drawn.into_iter().for_each(|drawn| element(reply, drawn));
        return Ok(());
    }
    let mut left = count.unsigned_abs();
    if left > RANDOM_DRAWS_MAX {
        return Err(TooMany(left));
    }
    header(reply, left as usize);
    while left > 0 {
        let step = left.min(RANDOM_DRAWS_STEP);
        draw(Draw::Repeated(step as usize)).into_iter().for_each(|drawn| element(reply, drawn));
        left -= step;
    }
    Ok(())
}
