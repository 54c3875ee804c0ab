//! How samples and labels look to a client. RedisTimeSeries answers differently in the two protocols, and not only where the
//! server could turn one form into the other: under RESP2 values are status lines, and labels lists of pairs; under
//! RESP3 they are doubles and maps.

use sandkey::Writer;
use sandkey::prelude::*;

use crate::number;
use crate::query::Wanted;
use crate::sample::Sample;
use crate::series::{Bytes, Labels};

/// Writes a reply in the client's protocol.
#[derive(Debug)]
pub struct Answer<'w> {
    /// The reply on its way.
    pub to: &'w mut Writer,
    /// Whether the client speaks RESP3.
    pub resp3: bool,
    text: Vec<u8>,
}

impl Answer<'_> {
    /// The reply of a command.
    pub fn build(ctx: &Context, write: impl FnOnce(&mut Answer<'_>)) -> Reply {
        let resp3 = ctx.client().resp == 3;
        Reply::build(|to| write(&mut Answer { to, resp3, text: Vec::new() }))
    }

    /// A value.
    pub fn value(&mut self, value: f64) {
        self.text.clear();
        self.text.push(if self.resp3 { b',' } else { b'+' });
        if self.resp3 && value.is_nan() {
            self.text.extend_from_slice(b"nan");
        } else {
            number::write(value, &mut self.text);
        }
        self.text.extend_from_slice(b"\r\n");
        self.to.raw(&self.text);
    }

    /// A sample: its timestamp and its value.
    pub fn sample(&mut self, sample: Sample) {
        self.to.array(2);
        self.to.integer(sample.timestamp);
        self.value(sample.value);
    }

    /// Samples.
    pub fn samples(&mut self, samples: &[Sample]) {
        self.to.array(samples.len());
        samples.iter().for_each(|sample| self.sample(*sample));
    }

    /// One sample, or an empty list.
    pub fn maybe_sample(&mut self, sample: Option<Sample>) {
        match sample {
            Some(sample) => self.sample(sample),
            None => self.to.array(0),
        }
    }

    /// The beginning of `len` pairs of names and values: a map, or a list of lists of two.
    pub fn pairs(&mut self, len: usize) {
        if self.resp3 { self.to.map(len) } else { self.to.array(len) }
    }

    /// The beginning of one of them.
    pub fn pair(&mut self) {
        if !self.resp3 {
            self.to.array(2);
        }
    }

    /// A label and its value.
    pub fn label(&mut self, label: &[u8], value: Option<&[u8]>) {
        self.pair();
        self.to.bulk(label);
        match value {
            Some(value) => self.to.bulk(value),
            None => self.to.null(),
        }
    }

    /// The labels that are wanted. `value_of` says what a selected one has.
    pub fn labels<'l>(
        &mut self,
        wanted: &Wanted,
        all: &'l Labels,
        value_of: impl Fn(&Bytes) -> Option<&'l [u8]>,
    ) {
        match wanted {
            Wanted::None => self.pairs(0),
            Wanted::All => {
                self.pairs(all.0.len());
                all.0.iter().for_each(|(label, value)| self.label(label, Some(value)));
            }
            Wanted::Selected(labels) => {
                self.pairs(labels.len());
                labels.iter().for_each(|label| self.label(label, value_of(label)));
            }
        }
    }

    /// A field of a flat description: under RESP2 a list of names and values, under RESP3 a map.
    pub fn field(&mut self, name: &str) {
        self.to.simple(name);
    }

    /// The beginning of a flat description of `len` fields.
    pub fn fields(&mut self, len: usize) {
        if self.resp3 { self.to.map(len) } else { self.to.array(len * 2) }
    }
}
