//! Places on the earth as numbers: geohashes of 52 bits, which are scores of sorted sets.
//!
//! A geohash (Gustavo Niemeyer, 2008) halves the ranges of longitude and latitude in turn, and each half is a bit. Here both have 26 of them,
//! in the order of Morton (1966), latitude lowest; and latitude ends where the square of the Web Mercator projection (EPSG:3857) does, so that a
//! cell is nearly square. Distances are great circles by the haversine formula (Sinnott, 1984) on a sphere, exact to about half a percent.
//!
//! The constants, and the steps in which cells are chosen, are Redis's: scores, distances and the order of results are the same.

use std::f64::consts::PI;

/// Bits of each coordinate.
pub(super) const STEPS: u32 = 26;
/// Degrees of latitude to either side.
pub(super) const LATITUDE_MAX: f64 = 85.051_128_78;
/// Degrees of longitude to either side.
pub(super) const LONGITUDE_MAX: f64 = 180.0;
/// In meters, the mean of several.
const EARTH_RADIUS: f64 = 6_372_797.560_856;
/// Half of the earth's girth in the projection, in meters.
const MERCATOR_MAX: f64 = 20_037_726.37;
/// The alphabet of the text form.
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Characters of the text form.
const TEXT_LEN: usize = 11;

/// Where something is, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

fn radians(degrees: f64) -> f64 {
    degrees * (PI / 180.0)
}

fn degrees(radians: f64) -> f64 {
    radians / (PI / 180.0)
}

/// Where a coordinate stands among `2^steps` steps from `-max` to `max`.
fn step_of(coordinate: f64, max: f64, steps: u32) -> u32 {
    let offset = (coordinate + max) / (max + max);
    (offset * f64::from(1u32 << steps)) as u32
}

/// Bits with a gap behind each.
fn spread(bits: u32) -> u64 {
    let mut spread = u64::from(bits);
    for (shift, mask) in [
        (16, 0x0000_FFFF_0000_FFFF),
        (8, 0x00FF_00FF_00FF_00FF),
        (4, 0x0F0F_0F0F_0F0F_0F0F),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        spread = (spread | spread << shift) & mask;
    }
    spread
}

/// Every second bit, the lowest first.
fn gather(bits: u64) -> u32 {
    let mut gathered = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0F0F_0F0F_0F0F_0F0F),
        (4, 0x00FF_00FF_00FF_00FF),
        (8, 0x0000_FFFF_0000_FFFF),
        (16, 0x0000_0000_FFFF_FFFF),
    ] {
        gathered = (gathered | gathered >> shift) & mask;
    }
    gathered as u32
}

/// The geohash that a score is. What is none, since anything can be a score, becomes what it becomes for redis-server on x86-64: negative
/// ones wrap around, and those beyond 64 bits have none.
fn bits_of(score: f64) -> u64 {
    if score < 0.0 {
        (score as i64).cast_unsigned()
    } else if score < 2f64.powi(64) {
        score as u64
    } else {
        0
    }
}

impl Point {
    /// Whether a geohash can have it.
    pub(super) fn is_on_map(self) -> bool {
        (-LONGITUDE_MAX..=LONGITUDE_MAX).contains(&self.longitude)
            && (-LATITUDE_MAX..=LATITUDE_MAX).contains(&self.latitude)
    }

    /// The score that stands for it.
    pub(super) fn score(self) -> f64 {
        Cell::of(self, STEPS).bits() as f64
    }

    /// The place that a score stands for: the middle of its cell.
    pub(super) fn of_score(score: f64) -> Self {
        let bits = bits_of(score);
        let cell = Cell { x: gather(bits >> 1), y: gather(bits), steps: STEPS };
        let (longitude, latitude) = (cell.longitudes(), cell.latitudes());
        Point {
            longitude: ((longitude.0 + longitude.1) / 2.0).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: ((latitude.0 + latitude.1) / 2.0).clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }

    /// The geohash that others understand: of all latitudes, as text.
    pub(super) fn text(self) -> [u8; TEXT_LEN] {
        let x = step_of(self.longitude, LONGITUDE_MAX, STEPS);
        let y = step_of(self.latitude, 90.0, STEPS);
        let bits = spread(x) << 1 | spread(y);
        // There are bits for ten characters and two more, which say too little for another.
        let character = |at: usize| match at {
            10 => ALPHABET[0],
            at => ALPHABET[(bits >> (52 - 5 * (at + 1)) & 31) as usize],
        };
        std::array::from_fn(character)
    }

    /// Meters to another place.
    pub(super) fn distance(self, other: Point) -> f64 {
        let v = ((radians(other.longitude) - radians(self.longitude)) / 2.0).sin();
        // Along a meridian there is no need of more.
        if v == 0.0 {
            return latitude_distance(self.latitude, other.latitude);
        }
        let (from, to) = (radians(self.latitude), radians(other.latitude));
        let u = ((to - from) / 2.0).sin();
        let a = u * u + from.cos() * to.cos() * v * v;
        2.0 * EARTH_RADIUS * a.sqrt().asin()
    }
}

/// Meters from one latitude to another.
fn latitude_distance(a: f64, b: f64) -> f64 {
    EARTH_RADIUS * (radians(b) - radians(a)).abs()
}

/// A cell of the grid that has `2^steps` cells in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    x: u32,
    y: u32,
    steps: u32,
}

impl Cell {
    fn of(point: Point, steps: u32) -> Self {
        Cell {
            x: step_of(point.longitude, LONGITUDE_MAX, steps),
            y: step_of(point.latitude, LATITUDE_MAX, steps),
            steps,
        }
    }

    fn bits(self) -> u64 {
        spread(self.x) << 1 | spread(self.y)
    }

    fn ends(step: u32, steps: u32, max: f64) -> (f64, f64) {
        let end = |step: f64| -max + step / f64::from(1u32 << steps) * (max + max);
        (end(f64::from(step)), end(f64::from(step) + 1.0))
    }

    fn longitudes(self) -> (f64, f64) {
        Self::ends(self.x, self.steps, LONGITUDE_MAX)
    }

    fn latitudes(self) -> (f64, f64) {
        Self::ends(self.y, self.steps, LATITUDE_MAX)
    }

    /// The cell beside it; the map has no end. In a direction that is not taken, a cell beyond the end stays there: that of the
    /// very end of the map is one.
    fn beside(self, right: i32, up: i32) -> Self {
        let last = (1u32 << self.steps) - 1;
        let step = |step: u32, by: i32| if by == 0 { step } else { step.wrapping_add_signed(by) & last };
        Cell { x: step(self.x, right), y: step(self.y, up), ..self }
    }

    /// The first score in the cell and the first behind it.
    pub(super) fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEPS - self.steps);
        ((self.bits() << shift) as f64, ((self.bits() + 1) << shift) as f64)
    }
}

/// What is searched: everything within a distance, or within a box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// Up to so many meters.
    Circle(f64),
    /// So many meters wide and high.
    Box(f64, f64),
}

impl Shape {
    /// How far a place is from the middle, in meters, if it is within.
    pub(super) fn distance(self, middle: Point, point: Point) -> Option<f64> {
        match self {
            Shape::Circle(radius) => Some(middle.distance(point)).filter(|distance| *distance <= radius),
            Shape::Box(width, height) => {
                // What costs less is asked first.
                if latitude_distance(point.latitude, middle.latitude) > height / 2.0 {
                    return None;
                }
                let beside = Point { latitude: point.latitude, ..middle };
                let is_in = point.distance(beside) <= width / 2.0;
                is_in.then(|| middle.distance(point))
            }
        }
    }

    /// Half the width, half the height, and the distance to the farthest point.
    fn extents(self) -> (f64, f64, f64) {
        match self {
            Shape::Circle(radius) => (radius, radius, radius),
            Shape::Box(width, height) => {
                let (half_width, half_height) = (width / 2.0, height / 2.0);
                (half_width, half_height, (half_width * half_width + half_height * half_height).sqrt())
            }
        }
    }

    /// The cells that have all of the shape, in the order in which they are searched. The same cell can be there twice, but not
    /// in a row.
    pub(super) fn cells(self, middle: Point) -> Vec<Cell> {
        let (width, height, radius) = self.extents();
        let up = degrees(height / EARTH_RADIUS);
        // A degree of longitude is shortest where it is farthest from the equator.
        let widest = if middle.latitude < 0.0 { middle.latitude - up } else { middle.latitude + up };
        let aside = degrees(width / EARTH_RADIUS / radians(widest).cos());
        let longitudes = (middle.longitude - aside, middle.longitude + aside);
        let latitudes = (middle.latitude - up, middle.latitude + up);

        let mut steps = estimated_steps(radius, middle.latitude);
        let mut cell = Cell::of(middle, steps);
        let is_too_small = cell.beside(0, 1).latitudes().1 < latitudes.1
            || cell.beside(0, -1).latitudes().0 > latitudes.0
            || cell.beside(1, 0).longitudes().1 < longitudes.1
            || cell.beside(-1, 0).longitudes().0 > longitudes.0;
        if steps > 1 && is_too_small {
            steps -= 1;
            cell = Cell::of(middle, steps);
        }
        // What the cell in the middle reaches beyond, its neighbours need not be searched for.
        let beyond = |right: i32, up: i32| {
            let (west, east) = cell.longitudes();
            let (south, north) = cell.latitudes();
            steps >= 2
                && ((up < 0 && south < latitudes.0)
                    || (up > 0 && north > latitudes.1)
                    || (right < 0 && west < longitudes.0)
                    || (right > 0 && east > longitudes.1))
        };
        let order = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let needed = order.into_iter().filter(|&(right, up)| !beyond(right, up));
        let mut cells: Vec<Cell> = needed.map(|(right, up)| cell.beside(right, up)).collect();
        // Large shapes have so few cells that some are neighbours on both sides.
        cells.dedup();
        cells
    }
}

/// How fine a grid may be for nine of its cells to have all within a distance.
fn estimated_steps(radius: f64, latitude: f64) -> u32 {
    if radius == 0.0 {
        return STEPS;
    }
    let (mut radius, mut steps) = (radius, 1i32);
    while radius < MERCATOR_MAX {
        radius *= 2.0;
        steps += 1;
    }
    steps -= 2;
    // Towards the poles cells are narrower than they look.
    steps -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    steps.clamp(1, STEPS as i32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PALERMO: Point = Point { longitude: 13.361389, latitude: 38.115556 };
    const CATANIA: Point = Point { longitude: 15.087269, latitude: 37.502669 };

    #[test]
    fn known_places_have_known_numbers() {
        assert_eq!(PALERMO.score(), 3479099956230698.0);
        assert_eq!(CATANIA.score(), 3479447370796909.0);
        let (palermo, catania) = (Point::of_score(3479099956230698.0), Point::of_score(3479447370796909.0));
        assert_eq!(&palermo.text(), b"sqc8b49rny0");
        assert_eq!(&catania.text(), b"sqdtr74hyu0");
        assert_eq!(format!("{:.4}", palermo.distance(catania)), "166274.1516");
        assert!(!Point { longitude: 180.1, latitude: 0.0 }.is_on_map());
        assert!(!Point { longitude: 0.0, latitude: 85.1 }.is_on_map());
        assert!(!Point { longitude: f64::NAN, latitude: 0.0 }.is_on_map());
    }

    proptest! {
        #[test]
        fn a_score_leads_back_to_its_place(longitude in -180.0f64..180.0, latitude in -85.05f64..85.05) {
            let point = Point { longitude, latitude };
            let back = Point::of_score(point.score());
            prop_assert!(point.distance(back) < 1.0);
            prop_assert_eq!(back.score(), point.score());
        }

        #[test]
        fn cells_have_what_is_near(
            longitude in -179.0f64..179.0, latitude in -60.0f64..60.0,
            east in -0.4f64..0.4, north in -0.4f64..0.4, is_box: bool,
        ) {
            let middle = Point { longitude, latitude };
            let point = Point { longitude: longitude + east, latitude: latitude + north };
            let shape = if is_box { Shape::Box(90_000.0, 50_000.0) } else { Shape::Circle(40_000.0) };
            if shape.distance(middle, point).is_some() {
                let score = point.score();
                let found = shape.cells(middle).iter().any(|cell| (cell.scores().0..cell.scores().1).contains(&score));
                prop_assert!(found);
            }
        }

        #[test]
        fn bits_spread_and_come_together(bits: u32) {
            prop_assert_eq!(gather(spread(bits)), bits);
            prop_assert_eq!(gather(spread(bits) << 1), 0);
        }
    }
}
