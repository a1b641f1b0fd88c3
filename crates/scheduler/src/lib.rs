//! Placement of pods on nodes: a pure core, snapshot in, decision out, and a thin loop.
#![forbid(unsafe_code)]
