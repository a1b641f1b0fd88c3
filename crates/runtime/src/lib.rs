//! Containers: one shim per pod, namespaces, cgroups, seccomp, overlay file systems, logs.
//!
//! [`Engine`] is what a node agent uses: CRI-shaped calls (sandbox, container, exec, stats, events).
//! Behind it stands one *shim* process per pod, the same binary started again with `shim <dir>`
//! ([`shim_main`]). The shim owns the pod's network, IPC and UTS namespaces (so there is no pause
//! process), is the parent of every container process, writes the logs and keeps each exit code on
//! disk before anybody hears of it. It outlives the daemon; a new [`Engine`] finds it again.
//!
//! # Why an own engine
//!
//! The known container library for Rust was measured first and set aside: its exec path drops the
//! seccomp filter and takes nothing of the container's identity by itself; it changes the working
//! directory of the whole process and is therefore unsafe to call from two threads; it leaves its
//! caller's OOM score and dumpable flag changed; it compiles the seccomp profile anew for each container
//! (two thirds of the start time) with a C library; and it brings tens of megabytes of dependencies.
//! Running containers is what this product exists for, and what it needs of the kernel is a few hundred
//! lines: so they are here, on `libc` and `rustix`.
//!
//! # Invariants
//!
//! * Containers outlive the daemon; exit codes and log lines outlive it too.
//! * An exec'ed process is confined exactly as the container's first process: same namespaces, cgroup,
//!   capabilities, seccomp filter, user.
//! * Every mount of a container is made inside its own mount namespace: nothing shows on the host.
//! * Everything made is found by the pod's UID (folder, cgroup, socket) and removed with it.
//! * Knows nothing about Kubernetes objects, image formats or addresses.

mod capability;
mod cgroup;
mod child;
mod engine;
mod files;
mod protocol;
mod seccomp;
mod shim;
mod spec;
mod state;
mod sys;
mod wire;

pub use engine::{Engine, EngineError, Exec, Input, Options, Output, Sandbox};
pub use shim::shim_main;
pub use spec::{
    Capabilities, ContainerSpec, Device, ExecSpec, LogLimit, Mount, MountSource, Propagation, Resources,
    Rlimit, SandboxSpec, Seccomp, User,
};
pub use state::{ContainerState, ContainerStatus, Event, ExitStatus, SandboxState, Stats};
