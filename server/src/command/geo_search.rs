//! Searching for places: GEOSEARCH and the older GEORADIUS, which are one query with different spellings.
//! A shape is covered by a few cells, each a range of scores; what lies in them is measured one by one.

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::{Key, ScoreRange, Zset};
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::geo::{length, point, reply_distance, reply_point, unit};
use super::geohash::{Point, Shape};
use super::spec::{Family, Find, KeySpec, access, key};

/// The key behind a word.
const fn behind(word: &'static str, from: usize) -> KeySpec {
    KeySpec { access: access::OVERWRITE, find: Find::Keyword { word, from }, notes: "" }
}

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "geo",
    commands: &[
        command!("GEOSEARCH", -7, READ, [key(1, access::READ)], geosearch,
            "6.2.0", "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape",
            "Queries a geospatial index for members inside an area of a box or a circle.",
            "key <FROMMEMBER member|FROMLONLAT longitude latitude> <BYRADIUS radius <M|KM|FT|MI>|BYBOX width <height> <M|KM|FT|MI>> [ASC|DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]"),
        command!("GEOSEARCHSTORE", -8, WRITE | OOM, [key(1, access::OVERWRITE), key(2, access::READ)], geosearchstore,
            "6.2.0", "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape",
            "Queries a geospatial index for members inside an area of a box or a circle, optionally stores the result.",
            "destination source <FROMMEMBER member|FROMLONLAT longitude latitude> <BYRADIUS radius <M|KM|FT|MI>|BYBOX width <height> <M|KM|FT|MI>> [ASC|DESC] [COUNT count [ANY]] [STOREDIST]"),
        command!("GEORADIUS", -6, WRITE | OOM | MOVABLE_KEYS, [key(1, access::READ), behind("STORE", 6), behind("STOREDIST", 6)], georadius,
            "3.2.0", "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.",
            "Queries a geospatial index for members within a distance from a coordinate, optionally stores the result.",
            "key longitude latitude radius M|KM|FT|MI [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC] [STORE key|STOREDIST key]"),
        command!("GEORADIUS_RO", -6, READ, [key(1, access::READ)], georadius_ro,
            "3.2.10", "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.",
            "Returns members from a geospatial index that are within a distance from a coordinate.",
            "key longitude latitude radius M|KM|FT|MI [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC]"),
        command!("GEORADIUSBYMEMBER", -5, WRITE | OOM | MOVABLE_KEYS, [key(1, access::READ), behind("STORE", 5), behind("STOREDIST", 5)], georadiusbymember,
            "3.2.0", "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.",
            "Queries a geospatial index for members within a distance from a member, optionally stores the result.",
            "key member radius M|KM|FT|MI [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC] [STORE key|STOREDIST key]"),
        command!("GEORADIUSBYMEMBER_RO", -5, READ, [key(1, access::READ)], georadiusbymember_ro,
            "3.2.10", "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.",
            "Returns members from a geospatial index that are within a distance from a member.",
            "key member radius M|KM|FT|MI [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC]"),
    ],
};

/// The spelling of a query.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// GEOSEARCH.
    Search,
    /// GEOSEARCHSTORE.
    SearchStore,
    /// GEORADIUS and GEORADIUSBYMEMBER.
    Radius,
    /// The same without STORE.
    RadiusReadOnly,
}

impl Spelling {
    fn is_search(self) -> bool {
        matches!(self, Spelling::Search | Spelling::SearchStore)
    }
}

/// From where is searched.
#[derive(Clone, Copy)]
enum Middle {
    /// From here.
    Point(Point),
    /// From a member of a key that is not there.
    Nowhere,
}

impl Middle {
    /// The place of a member.
    fn of(member: &[u8], zset: Option<&Zset>) -> Result<Self, CommandError> {
        let Some(zset) = zset else { return Ok(Middle::Nowhere) };
        let point = zset.score(member).map(|score| Middle::Point(Point::of_score(score)));
        point.ok_or(CommandError::line("ERR could not decode requested zset member"))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Nearest,
    Farthest,
}

/// What is searched for.
struct Query<'a> {
    middle: Middle,
    shape: Shape,
    /// Meters of the unit in which distances are told.
    unit: f64,
    order: Option<Order>,
    count: usize,
    /// The first that are found do.
    any: bool,
    with_distance: bool,
    with_hash: bool,
    with_point: bool,
    store: Option<&'a [u8]>,
    stores_distance: bool,
}

/// A radius and its unit, in meters.
fn circle(radius: &[u8], name: &[u8]) -> Result<(Shape, f64), CommandError> {
    let radius = length(radius, "ERR need numeric radius")?;
    if radius < 0.0 {
        return Err(CommandError::line("ERR radius cannot be negative"));
    }
    let unit = unit(name)?;
    Ok((Shape::Circle(radius * unit), unit))
}

/// A width, a height and their unit, in meters.
fn rectangle(width: &[u8], height: &[u8], name: &[u8]) -> Result<(Shape, f64), CommandError> {
    let width = length(width, "ERR need numeric width")?;
    let height = length(height, "ERR need numeric height")?;
    if width < 0.0 || height < 0.0 {
        return Err(CommandError::line("ERR height or width cannot be negative"));
    }
    let unit = unit(name)?;
    Ok((Shape::Box(width * unit, height * unit), unit))
}

/// What of a query has been read so far.
#[derive(Default)]
struct Parts<'a> {
    middle: Option<Middle>,
    from_member: bool,
    from_point: bool,
    shape: Option<(Shape, f64)>,
    order: Option<Order>,
    count: Option<i64>,
    any: bool,
    with_distance: bool,
    with_hash: bool,
    with_point: bool,
    store: Option<&'a [u8]>,
    stores_distance: bool,
}

impl<'a> Parts<'a> {
    /// Reads one option; the result is how many arguments it is. The last of several of a kind counts.
    fn take(
        &mut self,
        words: Argv<'a>,
        spelling: Spelling,
        zset: Option<&Zset>,
    ) -> Result<usize, CommandError> {
        let word = words.at(0);
        let has = |more: usize| words.len() > more;
        let is_search = spelling.is_search();
        if args::is(word, "WITHDIST") {
            self.with_distance = true;
        } else if args::is(word, "WITHHASH") {
            self.with_hash = true;
        } else if args::is(word, "WITHCOORD") {
            self.with_point = true;
        } else if args::is(word, "ANY") {
            self.any = true;
        } else if args::is(word, "ASC") {
            self.order = Some(Order::Nearest);
        } else if args::is(word, "DESC") {
            self.order = Some(Order::Farthest);
        } else if args::is(word, "COUNT") && has(1) {
            let count = args::integer(words.at(1))?;
            if count <= 0 {
                return Err(CommandError::line("ERR COUNT must be > 0"));
            }
            self.count = Some(count);
            return Ok(2);
        } else if spelling == Spelling::Radius && has(1) && args::is(word, "STORE") {
            (self.store, self.stores_distance) = (Some(words.at(1)), false);
            return Ok(2);
        } else if spelling == Spelling::Radius && has(1) && args::is(word, "STOREDIST") {
            (self.store, self.stores_distance) = (Some(words.at(1)), true);
            return Ok(2);
        } else if is_search && !self.from_point && has(1) && args::is(word, "FROMMEMBER") {
            (self.middle, self.from_member) = (Some(Middle::of(words.at(1), zset)?), true);
            return Ok(2);
        } else if is_search && !self.from_member && has(2) && args::is(word, "FROMLONLAT") {
            let middle = Middle::Point(point(words.at(1), words.at(2))?);
            (self.middle, self.from_point) = (Some(middle), true);
            return Ok(3);
        } else if is_search
            && !matches!(self.shape, Some((Shape::Box(..), _)))
            && has(2)
            && args::is(word, "BYRADIUS")
        {
            self.shape = Some(circle(words.at(1), words.at(2))?);
            return Ok(3);
        } else if is_search
            && !matches!(self.shape, Some((Shape::Circle(_), _)))
            && has(3)
            && args::is(word, "BYBOX")
        {
            self.shape = Some(rectangle(words.at(1), words.at(2), words.at(3))?);
            return Ok(4);
        } else if spelling == Spelling::SearchStore && args::is(word, "STOREDIST") {
            self.stores_distance = true;
        } else {
            return Err(CommandError::Syntax);
        }
        Ok(1)
    }

    /// Whether all is there, and goes together.
    fn finish(self, name: &[u8], is_search: bool) -> Result<Query<'a>, CommandError> {
        if self.store.is_some() && (self.with_distance || self.with_hash || self.with_point) {
            let what = if is_search { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            let text = format_args!("{what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
            return Err(CommandError::err(text));
        }
        let missing = |what: &str| {
            let name = String::from_utf8_lossy(name);
            CommandError::err(format_args!("exactly one of {what} can be specified for {name}"))
        };
        let middle = self.middle.ok_or_else(|| missing("FROMMEMBER or FROMLONLAT"))?;
        let (shape, unit) = self.shape.ok_or_else(|| missing("BYRADIUS and BYBOX"))?;
        if self.any && self.count.is_none() {
            return Err(CommandError::line("ERR the ANY argument requires COUNT argument"));
        }
        // The first of some mean something only in an order, unless any do.
        let order = self.order.or((self.count.is_some() && !self.any).then_some(Order::Nearest));
        Ok(Query {
            middle,
            shape,
            unit,
            order,
            count: self.count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX),
            any: self.any,
            with_distance: self.with_distance,
            with_hash: self.with_hash,
            with_point: self.with_point,
            store: self.store,
            stores_distance: self.stores_distance,
        })
    }
}

/// Something that was found.
struct Found<'a> {
    member: &'a [u8],
    score: f64,
    point: Point,
    /// In the query's unit.
    distance: f64,
}

impl<'a> Query<'a> {
    /// What is found, as far and in the order as it is wanted.
    fn run<'z>(&self, zset: &'z Zset) -> Vec<Found<'z>> {
        let mut found = Vec::new();
        let Middle::Point(middle) = self.middle else { return found };
        let limit = if self.any { self.count } else { usize::MAX };
        'cells: for cell in self.shape.cells(middle) {
            let (min, max) = cell.scores();
            let range = ScoreRange { min, min_excluded: false, max, max_excluded: true };
            for (member, score) in zset.range(zset.ranks_by_score(&range), false) {
                let point = Point::of_score(score);
                let Some(distance) = self.shape.distance(middle, point) else { continue };
                found.push(Found { member, score, point, distance: distance / self.unit });
                if found.len() >= limit {
                    break 'cells;
                }
            }
        }
        match self.order {
            Some(Order::Nearest) => found.sort_by(|a, b| a.distance.total_cmp(&b.distance)),
            Some(Order::Farthest) => found.sort_by(|a, b| b.distance.total_cmp(&a.distance)),
            None => {}
        }
        found.truncate(self.count);
        found
    }

    fn reply(&self, ctx: &mut CommandContext<'_>, source: &Key<'_>) -> CommandResult {
        let Some(zset) = ctx.keys.read_as::<Zset>(source)? else {
            ctx.reply.array_header(0);
            return Ok(());
        };
        let found = self.run(zset);
        let more = u8::from(self.with_distance) + u8::from(self.with_hash) + u8::from(self.with_point);
        ctx.reply.array_header(found.len());
        for found in found {
            if more > 0 {
                ctx.reply.array_header(1 + usize::from(more));
            }
            ctx.reply.bulk(found.member);
            if self.with_distance {
                reply_distance(ctx.reply, found.distance);
            }
            if self.with_hash {
                ctx.reply.integer(found.score as i64);
            }
            if self.with_point {
                reply_point(ctx.reply, found.point);
            }
        }
        Ok(())
    }

    fn store(
        &self,
        ctx: &mut CommandContext<'_>,
        source: &Key<'_>,
        target: &Key<'_>,
        event: &'static str,
    ) -> CommandResult {
        let thresholds = ctx.keys.thresholds;
        let result = match ctx.keys.read_as::<Zset>(source)? {
            None => Zset::default(),
            Some(zset) => {
                let found = self.run(zset);
                let score =
                    |found: &Found<'_>| if self.stores_distance { found.distance } else { found.score };
                let members: Vec<_> = found.iter().map(|found| (found.member, score(found))).collect();
                Zset::of_members(members.iter().copied(), thresholds).unwrap_or_default()
            }
        };
        let stored = result.len();
        ctx.keys.store_result(target, result, Class::ZSET, event)?;
        if stored > 0 {
            // Redis counts each member here.
            ctx.keys.effects.dirty += stored as u64 - 1;
        }
        ctx.reply.integer(stored as i64);
        Ok(())
    }
}

/// Read what stands at fixed places and the options behind it, and do what they ask for.
fn search<'a>(
    ctx: &mut CommandContext<'_>,
    argv: Argv<'a>,
    source: usize,
    first_option: usize,
    spelling: Spelling,
    fixed: impl FnOnce(Option<&Zset>) -> Result<Parts<'a>, CommandError>,
) -> CommandResult {
    let source = ctx.key_at(argv, source);
    let zset = ctx.keys.peek_as::<Zset>(&source)?;
    let mut parts = fixed(zset)?;
    let mut words = argv.tail(first_option);
    while !words.is_empty() {
        words = words.tail(parts.take(words, spelling, zset)?);
    }
    let query = parts.finish(argv.name(), spelling.is_search())?;
    match query.store {
        None => query.reply(ctx, &source),
        Some(target) => {
            let event = if spelling.is_search() { "geosearchstore" } else { "georadiusstore" };
            query.store(ctx, &source, &ctx.key_of(target), event)
        }
    }
}

/// `GEOSEARCH key FROMMEMBER member|FROMLONLAT longitude latitude BYRADIUS radius unit|BYBOX width height unit [...]` --
/// O(N+log(M)). The members that are within, with what is asked for.
fn geosearch(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    search(ctx, argv, 1, 2, Spelling::Search, |_| Ok(Parts::default()))
}

/// `GEOSEARCHSTORE destination source FROMMEMBER member|FROMLONLAT longitude latitude BYRADIUS radius unit|BYBOX width height unit [...]`
/// -- O(N+log(M)). How many members were stored.
fn geosearchstore(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let target = Some(argv.at(1));
    search(ctx, argv, 2, 3, Spelling::SearchStore, |_| Ok(Parts { store: target, ..Parts::default() }))
}

/// `GEORADIUS key longitude latitude radius unit [...]` -- O(N+log(M)). The members that are near, or how many were stored.
fn georadius(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    around_point(ctx, argv, Spelling::Radius)
}

/// `GEORADIUS_RO key longitude latitude radius unit [...]` -- O(N+log(M)). The members that are near.
fn georadius_ro(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    around_point(ctx, argv, Spelling::RadiusReadOnly)
}

fn around_point(ctx: &mut CommandContext<'_>, argv: Argv<'_>, spelling: Spelling) -> CommandResult {
    search(ctx, argv, 1, 6, spelling, |_| {
        let middle = Some(Middle::Point(point(argv.at(2), argv.at(3))?));
        Ok(Parts { middle, shape: Some(circle(argv.at(4), argv.at(5))?), ..Parts::default() })
    })
}

/// `GEORADIUSBYMEMBER key member radius unit [...]` -- O(N+log(M)). The members that are near to one, or how many were stored.
fn georadiusbymember(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    around_member(ctx, argv, Spelling::Radius)
}

/// `GEORADIUSBYMEMBER_RO key member radius unit [...]` -- O(N+log(M)). The members that are near to one.
fn georadiusbymember_ro(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    around_member(ctx, argv, Spelling::RadiusReadOnly)
}

fn around_member(ctx: &mut CommandContext<'_>, argv: Argv<'_>, spelling: Spelling) -> CommandResult {
    search(ctx, argv, 1, 5, spelling, |zset| {
        let middle = Some(Middle::of(argv.at(2), zset)?);
        // Without a key Redis does not look at the radius.
        let shape = if zset.is_some() { circle(argv.at(3), argv.at(4))? } else { (Shape::Circle(0.0), 1.0) };
        Ok(Parts { middle, shape: Some(shape), ..Parts::default() })
    })
}
