//! Source to running: plan, build, image, migrate, deploy, follow the rollout.
#![forbid(unsafe_code)]
