//! The things a worker begins: each does its IO alone, away from the worker, and ends in one [`Outcome`].
//!
//! Nothing here decides what happens next, and nothing here keeps state: what an operation needs is handed to it,
//! what it found out is in its outcome.

mod api;
mod resize;
mod sandbox;
mod start;
mod stop;

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::PodStatus;

use crate::volumes::Volumes;

pub(crate) use api::{delete, write_status};
pub(crate) use resize::{Change, Resized, resize};
pub(crate) use sandbox::{create_sandbox, mount, remove_sandbox, unmount};
pub(crate) use start::{Start, start, termination_path};
pub(crate) use stop::{Stop, post_start, stop};

/// How an operation ended.
pub(crate) enum Outcome {
    Sandbox(Result<Ipv4Addr, String>),
    SandboxRemoved(Result<(), String>),
    Volumes(Box<Result<Volumes, String>>),
    VolumesRemoved(Result<(), String>),
    Started {
        name: String,
        id: String,
        result: Result<Started, StartError>,
    },
    Hooked {
        name: String,
        id: String,
        result: Result<(), String>,
    },
    /// The API has this status now, or does not.
    Status(Box<PodStatus>, Result<(), StatusError>),
    Deleted(Result<(), String>),
    /// The pod has the limits that were asked for, or why not.
    Resized(Result<Resized, String>),
}

/// A container that runs.
pub(crate) struct Started {
    pub(crate) image: String,
    pub(crate) image_id: String,
}

/// Why a container does not run.
pub(crate) struct StartError {
    pub(crate) reason: String,
    pub(crate) message: String,
    /// It was created and its program could not be started: counts as a run that failed.
    pub(crate) ran: bool,
}

impl StartError {
    fn waiting(reason: &str, message: String) -> StartError {
        StartError { reason: reason.to_owned(), message, ran: false }
    }
}

/// Why a status was not taken.
pub(crate) enum StatusError {
    /// The pod is gone, or another of its name is there.
    Gone,
    Failed(String),
}
