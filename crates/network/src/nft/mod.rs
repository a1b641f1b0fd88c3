//! Messages of nf_tables: one table's chains, sets, maps and elements, in transactions.
//!
//! A [`Batch`] is carried out as a whole or not at all; no packet sees half of it. What is here is what the
//! rules of this crate need, encoded as the kernel's `nf_tables.h` lays it out (numbers in network order).

pub mod expression;
mod ranges;

use std::borrow::Cow;

use crate::netlink::message::attribute;
use crate::netlink::{Attributes, Error, Request, Socket};
pub use expression::{Expression, Register, Verdict};

const SUBSYSTEM: u16 = 10; // NFNL_SUBSYS_NFTABLES
const BATCH_BEGIN: u16 = 16; // NFNL_MSG_BATCH_BEGIN
const BATCH_END: u16 = 17; // NFNL_MSG_BATCH_END
const FAMILY_INET: u8 = 1; // NFPROTO_INET
const CREATE: u16 = libc::NLM_F_CREATE as u16;
const APPEND: u16 = libc::NLM_F_APPEND as u16;

const DESTROY_TABLE: i32 = 26; // NFT_MSG_DESTROYTABLE
const TABLE_OWNER: u32 = 2; // NFT_TABLE_F_OWNER
const TABLE_PERSIST: u32 = 4; // NFT_TABLE_F_PERSIST

const LIST_ELEM: u16 = 1; // NFTA_LIST_ELEM
const DATA_VALUE: u16 = 1; // NFTA_DATA_VALUE
/// Elements per message: the list is one attribute, whose length has 16 bits.
const ELEMENTS_PER_MESSAGE: usize = 400;

/// Where a base chain sits.
#[derive(Debug, Clone, Copy)]
pub struct Hook {
    /// `filter` or `nat`.
    pub kind: &'static str,
    /// Number of the netfilter hook (`NF_INET_*`).
    pub hook: u32,
    /// Smaller comes first.
    pub priority: i32,
}

/// Number of the hook before routing.
pub const PREROUTING: u32 = 0;
/// Number of the hook for packets to the machine itself.
pub const INPUT: u32 = 1;
/// Number of the hook for packets that are passed on.
pub const FORWARD: u32 = 2;
/// Number of the hook for packets that the machine itself sends.
pub const OUTPUT: u32 = 3;
/// Number of the hook after routing.
pub const POSTROUTING: u32 = 4;

/// Type of one field of a key or value, as `nft` prints it; each takes a multiple of four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// An IPv4 address.
    Ipv4 = 7,
    /// An IPv6 address: sixteen bytes.
    Ipv6 = 8,
    /// A transport protocol's number.
    Protocol = 12,
    /// A port.
    Port = 13,
    /// A 32-bit number in the host's order.
    Mark = 19,
}

/// What a set holds beside its keys.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// Nothing: a set.
    None,
    /// A verdict: a verdict map.
    Verdict,
    /// Fields: a map.
    Fields(&'a [Field]),
}

/// A set or map.
#[derive(Debug, Clone, Copy)]
pub struct Set<'a> {
    /// Name in the table.
    pub name: &'a str,
    /// Fields of the key.
    pub key: &'a [Field],
    /// What the key leads to.
    pub value: Value<'a>,
    /// Whether packets add elements, which then expire; otherwise only transactions change it.
    pub dynamic: bool,
}

/// Most elements that packets may add to a dynamic set.
const DYNAMIC_SIZE: u32 = 65_536;
const SET_MAP: u32 = 0x8;
const SET_TIMEOUT: u32 = 0x10;
const SET_EVAL: u32 = 0x20;
const TYPE_VERDICT: u32 = 0xffff_ff00;

/// An element of a set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// The key's fields, each padded to four bytes.
    pub key: Vec<u8>,
    /// What it leads to; ignored when deleting.
    pub data: Data,
    /// Of an expiring element: full life and what is left of it, in milliseconds.
    pub expires: Option<(u64, u64)>,
}

/// An element's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// None: the element of a set, or one to delete.
    None,
    /// Fields of a map's value.
    Fields(Vec<u8>),
    /// The verdict to go to this chain.
    Goto(String),
    /// The verdict to go to this chain and come back.
    Jump(String),
}

/// One transaction on one table.
#[derive(Debug)]
pub struct Batch {
    table: String,
    request: Request,
    sets: u32,
}

impl Batch {
    /// An empty transaction on the `inet` table of this name.
    pub fn new(table: &str) -> Self {
        let mut request = Request::new();
        request.push("start an nf_tables transaction", BATCH_BEGIN, 0, &header(0, SUBSYSTEM), |_| {});
        Self { table: table.to_owned(), request, sets: 0 }
    }

    fn push(
        &mut self,
        subject: impl Into<Cow<'static, str>>,
        message: i32,
        flags: u16,
        body: impl FnOnce(&mut Attributes<'_>, &str),
    ) {
        let kind = (SUBSYSTEM << 8) | message as u16;
        let table = &self.table;
        self.request.push(subject, kind, flags, &header(FAMILY_INET, 0), |a| body(a, table));
    }

    /// Makes the table, or leaves it as it is.
    pub fn add_table(&mut self) {
        self.add_table_with(0);
    }

    /// Makes the table as the property of the committing socket: nobody else can change or delete it, not
    /// even by flushing all rules, until the socket is closed. It stays then, and anybody may delete it.
    /// Linux 6.9 or later.
    pub fn add_owned_table(&mut self) {
        self.add_table_with(TABLE_OWNER | TABLE_PERSIST);
    }

    fn add_table_with(&mut self, flags: u32) {
        let subject = format!("create table inet {}", self.table);
        self.push(subject, libc::NFT_MSG_NEWTABLE, CREATE, |a, table| {
            a.string(1, table).be32(2, flags);
        });
    }

    /// Deletes the table if it is there. Linux 6.3 or later.
    pub fn destroy_table(&mut self) {
        let subject = format!("delete table inet {}", self.table);
        self.push(subject, DESTROY_TABLE, 0, |a, table| {
            a.string(1, table);
        });
    }

    /// Deletes the table with all that is in it; fails if there is none.
    pub fn delete_table(&mut self) {
        let subject = format!("delete table inet {}", self.table);
        self.push(subject, libc::NFT_MSG_DELTABLE, 0, |a, table| {
            a.string(1, table);
        });
    }

    /// Makes a chain; with a hook it is a base chain whose policy is to accept.
    pub fn add_chain(&mut self, name: &str, hook: Option<Hook>) {
        self.push(format!("create chain {name}"), libc::NFT_MSG_NEWCHAIN, CREATE, |a, table| {
            a.string(1, table).string(3, name);
            if let Some(hook) = hook {
                a.nest(4, |a| {
                    a.be32(1, hook.hook).be32(2, hook.priority as u32);
                });
                a.be32(5, 1).string(7, hook.kind); // policy accept, type
            }
        });
    }

    /// Appends a rule to a chain.
    pub fn add_rule(&mut self, chain: &str, expressions: &[Expression<'_>]) {
        let subject = format!("add a rule to chain {chain}");
        self.push(subject, libc::NFT_MSG_NEWRULE, CREATE | APPEND, |a, table| {
            a.string(1, table).string(2, chain).nest(4, |a| {
                for expression in expressions {
                    a.nest(LIST_ELEM, |a| expression.write(a));
                }
            });
        });
    }

    /// Makes a set or map.
    pub fn add_set(&mut self, set: &Set<'_>) {
        self.sets += 1;
        let id = self.sets;
        let mut flags = 0;
        if set.dynamic {
            flags |= SET_TIMEOUT | SET_EVAL;
        }
        if !matches!(set.value, Value::None) {
            flags |= SET_MAP;
        }
        self.push(format!("create set {}", set.name), libc::NFT_MSG_NEWSET, CREATE, |a, table| {
            a.string(1, table).string(2, set.name).be32(3, flags);
            a.be32(4, type_of(set.key)).be32(5, length_of(set.key));
            match set.value {
                Value::None => {}
                Value::Verdict => {
                    a.be32(6, TYPE_VERDICT).be32(7, 0);
                }
                Value::Fields(fields) => {
                    a.be32(6, type_of(fields)).be32(7, length_of(fields));
                }
            }
            if set.dynamic {
                a.nest(9, |a| {
                    a.be32(1, DYNAMIC_SIZE);
                });
            }
            a.be32(10, id);
        });
    }

    /// Adds elements to a set or map.
    pub fn add_elements(&mut self, set: &str, elements: &[Element]) {
        self.elements("add elements to", libc::NFT_MSG_NEWSETELEM, CREATE, set, elements);
    }

    /// Deletes elements by their keys; fails if one is not there.
    pub fn delete_elements(&mut self, set: &str, elements: &[Element]) {
        self.elements("delete elements of", libc::NFT_MSG_DELSETELEM, 0, set, elements);
    }

    fn elements(&mut self, verb: &str, message: i32, flags: u16, set: &str, elements: &[Element]) {
        for part in elements.chunks(ELEMENTS_PER_MESSAGE) {
            self.push(format!("{verb} {set}"), message, flags, |a, table| {
                a.string(1, table).string(2, set).nest(3, |a| {
                    for element in part {
                        a.nest(LIST_ELEM, |a| write_element(a, element));
                    }
                });
            });
        }
    }

    /// Whether nothing was added to the transaction.
    pub fn is_empty(&self) -> bool {
        self.request.len() == 1
    }

    /// Carries the transaction out.
    pub fn commit(mut self, socket: &mut Socket) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        self.request.flag_last(libc::NLM_F_ACK as u16);
        self.request.push("commit rules", BATCH_END, 0, &header(0, SUBSYSTEM), |_| {});
        socket.transaction(self.request)
    }
}

/// The elements of a map with plain values; none if table or map are not there.
pub fn list_elements(socket: &mut Socket, table: &str, set: &str) -> Result<Vec<Element>, Error> {
    let kind = (SUBSYSTEM << 8) | libc::NFT_MSG_GETSETELEM as u16;
    let replies = socket.dump("list elements", kind, &header(FAMILY_INET, 0), |a| {
        a.string(1, table).string(2, set);
    });
    let replies = match replies {
        Err(error) if error.is(libc::ENOENT) => return Ok(Vec::new()),
        replies => replies?,
    };
    let bodies = replies.iter().filter_map(|reply| attribute(reply.body.get(4..)?, 3));
    let elements = bodies.flat_map(crate::netlink::message::attributes);
    Ok(elements.filter_map(|(_, element)| read_element(element)).collect())
}

/// `struct nfgenmsg`: family, version, resource number in network order.
fn header(family: u8, resource: u16) -> [u8; 4] {
    let [high, low] = resource.to_be_bytes();
    [family, 0, high, low]
}

fn type_of(fields: &[Field]) -> u32 {
    fields.iter().fold(0, |number, field| (number << 6) | *field as u32)
}

fn length_of(fields: &[Field]) -> u32 {
    fields.iter().map(|field| if *field == Field::Ipv6 { 16 } else { 4 }).sum()
}

fn write_element(a: &mut Attributes<'_>, element: &Element) {
    a.nest(1, |a| {
        a.bytes(DATA_VALUE, &element.key);
    });
    match &element.data {
        Data::None => {}
        Data::Fields(bytes) => {
            a.nest(2, |a| {
                a.bytes(DATA_VALUE, bytes);
            });
        }
        Data::Goto(chain) => {
            a.nest(2, |a| Verdict::Goto(chain).write(a));
        }
        Data::Jump(chain) => {
            a.nest(2, |a| Verdict::Jump(chain).write(a));
        }
    }
    if let Some((timeout, left)) = element.expires {
        a.be64(4, timeout).be64(5, left);
    }
}

fn read_element(bytes: &[u8]) -> Option<Element> {
    let value = |kind| attribute(attribute(bytes, kind)?, DATA_VALUE).map(<[u8]>::to_vec);
    let milliseconds = |kind| Some(u64::from_be_bytes(attribute(bytes, kind)?.try_into().ok()?));
    Some(Element {
        key: value(1)?,
        data: value(2).map_or(Data::None, Data::Fields),
        expires: milliseconds(4).zip(milliseconds(5)),
    })
}
