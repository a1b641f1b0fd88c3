//! The tables of kinds and types, written by `cargo xtask regenerate`, and the functions they are written with.
//!
//! `types.rs` and `kinds.rs` are data only. Nothing here is computed when the program starts.

#[rustfmt::skip]
mod kinds;
#[rustfmt::skip]
mod types;

pub(crate) use self::kinds::{KINDS, TOP_LEVEL};
use crate::schema::{Content, Field, PatchStrategy, Shape, TypeRef, Wire};

/// A field; `flags` holds `r` (required), `p` (pointer), `o` (omitted when empty), `a` (merged as one value).
const fn field(name: &'static str, shape: Shape, go_type: &'static str, flags: &str) -> Field {
    let none = PatchStrategy { merge: false, retain_keys: false, replace: false, key: "" };
    let mut made = Field {
        name,
        shape,
        go_type,
        required: false,
        pointer: false,
        omit_empty: false,
        atomic: false,
        default: None,
        patch: none,
    };
    let mut flags = flags.as_bytes();
    while let [flag, rest @ ..] = flags {
        match flag {
            b'r' => made.required = true,
            b'p' => made.pointer = true,
            b'o' => made.omit_empty = true,
            b'a' => made.atomic = true,
            _ => panic!("unknown flag in the generated table"),
        }
        flags = rest;
    }
    made
}

impl Field {
    const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    const fn patch(mut self, merge: bool, retain_keys: bool, replace: bool, key: &'static str) -> Self {
        self.patch = PatchStrategy { merge, retain_keys, replace, key };
        self
    }
}

const fn wire(number: u32, field: u16) -> Wire {
    Wire { number, content: Content::Field(field) }
}

const fn inner(number: u32, of: TypeRef, pointer: bool) -> Wire {
    Wire { number, content: Content::Embedded { of, pointer } }
}
