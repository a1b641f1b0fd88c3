//! One node's pods: workers, probes, volumes, status and the kubelet's HTTP endpoints.
#![forbid(unsafe_code)]
