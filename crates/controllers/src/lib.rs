//! One file per controller, each a reconcile function.
#![forbid(unsafe_code)]
