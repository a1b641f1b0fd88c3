//! Address ranges as numbers: networks without exceptions become spans that neither overlap nor touch. Pure.

use std::net::{IpAddr, Ipv6Addr};

use crate::IpNet;

/// First and last address of a span, as numbers of the family's width.
pub(super) type Span = (u128, u128);

/// The addresses of one family in any of `blocks` (a network and what is excepted from it), in ascending order.
pub(super) fn spans<'a>(blocks: impl Iterator<Item = (&'a IpNet, &'a [IpNet])>, ipv4: bool) -> Vec<Span> {
    let blocks = blocks.filter(|(network, _)| network.is_ipv4() == ipv4);
    merge(blocks.flat_map(|(network, except)| without(span(network), except, ipv4)).collect())
}

/// The highest address of a family.
pub(super) fn highest(ipv4: bool) -> u128 {
    if ipv4 { u32::MAX.into() } else { u128::MAX }
}

/// An address's number as bytes of the family's width.
pub(super) fn bytes(number: u128, ipv4: bool) -> Vec<u8> {
    if ipv4 { (number as u32).to_be_bytes().to_vec() } else { Ipv6Addr::from_bits(number).octets().to_vec() }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn span(network: &IpNet) -> Span {
    (number(network.network()), number(network.last()))
}

fn without(whole: Span, except: &[IpNet], ipv4: bool) -> Vec<Span> {
    let holes = merge(except.iter().filter(|hole| hole.is_ipv4() == ipv4).map(span).collect());
    let (mut next, last) = whole;
    let mut left = Vec::new();
    for (first, end) in holes {
        if end < next || first > last {
            continue;
        }
        if first > next {
            left.push((next, first - 1));
        }
        match end.checked_add(1) {
            Some(after) if after <= last => next = after,
            _ => return left,
        }
    }
    left.push((next, last));
    left
}

fn merge(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for (first, last) in spans {
        match merged.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => merged.push((first, last)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(blocks: &[(&str, &[&str])], ipv4: bool) -> Vec<String> {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let blocks: Vec<(IpNet, Vec<IpNet>)> = blocks
            .iter()
            .map(|(network, except)| (net(network), except.iter().map(|text| net(text)).collect()))
            .collect();
        let address = |number| match ipv4 {
            true => std::net::Ipv4Addr::from_bits(number as u32).to_string(),
            false => Ipv6Addr::from_bits(number).to_string(),
        };
        spans(blocks.iter().map(|(network, except)| (network, &except[..])), ipv4)
            .into_iter()
            .map(|(first, last)| format!("{}-{}", address(first), address(last)))
            .collect()
    }

    #[test]
    fn exceptions_are_cut_out_and_neighbours_joined() {
        assert_eq!(texts(&[("10.0.0.0/24", &[])], true), ["10.0.0.0-10.0.0.255"]);
        assert_eq!(
            texts(&[("10.0.0.0/24", &["10.0.0.0/26", "10.0.0.128/25", "10.0.0.192/26"])], true),
            ["10.0.0.64-10.0.0.127"]
        );
        assert_eq!(
            texts(&[("0.0.0.0/0", &["10.0.0.0/8", "255.255.255.255/32"])], true),
            ["0.0.0.0-9.255.255.255", "11.0.0.0-255.255.255.254"]
        );
        assert_eq!(texts(&[("10.0.0.0/24", &["10.0.0.0/8"])], true), Vec::<String>::new());
        assert_eq!(
            texts(&[("10.0.1.0/24", &[]), ("10.0.0.0/24", &[]), ("10.0.0.7/32", &[])], true),
            ["10.0.0.0-10.0.1.255"]
        );
        // What one block excepts another one may hold.
        assert_eq!(texts(&[("10.0.0.0/8", &["10.1.0.0/16"]), ("10.1.2.0/24", &[])], true).len(), 3);
    }

    #[test]
    fn families_are_kept_apart() {
        let blocks: [(&str, &[&str]); 2] = [("::/0", &["fd00::/8"]), ("10.0.0.0/8", &["::/0"])];
        assert_eq!(texts(&blocks, true), ["10.0.0.0-10.255.255.255"]);
        assert_eq!(
            texts(&blocks, false),
            ["::-fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]
        );
        assert_eq!(
            spans(
                [("::/0".parse().unwrap(), vec![])].iter().map(|(n, e): &(IpNet, Vec<IpNet>)| (n, &e[..])),
                false
            ),
            [(0, highest(false))]
        );
    }
}
