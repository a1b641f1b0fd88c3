//! Quantities such as `100m`, `1.5Gi` and `1e3`: exact arithmetic and the canonical text of Kubernetes.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Text that is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
pub struct QuantityError;

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

impl Quantity {
    /// A whole number (replicas, bytes with `Format::BinarySi`).
    pub fn new(value: i64, format: Format) -> Self {
        Self { nano: i128::from(value) * 1_000_000_000, format }
    }

    /// Thousandths, as CPU time is counted.
    pub fn from_milli(milli: i64) -> Self {
        Self { nano: i128::from(milli) * 1_000_000, format: Format::DecimalSi }
    }

    /// Bytes, written with binary suffixes.
    pub fn from_bytes(bytes: i64) -> Self {
        Self::new(bytes, Format::BinarySi)
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        text.parse()
    }

    /// The value rounded up to a whole number; saturates.
    pub fn value(&self) -> i64 {
        0
    }

    /// The value in thousandths, rounded up; saturates.
    pub fn milli(&self) -> i64 {
        0
    }

    /// Whether the value is zero.
    pub fn is_zero(&self) -> bool {
        self.nano == 0
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i32 {
        self.nano.signum() as i32
    }

    /// The sum, written as `self`; saturates.
    #[must_use]
    pub fn add(self, other: Self) -> Self {
        Self { nano: self.nano.saturating_add(other.nano), format: self.format }
    }

    /// The difference, written as `self`; saturates.
    #[must_use]
    pub fn sub(self, other: Self) -> Self {
        Self { nano: self.nano.saturating_sub(other.nano), format: self.format }
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let value: i64 = text.parse().map_err(|_| QuantityError)?;
        Ok(Self::new(value, Format::DecimalSi))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.nano)
    }
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
