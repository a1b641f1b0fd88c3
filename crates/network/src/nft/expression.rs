//! Expressions: the instructions of a rule. A rule's expressions run in order until one does not match.

use crate::Ipv4Net;
use crate::netlink::Attributes;

const EXPR_NAME: u16 = 1; // NFTA_EXPR_NAME
const EXPR_DATA: u16 = 2; // NFTA_EXPR_DATA
const DATA_VALUE: u16 = 1; // NFTA_DATA_VALUE
const DATA_VERDICT: u16 = 2; // NFTA_DATA_VERDICT
const REGISTER_VERDICT: u32 = 0; // NFT_REG_VERDICT
const REGISTER_FIRST: u32 = 8; // NFT_REG32_00
const NFPROTO_IPV4: u32 = 2;
const NFPROTO_IPV6: u32 = 10;
const IPS_DST_NAT: u32 = 1 << 5;
const STATE_ESTABLISHED: u32 = 1 << 1; // NF_CT_STATE_BIT(IP_CT_ESTABLISHED)
const STATE_RELATED: u32 = 1 << 2; // NF_CT_STATE_BIT(IP_CT_RELATED)
const STATE_NEW: u32 = 1 << 3; // NF_CT_STATE_BIT(IP_CT_NEW)
const RANDOM_FULLY: u32 = 1 << 4; // NF_NAT_RANGE_PROTO_RANDOM_FULLY

/// One of the sixteen 32-bit registers; neighbours form longer values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register(pub u8);

impl Register {
    fn number(self) -> u32 {
        REGISTER_FIRST + u32::from(self.0)
    }
}

/// Where a packet goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is gone.
    Drop,
    /// To this chain, and back if that says nothing.
    Jump(&'a str),
    /// To this chain, and not back.
    Goto(&'a str),
    /// Back to the rule after the one that jumped here.
    Return,
}

impl Verdict<'_> {
    pub(super) fn write(&self, a: &mut Attributes<'_>) {
        let (code, chain) = match self {
            Verdict::Drop => (0, None),
            Verdict::Jump(chain) => (-3, Some(chain)),
            Verdict::Goto(chain) => (-4, Some(chain)),
            Verdict::Return => (-5, None),
        };
        a.nest(DATA_VERDICT, |a| {
            a.be32(1, code as u32);
            if let Some(chain) = chain {
                a.string(2, chain);
            }
        });
    }
}

/// What is known of a packet beside its bytes (`NFT_META_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meta {
    /// Name of the device it came in by; 16 bytes.
    InputName = 6,
    /// Name of the device it goes out by; 16 bytes.
    OutputName = 7,
    /// Network protocol; one byte.
    NetworkProtocol = 15,
    /// Transport protocol; one byte.
    TransportProtocol = 16,
}

/// What is known of a connection (`NFT_CT_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ct {
    /// Where in its life the packet stands: a bit of `NF_CT_STATE_*`.
    State = 0,
    /// What happened to it: bits of `IPS_*`.
    Status = 2,
    /// The port that the client asked for.
    DestinationPort = 12,
    /// The IPv4 address that the client asked for.
    Destination = 20,
    /// The IPv6 address that the client asked for.
    Destination6 = 22,
}

/// One instruction.
#[derive(Debug, Clone, Copy)]
pub enum Expression<'a> {
    /// Loads something known of the packet.
    Meta(Meta, Register),
    /// Loads the IPv4 source address.
    Source(Register),
    /// Loads the IPv4 destination address.
    Destination(Register),
    /// Loads the IPv6 source address.
    Source6(Register),
    /// Loads the IPv6 destination address.
    Destination6(Register),
    /// Loads the destination port.
    DestinationPort(Register),
    /// Loads the kind of the destination address (`RTN_*`; 2 = the machine's own).
    DestinationKind(Register),
    /// Loads the kind of the source address.
    SourceKind(Register),
    /// Loads the number of the device that leads to the source address, if it is the one that the packet came
    /// in by; else 0.
    WayBack(Register),
    /// Loads something known of the packet's connection.
    Connection(Ct, Register),
    /// Loads a random number below this one.
    Random(u32, Register),
    /// Loads a constant.
    Load(&'a [u8], Register),
    /// Goes on if the register starts with these bytes.
    Equal(Register, &'a [u8]),
    /// Goes on if the register does not start with these bytes.
    NotEqual(Register, &'a [u8]),
    /// Goes on if the register, as a number in network order, is at least this.
    AtLeast(Register, &'a [u8]),
    /// Goes on if the register, as a number in network order, is at most this.
    AtMost(Register, &'a [u8]),
    /// Keeps the bits of a 32-bit register that are set in the mask.
    Mask(Register, [u8; 4]),
    /// Keeps the bits of four neighbouring registers that are set in the mask.
    Mask6(Register, [u8; 16]),
    /// Goes on if the key is in the set.
    InSet(&'a str, Register),
    /// Loads what the key leads to in the map; goes on if it is there.
    Lookup(&'a str, Register, Register),
    /// Takes the verdict that the key leads to; goes on if there is none.
    Dispatch(&'a str, Register),
    /// Adds or renews an element of a dynamic map: key, value, life in milliseconds.
    Update(&'a str, Register, Register, u64),
    /// Sends the connection to the address and port in two registers.
    Dnat(Register, Register),
    /// Gives the connection the source address in the register.
    Snat(Register),
    /// Sends the connection to the IPv6 address (four registers) and port.
    Dnat6(Register, Register),
    /// Gives the connection the IPv6 source address in the four registers.
    Snat6(Register),
    /// Gives the connection the source address of the device it leaves by.
    Masquerade,
    /// Refuses with a TCP reset; the rule must have made sure of TCP.
    RejectTcp,
    /// Refuses with ICMP "port unreachable".
    RejectPort,
    /// Takes a verdict.
    Then(Verdict<'a>),
}

/// Goes on for IPv4 packets; what looks at addresses must come after it.
pub const IPV4: [Expression<'static>; 2] = [
    Expression::Meta(Meta::NetworkProtocol, Register(0)),
    Expression::Equal(Register(0), &[NFPROTO_IPV4 as u8]),
];

/// Goes on for IPv6 packets.
pub const IPV6: [Expression<'static>; 2] = [
    Expression::Meta(Meta::NetworkProtocol, Register(0)),
    Expression::Equal(Register(0), &[NFPROTO_IPV6 as u8]),
];

/// Goes on if the address in `register` lies in `network` (or, if not `inside`, elsewhere).
/// `bytes` is where the network's address lives meanwhile: [`Ipv4Net::network`]'s octets.
pub fn network<'a>(
    register: Register,
    network: Ipv4Net,
    bytes: &'a [u8; 4],
    inside: bool,
) -> [Expression<'a>; 2] {
    let compare =
        if inside { Expression::Equal(register, bytes) } else { Expression::NotEqual(register, bytes) };
    [Expression::Mask(register, network.mask().octets()), compare]
}

/// Goes on for the first packet of a connection (until it is answered).
pub const NEW: [Expression<'static>; 3] = [
    Expression::Connection(Ct::State, Register(0)),
    Expression::Mask(Register(0), STATE_NEW.to_ne_bytes()),
    Expression::NotEqual(Register(0), &[0; 4]),
];

/// Goes on for packets of a connection that was answered, and for errors about one.
pub const ESTABLISHED: [Expression<'static>; 3] = [
    Expression::Connection(Ct::State, Register(0)),
    Expression::Mask(Register(0), (STATE_ESTABLISHED | STATE_RELATED).to_ne_bytes()),
    Expression::NotEqual(Register(0), &[0; 4]),
];

/// Goes on if the connection's destination was translated.
pub const TRANSLATED: [Expression<'static>; 3] = [
    Expression::Connection(Ct::Status, Register(0)),
    Expression::Mask(Register(0), IPS_DST_NAT.to_ne_bytes()),
    Expression::NotEqual(Register(0), &[0; 4]),
];

impl Expression<'_> {
    pub(super) fn write(&self, a: &mut Attributes<'_>) {
        a.string(EXPR_NAME, self.name()).nest(EXPR_DATA, |a| self.write_data(a));
    }

    fn name(&self) -> &'static str {
        match self {
            Expression::Meta(..) => "meta",
            Expression::Source(..)
            | Expression::Destination(..)
            | Expression::Source6(..)
            | Expression::Destination6(..)
            | Expression::DestinationPort(..) => "payload",
            Expression::DestinationKind(..) | Expression::SourceKind(..) | Expression::WayBack(..) => "fib",
            Expression::Connection(..) => "ct",
            Expression::Random(..) => "numgen",
            Expression::Load(..) | Expression::Then(..) => "immediate",
            Expression::Equal(..)
            | Expression::NotEqual(..)
            | Expression::AtLeast(..)
            | Expression::AtMost(..) => "cmp",
            Expression::Mask(..) | Expression::Mask6(..) => "bitwise",
            Expression::InSet(..) | Expression::Lookup(..) | Expression::Dispatch(..) => "lookup",
            Expression::Update(..) => "dynset",
            Expression::Dnat(..) | Expression::Snat(..) | Expression::Dnat6(..) | Expression::Snat6(..) => {
                "nat"
            }
            Expression::Masquerade => "masq",
            Expression::RejectTcp | Expression::RejectPort => "reject",
        }
    }

    /// Attribute numbers are those of the enum that belongs to the expression's name in `nf_tables.h`.
    fn write_data(&self, a: &mut Attributes<'_>) {
        match *self {
            Expression::Meta(key, to) => {
                a.be32(1, to.number()).be32(2, key as u32);
            }
            Expression::Source(to) => payload(a, to, 1, 12, 4),
            Expression::Destination(to) => payload(a, to, 1, 16, 4),
            Expression::Source6(to) => payload(a, to, 1, 8, 16),
            Expression::Destination6(to) => payload(a, to, 1, 24, 16),
            Expression::DestinationPort(to) => payload(a, to, 2, 2, 2),
            Expression::DestinationKind(to) => {
                a.be32(1, to.number()).be32(2, 3).be32(3, 2); // result: address type; of: destination
            }
            Expression::SourceKind(to) => {
                a.be32(1, to.number()).be32(2, 3).be32(3, 1);
            }
            Expression::WayBack(to) => {
                a.be32(1, to.number()).be32(2, 1).be32(3, 1 | 8); // result: device; of: source, incoming device
            }
            Expression::Connection(key, to) => {
                a.be32(1, to.number()).be32(2, key as u32);
                if matches!(key, Ct::Destination | Ct::Destination6 | Ct::DestinationPort) {
                    a.u8(3, 0); // as the client sent it
                }
            }
            Expression::Random(modulus, to) => {
                a.be32(1, to.number()).be32(2, modulus).be32(3, 1).be32(4, 0);
            }
            Expression::Load(bytes, to) => {
                a.be32(1, to.number()).nest(2, |a| {
                    a.bytes(DATA_VALUE, bytes);
                });
            }
            Expression::Then(verdict) => {
                a.be32(1, REGISTER_VERDICT).nest(2, |a| verdict.write(a));
            }
            Expression::Equal(register, bytes) => compare(a, register, 0, bytes),
            Expression::NotEqual(register, bytes) => compare(a, register, 1, bytes),
            Expression::AtMost(register, bytes) => compare(a, register, 3, bytes),
            Expression::AtLeast(register, bytes) => compare(a, register, 5, bytes),
            Expression::Mask(register, mask) => bitwise(a, register, &mask),
            Expression::Mask6(register, mask) => bitwise(a, register, &mask),
            Expression::InSet(set, key) => {
                a.string(1, set).be32(2, key.number());
            }
            Expression::Lookup(set, key, to) => {
                a.string(1, set).be32(2, key.number()).be32(3, to.number());
            }
            Expression::Dispatch(set, key) => {
                a.string(1, set).be32(2, key.number()).be32(3, REGISTER_VERDICT);
            }
            Expression::Update(set, key, value, life) => {
                a.string(1, set).be32(3, 1).be32(4, key.number()).be32(5, value.number()).be64(6, life);
            }
            Expression::Dnat(address, port) => {
                a.be32(1, 1).be32(2, NFPROTO_IPV4).be32(3, address.number()).be32(5, port.number());
            }
            Expression::Snat(address) => {
                a.be32(1, 0).be32(2, NFPROTO_IPV4).be32(3, address.number());
            }
            Expression::Dnat6(address, port) => {
                a.be32(1, 1).be32(2, NFPROTO_IPV6).be32(3, address.number()).be32(5, port.number());
            }
            Expression::Snat6(address) => {
                a.be32(1, 0).be32(2, NFPROTO_IPV6).be32(3, address.number());
            }
            Expression::Masquerade => {
                a.be32(1, RANDOM_FULLY);
            }
            Expression::RejectTcp => {
                a.be32(1, 1).u8(2, 0);
            }
            Expression::RejectPort => {
                a.be32(1, 2).u8(2, 1); // NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_PORT_UNREACH
            }
        }
    }
}

fn payload(a: &mut Attributes<'_>, to: Register, base: u32, offset: u32, length: u32) {
    a.be32(1, to.number()).be32(2, base).be32(3, offset).be32(4, length);
}

fn bitwise(a: &mut Attributes<'_>, register: Register, mask: &[u8]) {
    a.be32(1, register.number()).be32(2, register.number()).be32(3, mask.len() as u32);
    a.nest(4, |a| {
        a.bytes(DATA_VALUE, mask);
    });
    a.nest(5, |a| {
        a.bytes(DATA_VALUE, &vec![0; mask.len()]);
    });
}

fn compare(a: &mut Attributes<'_>, register: Register, operation: u32, bytes: &[u8]) {
    a.be32(1, register.number()).be32(2, operation).nest(3, |a| {
        a.bytes(DATA_VALUE, bytes);
    });
}
