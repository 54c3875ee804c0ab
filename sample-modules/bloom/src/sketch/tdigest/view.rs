//! A digest's nodes in order, and what they say about quantiles and ranks.
//!
//! Observations are numbered from 0 in ascending order; number i takes up the stretch from i to i + 1. A node of one observation has
//! that value all over its stretch, so what was never merged is exact. A heavier one has its mean in the middle, and from there to
//! the next node the values are taken to rise evenly.

use super::Node;

/// The nodes in order.
#[derive(Debug, Clone)]
pub struct View {
    places: Vec<Place>,
    total: f64,
    min: f64,
    max: f64,
}

/// A node and where it lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    mean: f64,
    weight: f64,
    /// How many observations are in the nodes before it.
    before: f64,
}

impl Place {
    fn middle(&self) -> f64 {
        self.before + self.weight / 2.0
    }

    fn end(&self) -> f64 {
        self.before + self.weight
    }

    /// Up to where the value is the mean.
    fn last(&self) -> f64 {
        if self.weight > 1.0 { self.middle() } else { self.end() }
    }

    /// From where the value is the mean.
    fn first(&self) -> f64 {
        if self.weight > 1.0 { self.middle() } else { self.before }
    }
}

impl View {
    /// The nodes are in order, and there is at least one.
    pub(super) fn new(nodes: &[Node], min: f64, max: f64) -> Self {
        let mut total = 0.0;
        let place = |node: &Node| {
            let place = Place { mean: node.mean, weight: node.weight as f64, before: total };
            total = place.end();
            place
        };
        Self { places: nodes.iter().map(place).collect(), total, min, max }
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.places.len() * size_of::<Place>()
    }

    /// The value below which that part of all observations lies, from 0 to 1.
    #[must_use]
    pub fn quantile(&self, part: f64) -> f64 {
        self.at(part * self.total)
    }

    /// The value of the observation of that number, if there are so many.
    #[must_use]
    pub fn by_rank(&self, rank: u64) -> Option<f64> {
        let rank = rank as f64;
        (rank < self.total).then(|| self.at(rank))
    }

    /// The same, counted from the greatest.
    #[must_use]
    pub fn by_reverse_rank(&self, rank: u64) -> Option<f64> {
        let rank = self.total - 1.0 - rank as f64;
        (rank >= 0.0).then(|| self.at(rank))
    }

    /// How large a part of all observations is less, those that are equal counted half.
    #[must_use]
    pub fn cdf(&self, value: f64) -> f64 {
        self.less(value) / self.total
    }

    /// How many observations are less, those that are equal counted half, rounded down from one half; -1 if the value is less than
    /// all of them.
    #[must_use]
    pub fn rank(&self, value: f64) -> i64 {
        if value < self.min { -1 } else { (self.less(value) - 0.5).ceil() as i64 }
    }

    /// How many observations are greater, likewise; -1 if the value is greater than all of them.
    #[must_use]
    pub fn reverse_rank(&self, value: f64) -> i64 {
        if value > self.max { -1 } else { (self.total - self.less(value) - 0.5).ceil() as i64 }
    }

    /// The mean of the observations from one part of them to another, both from 0 to 1.
    #[must_use]
    pub fn trimmed_mean(&self, low: f64, high: f64) -> f64 {
        let (low, high) = ((low * self.total).floor(), (high * self.total).ceil());
        let parts = || {
            self.places.iter().filter_map(move |place| {
                let weight = place.end().min(high) - place.before.max(low);
                (weight > 0.0).then_some((place.mean, weight))
            })
        };
        let weight: f64 = parts().map(|(_, weight)| weight).sum();
        let sum: f64 = parts().map(|(mean, weight)| mean * weight).sum();
        // The sum of huge numbers may not fit where their mean does.
        if sum.is_finite() { sum / weight } else { parts().map(|(mean, part)| mean * (part / weight)).sum() }
    }

    /// The value before a place and up to where it holds, and the value of that place and from where on. Beyond the ends are the
    /// extremes.
    fn around(&self, next: usize) -> ((f64, f64), (f64, f64)) {
        let left = match next.checked_sub(1).map(|at| self.places[at]) {
            Some(place) => (place.mean, place.last()),
            None => (self.min, 0.0),
        };
        let right = match self.places.get(next) {
            Some(place) => (place.mean, place.first()),
            None => (self.max, self.total),
        };
        (left, right)
    }

    /// The value at a point of the stretches.
    fn at(&self, point: f64) -> f64 {
        if point < 1.0 {
            return self.min;
        }
        if point >= self.total - 1.0 {
            return self.max;
        }
        let next = self.places.partition_point(|place| place.middle() <= point);
        let ((left, from), (right, to)) = self.around(next);
        if point < from {
            left
        } else if point >= to {
            right
        } else {
            between(left, right, (point - from) / (to - from))
        }
    }

    /// How many observations are less than a value, those that are equal counted half.
    fn less(&self, value: f64) -> f64 {
        if value < self.min {
            return 0.0;
        }
        if value > self.max {
            return self.total;
        }
        let equal = self.places.partition_point(|place| place.mean < value);
        let next = self.places.partition_point(|place| place.mean <= value);
        if equal < next {
            // Exact, as long as none of them was merged from different values.
            return (self.places[equal].before + self.places[next - 1].end()) / 2.0;
        }
        let ((left, from), (right, to)) = self.around(next);
        // Divided first, because the difference of huge numbers may not fit.
        let part = (value / 2.0 - left / 2.0) / (right / 2.0 - left / 2.0);
        if part.is_nan() { from } else { between(from, to, part) }
    }
}

/// A number that far from one to another, both included.
fn between(from: f64, to: f64, part: f64) -> f64 {
    (from * (1.0 - part) + to * part).clamp(from.min(to), from.max(to))
}
