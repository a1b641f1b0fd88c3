//! Scripts, history, planner and executor; one file per database dialect.
#![forbid(unsafe_code)]
