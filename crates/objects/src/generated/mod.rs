//! Placeholder until the generator has run.
use crate::registry::Kind;
use crate::schema::TypeRef;
pub(crate) static KINDS: &[Kind] = &[];
pub(crate) static TOP_LEVEL: &[(&str, &str, &str, TypeRef)] = &[];
