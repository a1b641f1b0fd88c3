//! The Kubernetes object model, pure: kinds as data, schema, codecs, patches, selectors, quantities.
#![forbid(unsafe_code)]
