//! Sets of ranges, and taking away what a table no longer needs.

use crate::netlink::Attributes;

use super::{Batch, CREATE, DATA_VALUE, ELEMENTS_PER_MESSAGE, Field, LIST_ELEM, length_of, type_of};

const SET_CONSTANT: u32 = 0x2;
const SET_INTERVAL: u32 = 0x4;
const INTERVAL_END: u32 = 1; // NFT_SET_ELEM_INTERVAL_END
/// A range is two elements.
const RANGES_PER_MESSAGE: usize = ELEMENTS_PER_MESSAGE / 2;

impl Batch {
    /// Makes a set of ranges that never changes: pairs of the first key of a range and the first key after it (`None`
    /// after the very last), in ascending order, neither overlapping nor touching.
    pub fn add_range_set(&mut self, name: &str, field: Field, ranges: &[(Vec<u8>, Option<Vec<u8>>)]) {
        self.sets += 1;
        let id = self.sets;
        self.push(format!("create set {name}"), libc::NFT_MSG_NEWSET, CREATE, |a, table| {
            a.string(1, table).string(2, name).be32(3, SET_CONSTANT | SET_INTERVAL);
            a.be32(4, type_of(&[field])).be32(5, length_of(&[field])).be32(10, id);
        });
        for part in ranges.chunks(RANGES_PER_MESSAGE) {
            self.push(format!("add ranges to {name}"), libc::NFT_MSG_NEWSETELEM, CREATE, |a, table| {
                a.string(1, table).string(2, name).be32(4, id).nest(3, |a| {
                    for (first, after) in part {
                        bound(a, first, 0);
                        if let Some(after) = after {
                            bound(a, after, INTERVAL_END);
                        }
                    }
                });
            });
        }
    }

    /// Deletes a set or map that no rule uses any more; fails if it is not there.
    pub fn delete_set(&mut self, name: &str) {
        self.push(format!("delete set {name}"), libc::NFT_MSG_DELSET, 0, |a, table| {
            a.string(1, table).string(2, name);
        });
    }

    /// Deletes a chain with its rules, to which nothing leads any more; fails if it is not there.
    pub fn delete_chain(&mut self, name: &str) {
        self.push(format!("delete chain {name}"), libc::NFT_MSG_DELCHAIN, 0, |a, table| {
            a.string(1, table).string(3, name);
        });
    }
}

fn bound(a: &mut Attributes<'_>, key: &[u8], flags: u32) {
    a.nest(LIST_ELEM, |a| {
        a.nest(1, |a| {
            a.bytes(DATA_VALUE, key);
        });
        if flags != 0 {
            a.be32(3, flags);
        }
    });
}
