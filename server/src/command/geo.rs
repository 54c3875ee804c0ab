//! Places in sorted sets: the score of a member is a geohash, see `geohash`. Searching for places is in `geo_search`.

use smallvec::{SmallVec, smallvec};

use crate::command;
use crate::keyspace::Zset;
use crate::net::argv::Argv;
use crate::net::reply::{Protocol, ReplyWriter};

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::geohash::Point;
use super::spec::{Family, access, key};
use super::strtod;
use super::zset::{AddOptions, add_scored};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "geo",
    commands: &[
        command!("GEOADD", -5, WRITE | OOM, [key(1, access::UPDATE)], geoadd,
            "3.2.0", "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
            "Adds one or more members to a geospatial index. The key is created if it doesn't exist.",
            "key [NX|XX] [CH] longitude latitude member [longitude latitude member ...]"),
        command!("GEOPOS", -2, READ, [key(1, access::READ)], geopos,
            "3.2.0", "O(1) for each member requested.",
            "Returns the longitude and latitude of members from a geospatial index.", "key [member [member ...]]"),
        command!("GEODIST", -4, READ, [key(1, access::READ)], geodist,
            "3.2.0", "O(1)", "Returns the distance between two members of a geospatial index.",
            "key member1 member2 [M|KM|FT|MI]"),
        command!("GEOHASH", -2, READ, [key(1, access::READ)], geohash,
            "3.2.0", "O(1) for each member requested.",
            "Returns members from a geospatial index as geohash strings.", "key [member [member ...]]"),
    ],
};

/// How many meters a unit has.
pub(super) fn unit(name: &[u8]) -> Result<f64, CommandError> {
    let units = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let unit = units.into_iter().find(|(unit, _)| args::is(name, unit)).map(|(_, meters)| meters);
    unit.ok_or(CommandError::line("ERR unsupported unit provided. please use M, KM, FT, MI"))
}

/// A place in two arguments.
pub(super) fn point(longitude: &[u8], latitude: &[u8]) -> Result<Point, CommandError> {
    let point = Point { longitude: args::float(longitude)?, latitude: args::float(latitude)? };
    if !point.is_on_map() {
        let Point { longitude, latitude } = point;
        return Err(CommandError::err(format_args!(
            "invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
        )));
    }
    Ok(point)
}

/// A length in an argument, with the line for what is none.
pub(super) fn length(text: &[u8], line: &'static str) -> Result<f64, CommandError> {
    strtod::number(text).ok_or(CommandError::line(line))
}

/// A distance, with four digits behind the point.
pub(super) fn reply_distance(reply: &mut ReplyWriter, distance: f64) {
    reply.bulk(format!("{distance:.4}"));
}

/// A coordinate, with as many digits as Redis gives, which are more than mean something.
fn reply_coordinate(reply: &mut ReplyWriter, degrees: f64) {
    let digits = format!("{degrees:.17}");
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    let digits = if digits == "-0" { "0" } else { digits };
    match reply.protocol() {
        Protocol::Resp2 => reply.bulk(digits),
        Protocol::Resp3 => {
            reply.raw(b",");
            reply.raw(digits.as_bytes());
            reply.raw(b"\r\n");
        }
    }
}

/// A place.
pub(super) fn reply_point(reply: &mut ReplyWriter, point: Point) {
    reply.array_header(2);
    reply_coordinate(reply, point.longitude);
    reply_coordinate(reply, point.latitude);
}

/// `GEOADD key [NX|XX] [CH] longitude latitude member [longitude latitude member ...]` -- O(log(N)) a member. How many are new, with
/// CH how many were moved, too.
fn geoadd(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let mut options = AddOptions::default();
    let mut first = 2;
    while let Some(word) = argv.get(first) {
        match word {
            word if args::is(word, "NX") => options.nx = true,
            word if args::is(word, "XX") => options.xx = true,
            word if args::is(word, "CH") => options.ch = true,
            _ => break,
        }
        first += 1;
    }
    let places = argv.tail(first);
    if places.is_empty() || !places.len().is_multiple_of(3) || (options.nx && options.xx) {
        return Err(CommandError::Syntax);
    }
    let scores: Result<SmallVec<[f64; 8]>, CommandError> =
        (0..places.len()).step_by(3).map(|at| Ok(point(places.at(at), places.at(at + 1))?.score())).collect();
    let scores = scores?;
    let members = (2..places.len()).step_by(3).map(|at| places.at(at));
    let key = ctx.key_at(argv, 1);
    let dirty = ctx.keys.effects.dirty;
    let done = add_scored(&mut ctx.keys, &key, members.zip(scores.iter().copied()), options)?;
    if ctx.keys.effects.dirty != dirty && ctx.keys.propagates() {
        repeat_as_zadd(ctx, argv, first, &scores);
    }
    ctx.reply.integer(done.counted(options));
    Ok(())
}

/// What is repeated is the sorted set: whoever reads it need not know places, nor calculate them in the same way.
fn repeat_as_zadd(ctx: &mut CommandContext<'_>, argv: Argv<'_>, first: usize, scores: &[f64]) {
    // Scores are cells, whole numbers of 52 bits.
    let scores: SmallVec<[String; 8]> = scores.iter().map(|score| format!("{score:.0}")).collect();
    let mut words: SmallVec<[&[u8]; 16]> = smallvec![&b"zadd"[..]];
    words.extend((1..first).map(|at| argv.at(at)));
    for (at, score) in scores.iter().enumerate() {
        words.extend([score.as_bytes(), argv.at(first + 3 * at + 2)]);
    }
    ctx.keys.propagate(&words);
}

/// `GEOPOS key [member ...]` -- O(1) a member. Longitude and latitude; null for members that are not there.
fn geopos(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let zset = ctx.keys.read_as::<Zset>(&ctx.key_at(argv, 1))?;
    ctx.reply.array_header(argv.len() - 2);
    for member in argv.tail(2) {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => reply_point(ctx.reply, Point::of_score(score)),
            None => ctx.reply.null_array(),
        }
    }
    Ok(())
}

/// `GEODIST key member1 member2 [M|KM|FT|MI]` -- O(1). How far one is from the other; null if one is not there.
fn geodist(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let unit = match argv.len() {
        4 => 1.0,
        5 => unit(argv.at(4))?,
        _ => return Err(CommandError::Syntax),
    };
    let zset = ctx.keys.read_as::<Zset>(&ctx.key_at(argv, 1))?;
    let point = |member| zset.and_then(|zset| zset.score(member)).map(Point::of_score);
    match point(argv.at(2)).zip(point(argv.at(3))) {
        Some((from, to)) => reply_distance(ctx.reply, from.distance(to) / unit),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `GEOHASH key [member ...]` -- O(1) a member. Geohashes as others write them; null for members that are not there.
fn geohash(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let zset = ctx.keys.read_as::<Zset>(&ctx.key_at(argv, 1))?;
    ctx.reply.array_header(argv.len() - 2);
    for member in argv.tail(2) {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => ctx.reply.bulk(Point::of_score(score).text()),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}
