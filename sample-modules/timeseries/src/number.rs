//! Short decimal numbers, such as sensors send: read and written without the machinery that numbers of 17 digits need. What is not
//! short is left to the standard library, and the two agree on every number.
//!
//! A number of at most 15 digits with at most 22 of them after the point is the quotient of two integers that doubles hold
//! exactly, and so one division rounds it once, to the right double.

/// The powers of ten that doubles hold exactly, as far as they are needed here.
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// A number below this has at most 15 digits.
const SHORT: f64 = 1e15;

/// How many digits after the point are tried before a number counts as long.
const DECIMALS: usize = 6;

/// A short number; none if it is long, or no number at all.
pub fn parse(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    // 15 digits and a point.
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let (mut number, mut point) = (0u64, None);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(at),
            _ => return None,
        }
    }
    let decimals = point.map_or(0, |point| digits.len() - point - 1);
    // A point alone, in front or at the end is for others to judge.
    if point.is_some_and(|point| point == 0 || decimals == 0) || number >= SHORT as u64 {
        return None;
    }
    let value = number as f64 / POWERS[decimals];
    Some(if negative { -value } else { value })
}

/// Write the shortest text that reads back as the same number.
pub fn write(value: f64, text: &mut Vec<u8>) {
    let size = value.abs();
    let negative = value.is_sign_negative();
    if size < SHORT
        && let Some((number, decimals)) = short(size)
    {
        if negative {
            text.push(b'-');
        }
        write_decimal(number, decimals, text);
        return;
    }
    let start = text.len();
    // Rust writes NaN and inf as clients expect them, and `.0` behind whole numbers, which they do not.
    text.extend_from_slice(format!("{value:?}").as_bytes());
    if text[start..].ends_with(b".0") {
        text.truncate(text.len() - 2);
    }
}

/// The digits of a short number, and how many of them stand after the point.
fn short(size: f64) -> Option<(u64, usize)> {
    (0..=DECIMALS).find_map(|decimals| {
        let scaled = size * POWERS[decimals];
        let number = scaled.round();
        // A product may be off by a little; what counts is that the quotient is the number.
        (scaled < SHORT && number / POWERS[decimals] == size).then_some((number as u64, decimals))
    })
}

fn write_decimal(mut number: u64, decimals: usize, text: &mut Vec<u8>) {
    // 15 digits, a point, and a zero in front of it.
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut left = decimals;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).expect("a digit");
        number /= 10;
        if left > 0 {
            left -= 1;
            if left == 0 {
                at -= 1;
                digits[at] = b'.';
                // There is a digit in front of the point, if only a zero.
                continue;
            }
        } else if number == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn written(value: f64) -> String {
        let mut text = Vec::new();
        write(value, &mut text);
        String::from_utf8(text).unwrap()
    }

    /// A number of any length up to so many digits.
    fn up_to_digits(random: &mut Random, digits: u64) -> u64 {
        let digits = u32::try_from(1 + random.below(digits)).unwrap();
        random.below(10u64.pow(digits))
    }

    fn library(value: f64) -> String {
        let text = format!("{value:?}");
        text.strip_suffix(".0").unwrap_or(&text).to_owned()
    }

    #[test]
    fn numbers_are_written_as_the_library_writes_them() {
        let mut random = Random::new(12);
        let mut values =
            vec![0.0, -0.0, 1.0, 0.1, 0.5, 1e15, 1e15 - 1.0, 123_456_789_012_345.0, 1e-6, 1e-7, 1e16, 1e300];
        values.extend([
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            0.000_001_5,
        ]);
        for _ in 0..100_000 {
            values.push(f64::from_bits(random.bits()));
            let digits = up_to_digits(&mut random, 15);
            values.push(digits as f64 / POWERS[usize::try_from(random.below(10)).unwrap()]);
        }
        for value in values {
            for value in [value, -value] {
                // The library changes to exponents at 0.0001; both are read as the same number.
                let (ours, theirs) = (written(value), library(value));
                let same_number = ours.parse::<f64>().unwrap().to_bits() == value.to_bits();
                assert!(
                    ours == theirs || theirs.contains('e') && same_number || value.is_nan(),
                    "{ours} {theirs}"
                );
            }
        }
        assert_eq!(written(f64::NAN), "NaN");
        assert_eq!(written(0.000_025), "0.000025");
    }

    #[test]
    fn numbers_are_read_as_the_library_reads_them() {
        let mut random = Random::new(13);
        let mut some = 0;
        for _ in 0..200_000 {
            let (whole, part) = (up_to_digits(&mut random, 15), up_to_digits(&mut random, 9));
            let sign = random.pick(&["", "-"]);
            for text in
                [format!("{sign}{whole}.{part}"), format!("{sign}{whole}"), format!("{sign}0.000{part}")]
            {
                if let Some(value) = parse(text.as_bytes()) {
                    some += 1;
                    assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
                }
            }
        }
        assert!(some > 100_000);
        for bad in
            ["", "-", ".", ".5", "5.", "1e5", "+1", "1.2.3", "--1", "1-", "nan", "1 ", "10000000000000000"]
        {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
