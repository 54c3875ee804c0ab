//! The requests that the model of the sample modules is asked: few keys and few values, so that comparisons succeed
//! about as often as they fail.

use crate::model::LIMITS;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Requests as templates: `$x` is a random argument, `$x*` none or one, `$xyz+` one to three groups of x, y and z.
const TEMPLATES: &[&str] = &[
    "GET $k",
    "SET $k $v",
    "SET $k $v",
    "SET $k $i",
    "DEL $k",
    "HSET $h $f $v",
    "HSET $h $f $v",
    "HELLO.GREET $w",
    "HELLO.COUNT $k $i*",
    "hello.count $k",
    "BENCH.NOP",
    "BENCH.NOP $w*",
    "BENCH.INCR $k",
    "BENCH.ECHO $v $v $v",
    "BENCH.ECHO",
    "BENCH.NEST $s",
    "CAS.SET $k $v $v",
    "CAS.SET $k $v $v $o",
    "cas.set $k $v $v $o $o",
    "CAS.MSET $k $v $v $k $v $v",
    "CAS.MSET $k $v $v $w*",
    "CAS.SWAP $k $v $v",
    "CAS.DEL $k $v",
    "CAS.PEXPIRE $k $v 100000000",
    "CAS.PEXPIRE $k $v $n",
    "CAS.PEXPIRE $k $v 9223372036854775807",
    "CAS.INCRBY $k $i",
    "CAS.INCRBY $k $i MIN $i",
    "CAS.INCRBY $k $i max $i MIN $i",
    "CAS.INCRBY $k $i $w*",
    "HCAS.SET $h $f $v $v",
    "HCAS.MSET $h $f $v $v $f $v $v",
    "HCAS.MSET $h $f $v $v $w*",
    "HCAS.DEL $h $f $v",
    "HCAS.INCRBY $h $f $i",
    "HCAS.INCRBY $h $f $i MIN $i MAX $i",
    "CL.THROTTLE $t 15 30 60",
    "CL.THROTTLE $t 15 30 60 $s",
    "CL.THROTTLE $t 3 1 1",
    "CL.THROTTLE $t 3 1 1 $s",
    "CL.THROTTLE $t 0 1000 1",
    "CL.THROTTLE $t 6 3 10 $s",
    "CL.THROTTLE $t $s $s $s $s",
    "CL.THROTTLE $t $i $i $i $i*",
    "CL.THROTTLE $t 15 30",
    "CL.THROTTLE text 15 30 60",
    "CL.THROTTLE hash 15 30 60",
];

/// Random requests to the sample modules, from a seed.
#[derive(Debug)]
pub(crate) struct Requests {
    rng: StdRng,
}

impl Requests {
    pub(crate) fn new(seed: u64) -> Requests {
        Requests { rng: StdRng::seed_from_u64(seed) }
    }

    /// How many come in the next batch, and whether it is a transaction.
    pub(crate) fn batch(&mut self) -> (usize, bool) {
        (self.rng.random_range(1..20), self.rng.random_range(0..6) == 0)
    }

    /// The next request.
    pub(crate) fn request(&mut self) -> Vec<Vec<u8>> {
        let template = TEMPLATES[self.rng.random_range(0..TEMPLATES.len())];
        let mut args = Vec::new();
        for word in template.split(' ') {
            let Some(kind) = word.strip_prefix('$') else {
                args.push(word.as_bytes().to_vec());
                continue;
            };
            match kind.strip_suffix('*') {
                Some(kind) if self.rng.random_range(0..2) == 0 => args.push(self.argument(kind)),
                Some(_) => {}
                None if kind == "o" => args.extend(self.option()),
                None => args.push(self.argument(kind)),
            }
        }
        args
    }

    fn argument(&mut self, kind: &str) -> Vec<u8> {
        let small = self.rng.random_range(0..8);
        match kind {
            // Mostly the right type, and sometimes not.
            "k" if small == 0 => format!("h:{}", self.rng.random_range(0..4)).into_bytes(),
            "h" if small == 0 => format!("k:{}", self.rng.random_range(0..6)).into_bytes(),
            "k" => format!("k:{}", self.rng.random_range(0..6)).into_bytes(),
            "h" => format!("h:{}", self.rng.random_range(0..4)).into_bytes(),
            "t" => format!("t:{}", self.rng.random_range(0..LIMITS)).into_bytes(),
            "f" => format!("f{}", self.rng.random_range(0..4)).into_bytes(),
            // Few different values, so that comparisons succeed.
            "v" => [&b"a"[..], b"b", b"1", b"2", b"", b"\x00\xff\r\n", b"01", b"text"][small].to_vec(),
            "w" => ["you", "", "two words", "\u{e9}\u{4e16}", "MIN", "KEEPTTL", "9", "x"][small]
                .as_bytes()
                .to_vec(),
            "n" => self.rng.random_range(-3..=0).to_string().into_bytes(),
            "s" => self.rng.random_range(0..12).to_string().into_bytes(),
            "i" => match small {
                0 => i64::MAX.to_string().into_bytes(),
                1 => i64::MIN.to_string().into_bytes(),
                2 => [&b"x"[..], b"1.5", b"", b"+1", b"01"][self.rng.random_range(0..5)].to_vec(),
                _ => self.rng.random_range(-5..10).to_string().into_bytes(),
            },
            other => panic!("no argument is called {other:?}"),
        }
    }

    fn option(&mut self) -> Vec<Vec<u8>> {
        let text = match self.rng.random_range(0..8) {
            0 => "EX 100000",
            1 => "px 100000000",
            2 => "EXAT 4000000000",
            3 => "PXAT 4000000000000",
            4 => "KEEPTTL",
            5 => "EX 0",
            6 => "PX x",
            _ => "NX",
        };
        text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }
}
