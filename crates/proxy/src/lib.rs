//! A node's network as the API describes it: Services as rules, names as DNS answers.
#![forbid(unsafe_code)]
