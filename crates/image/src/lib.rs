//! Content-addressed blobs, OCI images and layers.
#![forbid(unsafe_code)]
