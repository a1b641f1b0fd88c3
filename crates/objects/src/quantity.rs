//! Quantities such as `100m`, `1.5Gi` and `1e3`: exact arithmetic and the canonical text of Kubernetes.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use thiserror::Error;

/// Text that is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// The text does not have the form of a quantity.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Form,
    /// The number cannot be read.
    #[error("unable to parse numeric part of quantity")]
    Number,
    /// The suffix is unknown.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// Which family of suffixes a quantity is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `12e6`.
    DecimalExponent,
    /// `12Mi`.
    BinarySi,
    /// `12M`.
    DecimalSi,
}

/// An exact number with a preferred way of being written; compares by value.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    /// The value in units of 10⁻⁹, the finest that Kubernetes keeps.
    nano: i128,
    format: Format,
}

const NANO: i128 = 1_000_000_000;

impl Quantity {
    /// A whole number (replicas; bytes with [`Format::BinarySi`]).
    pub fn new(value: i64, format: Format) -> Self {
        Self { nano: i128::from(value) * NANO, format }
    }

    /// Thousandths, as CPU time is counted.
    pub fn from_milli(milli: i64) -> Self {
        Self { nano: i128::from(milli) * 1_000_000, format: Format::DecimalSi }
    }

    /// Bytes, written with binary suffixes.
    pub fn from_bytes(bytes: i64) -> Self {
        Self::new(bytes, Format::BinarySi)
    }

    /// Zero, written with decimal suffixes.
    pub fn zero() -> Self {
        Self::new(0, Format::DecimalSi)
    }

    /// Reads the text form. Values beyond ±10²⁹ become ±10²⁹.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        Ok(read(text)?.quantity)
    }

    /// The value rounded up (away from zero) to a whole number; saturates.
    pub fn value(&self) -> i64 {
        saturate(round_up(self.nano, NANO))
    }

    /// The value in thousandths, rounded up (away from zero); saturates.
    pub fn milli(&self) -> i64 {
        saturate(round_up(self.nano, 1_000_000))
    }

    /// Whether the value is zero.
    pub fn is_zero(&self) -> bool {
        self.nano == 0
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i32 {
        match self.nano.cmp(&0) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }
    }
}

impl Add for Quantity {
    type Output = Self;

    /// The sum, written as `self` (or as `other` where `self` is zero); saturates.
    fn add(self, other: Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self { nano: self.nano.saturating_add(other.nano), format }
    }
}

impl Sub for Quantity {
    type Output = Self;

    /// The difference, written as `self` (or as `other` where `self` is zero); saturates.
    fn sub(self, other: Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self { nano: self.nano.saturating_sub(other.nano), format }
    }
}

/// The form in which the API server prints a quantity that it was given as `text`.
pub fn canonical(text: &str) -> Result<Cow<'_, str>, QuantityError> {
    let read = read(text)?;
    if read.as_is { Ok(Cow::Borrowed(text)) } else { Ok(Cow::Owned(read.quantity.to_string())) }
}

/// A quantity that was read, and whether its text stays as it is.
struct Read {
    quantity: Quantity,
    as_is: bool,
}

/// Reads a quantity. Kubernetes keeps the text of those that it can hold in 64 bits and that look canonical at
/// a glance (so `01` and `1.500` stay); the rule is repeated here, for objects to come out the same.
fn read(text: &str) -> Result<Read, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Form);
    }
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, rest) = digits(unsigned.trim_start_matches('0'));
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    let letters = suffix.trim_start_matches(|letter: char| "eEinumkKMGTP".contains(letter));
    if !letters.strip_prefix(['-', '+']).unwrap_or(letters).bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(QuantityError::Form);
    }
    let (base, exponent, format) = read_suffix(suffix).ok_or(QuantityError::Suffix)?;
    let whole = if whole.is_empty() { "0" } else { whole };

    let as_is = looks_canonical(whole, fraction, exponent, format);
    let mantissa: Option<i128> = [whole, fraction].concat().parse().ok();
    let scale =
        9 - i64::try_from(fraction.len()).unwrap_or(i64::MAX / 2) + if base == 10 { exponent } else { 0 };
    let factor = if base == 2 { 1_i128 << exponent } else { 1 };
    let nano = match mantissa.and_then(|mantissa| mantissa.checked_mul(factor)) {
        Some(mantissa) => shift(mantissa, scale),
        // More digits than any sane quantity has: the value is out of range or its tail is lost in the rounding.
        None => None,
    };
    const LIMIT: i128 = 100_000_000_000_000_000_000_000_000_000_000_000_000;
    let mut format = format;
    let (nano, as_is) = match nano {
        Some(nano) if nano <= LIMIT => {
            let capped =
                if format == Format::BinarySi { nano.min(i128::from(i64::MAX) * NANO) } else { nano };
            (capped, as_is)
        }
        _ => (LIMIT, true),
    };
    if format == Format::BinarySi && nano > 0 && nano < NANO {
        format = Format::DecimalSi;
    }
    Ok(Read { quantity: Quantity { nano: if negative { -nano } else { nano }, format }, as_is })
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// Base, exponent and format of a suffix.
fn read_suffix(suffix: &str) -> Option<(u32, i64, Format)> {
    let (base, exponent, format) = match suffix {
        "n" => (10, -9, Format::DecimalSi),
        "u" => (10, -6, Format::DecimalSi),
        "m" => (10, -3, Format::DecimalSi),
        "" => (10, 0, Format::DecimalSi),
        "k" => (10, 3, Format::DecimalSi),
        "M" => (10, 6, Format::DecimalSi),
        "G" => (10, 9, Format::DecimalSi),
        "T" => (10, 12, Format::DecimalSi),
        "P" => (10, 15, Format::DecimalSi),
        "E" => (10, 18, Format::DecimalSi),
        "Ki" => (2, 10, Format::BinarySi),
        "Mi" => (2, 20, Format::BinarySi),
        "Gi" => (2, 30, Format::BinarySi),
        "Ti" => (2, 40, Format::BinarySi),
        "Pi" => (2, 50, Format::BinarySi),
        "Ei" => (2, 60, Format::BinarySi),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            (10, i64::from(exponent), Format::DecimalExponent)
        }
    };
    Some((base, exponent, format))
}

/// Whether Kubernetes keeps the text of such a number; the digits are those without leading zeros.
fn looks_canonical(whole: &str, fraction: &str, exponent: i64, format: Format) -> bool {
    let count = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX / 4);
    match format {
        Format::BinarySi => {
            let precision = 15 - count(whole) - exponent * 3 / 10 - 1;
            let low_bits = whole.parse::<i64>().map_or(0, |value| value & 7);
            fraction.is_empty() && precision >= 0 && low_bits != 0
        }
        Format::DecimalSi | Format::DecimalExponent => {
            let scale = exponent - count(fraction);
            let zeros = if fraction.len() >= 3 {
                fraction.ends_with("000")
            } else {
                [whole, fraction].concat().ends_with("000")
            };
            count(whole) + count(fraction) <= 18
                && scale >= -9
                && scale % 3 == 0
                && !zeros
                && !whole.starts_with('0')
        }
    }
}

/// `mantissa × 10^scale`, rounded up; `None` if out of range.
fn shift(mantissa: i128, scale: i64) -> Option<i128> {
    if mantissa == 0 {
        return Some(0);
    }
    match u32::try_from(scale) {
        Ok(up) => mantissa.checked_mul(10_i128.checked_pow(up)?),
        Err(_) => {
            let down = u32::try_from(-scale).ok().and_then(|down| 10_i128.checked_pow(down));
            Some(down.map_or(1, |down| round_up(mantissa, down)))
        }
    }
}

/// `value / unit`, rounded away from zero.
fn round_up(value: i128, unit: i128) -> i128 {
    let quotient = value / unit;
    if value % unit == 0 { quotient } else { quotient + value.signum() }
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Self::parse(text)
    }
}

impl fmt::Display for Quantity {
    /// The canonical form: no fraction, the largest suffix that loses nothing.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nano == 0 {
            return formatter.write_str("0");
        }
        let small = self.nano.abs() < 1024 * NANO;
        if self.format == Format::BinarySi && !small && self.nano % NANO == 0 {
            let (value, exponent) = strip(self.nano / NANO, 1024);
            let suffix =
                ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].get(exponent as usize).copied().unwrap_or_default();
            return write!(formatter, "{value}{suffix}");
        }
        let (mut value, removed) = strip(self.nano, 10);
        let mut exponent = i64::from(removed) - 9;
        while exponent % 3 != 0 {
            value *= 10;
            exponent -= 1;
        }
        if self.format == Format::DecimalExponent {
            return if exponent == 0 {
                write!(formatter, "{value}")
            } else {
                write!(formatter, "{value}e{exponent}")
            };
        }
        let suffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        let suffix = usize::try_from((exponent + 9) / 3).ok().and_then(|at| suffixes.get(at)).copied();
        write!(formatter, "{value}{}", suffix.unwrap_or_default())
    }
}

/// Removes a factor as often as it divides the value.
fn strip(mut value: i128, factor: i128) -> (i128, u32) {
    let mut times = 0;
    while value != 0 && value % factor == 0 {
        value /= factor;
        times += 1;
    }
    (value, times)
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}
