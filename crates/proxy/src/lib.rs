//! A node's network as the API describes it: Services as rules, names as DNS answers.
//!
//! What is here: [`service`] keeps the node's service rules as Services, EndpointSlices and pods' host ports
//! say; [`policy`] the rules of NetworkPolicies; [`dns`] answers for the cluster's domain from the same objects and
//! forwards everything else. What is not: how rules reach the kernel (crate `network`) and who makes EndpointSlices (the controllers).
//!
//! Invariants: the loops are woken by changes of objects alone; each has a pure core, a function of
//! objects ([`service::rules`]) or of a zone and a packet ([`dns::answer`]).
#![forbid(unsafe_code)]

pub mod dns;
pub mod policy;
pub mod service;
mod slices;
