//! What every API client in this workspace shares: informers, work queues, events.
#![forbid(unsafe_code)]
