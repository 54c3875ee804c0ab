//! SUBSCRIBE, PUBLISH and their family. Who listens to what, and the delivery, is in `effects::pubsub`.

use std::sync::Arc;

use crate::command;
use crate::effects::pubsub::Kind;
use crate::net::argv::Argv;
use crate::net::client::flag;

use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::help;
use super::spec::{Access, Family, Spec, keys};

/// The rows.
pub const FAMILY: Family = Family {
    group: "pubsub",
    commands: &[
        command!(
            "PSUBSCRIBE",
            -2,
            PUBSUB | NOSCRIPT | LOADING | STALE,
            [],
            psubscribe,
            "2.0.0",
            "O(N) where N is the number of patterns to subscribe to.",
            "Listens for messages published to channels that match one or more patterns.",
            "pattern [pattern ...]"
        ),
        command!(
            "PUBLISH",
            3,
            PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE,
            [],
            publish,
            "2.0.0",
            "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client).",
            "Posts a message to a channel.",
            "channel message"
        ),
        command!("PUBSUB", -2, NONE, [], pubsub_help,
            "2.8.0", "Depends on subcommand.", "A container for Pub/Sub commands.", "", subcommands: PUBSUB_COMMANDS),
        command!(
            "PUNSUBSCRIBE",
            -1,
            PUBSUB | NOSCRIPT | LOADING | STALE,
            [],
            punsubscribe,
            "2.0.0",
            "O(N) where N is the number of patterns to unsubscribe.",
            "Stops listening to messages published to channels that match one or more patterns.",
            "[pattern [pattern ...]]"
        ),
        command!(
            "SPUBLISH",
            3,
            PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE,
            [keys(1, 1, 1, Access::NOT_KEY)],
            spublish,
            "7.0.0",
            "O(N) where N is the number of clients subscribed to the receiving shard channel.",
            "Post a message to a shard channel",
            "shardchannel message"
        ),
        command!(
            "SSUBSCRIBE",
            -2,
            PUBSUB | NOSCRIPT | LOADING | STALE,
            [keys(1, -1, 1, Access::NOT_KEY)],
            ssubscribe,
            "7.0.0",
            "O(N) where N is the number of shard channels to subscribe to.",
            "Listens for messages published to shard channels.",
            "shardchannel [shardchannel ...]"
        ),
        command!(
            "SUBSCRIBE",
            -2,
            PUBSUB | NOSCRIPT | LOADING | STALE,
            [],
            subscribe,
            "2.0.0",
            "O(N) where N is the number of channels to subscribe to.",
            "Listens for messages published to channels.",
            "channel [channel ...]"
        ),
        command!(
            "SUNSUBSCRIBE",
            -1,
            PUBSUB | NOSCRIPT | LOADING | STALE,
            [keys(1, -1, 1, Access::NOT_KEY)],
            sunsubscribe,
            "7.0.0",
            "O(N) where N is the number of shard channels to unsubscribe.",
            "Stops listening to messages posted to shard channels.",
            "[shardchannel [shardchannel ...]]"
        ),
        command!(
            "UNSUBSCRIBE",
            -1,
            PUBSUB | NOSCRIPT | LOADING | STALE,
            [],
            unsubscribe,
            "2.0.0",
            "O(N) where N is the number of channels to unsubscribe.",
            "Stops listening to messages posted to channels.",
            "[channel [channel ...]]"
        ),
    ],
};

const PUBSUB_COMMANDS: &[Spec] = &[
    command!(
        "CHANNELS",
        -2,
        PUBSUB | LOADING | STALE,
        [],
        channels,
        "2.8.0",
        "O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)",
        "Returns the active channels.",
        "[pattern]"
    ),
    command!(
        "HELP",
        2,
        LOADING | STALE,
        [],
        pubsub_help,
        "6.2.0",
        "O(1)",
        "Returns helpful text about the different subcommands.",
        ""
    ),
    command!(
        "NUMPAT",
        2,
        PUBSUB | LOADING | STALE,
        [],
        numpat,
        "2.8.0",
        "O(1)",
        "Returns a count of unique pattern subscriptions.",
        ""
    ),
    command!(
        "NUMSUB",
        -2,
        PUBSUB | LOADING | STALE,
        [],
        numsub,
        "2.8.0",
        "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
        "Returns a count of subscribers to channels.",
        "[channel [channel ...]]"
    ),
    command!(
        "SHARDCHANNELS",
        -2,
        PUBSUB | LOADING | STALE,
        [],
        shardchannels,
        "7.0.0",
        "O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).",
        "Returns the active shard channels.",
        "[pattern]"
    ),
    command!(
        "SHARDNUMSUB",
        -2,
        PUBSUB | LOADING | STALE,
        [],
        shardnumsub,
        "7.0.0",
        "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
        "Returns the count of subscribers of shard channels.",
        "[shardchannel [shardchannel ...]]"
    ),
];

/// The words of the confirmations.
const VERBS: [[&str; 2]; 3] =
    [["subscribe", "unsubscribe"], ["psubscribe", "punsubscribe"], ["ssubscribe", "sunsubscribe"]];

/// `SUBSCRIBE channel [channel ...]` -- O(N). A confirmation for each channel.
fn subscribe(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    enter(ctx, argv, Kind::Channel)
}

/// `PSUBSCRIBE pattern [pattern ...]` -- O(N). A confirmation for each pattern.
fn psubscribe(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    enter(ctx, argv, Kind::Pattern)
}

/// `SSUBSCRIBE channel [channel ...]` -- O(N). A confirmation for each shard channel.
fn ssubscribe(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    enter(ctx, argv, Kind::Shard)
}

/// `UNSUBSCRIBE [channel ...]` -- O(N). A confirmation for each; without arguments, for all that there are.
fn unsubscribe(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    leave(ctx, argv, Kind::Channel)
}

/// `PUNSUBSCRIBE [pattern ...]` -- O(N). Likewise for patterns.
fn punsubscribe(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    leave(ctx, argv, Kind::Pattern)
}

/// `SUNSUBSCRIBE [channel ...]` -- O(N). Likewise for shard channels.
fn sunsubscribe(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    leave(ctx, argv, Kind::Shard)
}

fn enter(ctx: &mut CommandContext<'_>, argv: Argv<'_>, kind: Kind) -> CommandResult {
    for name in argv.iter().skip(1) {
        if ctx.session.add_subscription(kind, name) {
            ctx.tenant.pubsub.subscribe(kind, name, &ctx.session.client);
        }
        confirm(ctx, kind, 0, Some(name));
    }
    ctx.session.client.set_flag(flag::PUBSUB, true);
    // Whoever takes a channel away from a user ends those who are subscribed to it, and has not seen this one if it was entered
    // a moment later.
    let user = Arc::clone(ctx.session.user());
    ctx.session.renew_user(ctx.tenant);
    if !Arc::ptr_eq(&user, ctx.session.user()) && ctx.session.is_subscribed_beyond_permission() {
        ctx.session.closing = true;
    }
    Ok(())
}

fn leave(ctx: &mut CommandContext<'_>, argv: Argv<'_>, kind: Kind) -> CommandResult {
    let names: Vec<Box<[u8]>> = match argv.len() {
        1 => ctx.session.subscriptions(kind).to_vec(),
        _ => argv.iter().skip(1).map(Into::into).collect(),
    };
    for name in &names {
        if ctx.session.remove_subscription(kind, name) {
            ctx.tenant.pubsub.unsubscribe(kind, name, &ctx.session.client);
        }
        confirm(ctx, kind, 1, Some(name));
    }
    if names.is_empty() {
        confirm(ctx, kind, 1, None);
    }
    let subscribed = ctx.session.client.subscribed() > 0;
    ctx.session.client.set_flag(flag::PUBSUB, subscribed);
    Ok(())
}

fn confirm(ctx: &mut CommandContext<'_>, kind: Kind, verb: usize, name: Option<&[u8]>) {
    let count = |kind| ctx.session.subscriptions(kind).len();
    // Shard channels are counted for themselves.
    let count = if kind == Kind::Shard { count(kind) } else { count(Kind::Channel) + count(Kind::Pattern) };
    ctx.session.is_heard = true;
    ctx.reply.push_header(3);
    ctx.reply.bulk(VERBS[kind as usize][verb]);
    ctx.reply.bulk_or_null(name);
    ctx.reply.integer(count as i64);
}

/// `PUBLISH channel message` -- O(N+M). How many clients get it.
fn publish(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    send(ctx, argv, Kind::Channel)
}

/// `SPUBLISH channel message` -- O(N). How many clients get it.
fn spublish(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    send(ctx, argv, Kind::Shard)
}

fn send(ctx: &mut CommandContext<'_>, argv: Argv<'_>, kind: Kind) -> CommandResult {
    let (channel, message) = (argv.at(1), argv.at(2));
    let receivers = ctx.tenant.pubsub.receivers(kind, channel);
    if receivers > 0 {
        ctx.keys.effects.publish(kind, channel, message);
    }
    ctx.reply.integer(receivers as i64);
    Ok(())
}

/// `PUBSUB HELP` -- O(1). What the subcommands do.
fn pubsub_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "PUBSUB", PUBSUB_COMMANDS);
    Ok(())
}

/// `PUBSUB CHANNELS [pattern]` -- O(N). The channels that somebody is subscribed to.
fn channels(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    names(ctx, argv, Kind::Channel)
}

/// `PUBSUB SHARDCHANNELS [pattern]` -- O(N). Likewise for shard channels.
fn shardchannels(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    names(ctx, argv, Kind::Shard)
}

fn names(ctx: &mut CommandContext<'_>, argv: Argv<'_>, kind: Kind) -> CommandResult {
    if argv.len() > 3 {
        let sub = if kind == Kind::Shard { "SHARDCHANNELS" } else { "CHANNELS" };
        return Err(CommandError::err(format_args!(
            "unknown subcommand or wrong number of arguments for '{sub}'. Try PUBSUB HELP."
        )));
    }
    let names = ctx.tenant.pubsub.list(kind, argv.get(2));
    ctx.reply.array_header(names.len());
    names.iter().for_each(|name| ctx.reply.bulk(name));
    Ok(())
}

/// `PUBSUB NUMPAT` -- O(1). How many patterns somebody is subscribed to.
fn numpat(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    ctx.reply.integer(ctx.tenant.pubsub.len(Kind::Pattern) as i64);
    Ok(())
}

/// `PUBSUB NUMSUB [channel ...]` -- O(N). Each channel with the number of its subscribers.
fn numsub(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    counts(ctx, argv, Kind::Channel);
    Ok(())
}

/// `PUBSUB SHARDNUMSUB [channel ...]` -- O(N). Likewise for shard channels.
fn shardnumsub(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    counts(ctx, argv, Kind::Shard);
    Ok(())
}

fn counts(ctx: &mut CommandContext<'_>, argv: Argv<'_>, kind: Kind) {
    let names = argv.tail(2);
    ctx.reply.array_header(names.len() * 2);
    for name in names {
        ctx.reply.bulk(name);
        ctx.reply.integer(ctx.tenant.pubsub.count(kind, name) as i64);
    }
}
