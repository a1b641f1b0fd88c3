//! Images from Dockerfiles, without a network: what `launchway image build` does.
//!
//! [`parse()`] reads the file (pure, every error with its line), [`build()`] carries it out: `COPY` and `ADD` make layers
//! straight from files, `RUN` runs in a container of the project's own runtime that has no network, and what it
//! changed becomes a layer. The same inputs give the same image: layers carry no times and no order of the disk, and
//! a `RUN` is not run again while everything that it can see is the same.
//!
//! What is not here: pulling. `FROM` finds images in the content store.
#![forbid(unsafe_code)]

mod add;
mod build;
mod cache;
mod copy;
mod error;
mod expand;
mod flags;
mod ignore;
mod instruction;
mod lines;
mod parse;
mod run;
mod stage;

pub use build::{Built, Event, Options, build};
pub use error::{Error, Place};
pub use expand::expand;
pub use ignore::Ignored;
pub use instruction::{Command, Copy, From, Instruction, Kind};
pub use parse::{Dockerfile, parse};
