//! The addresses behind Services, in the current form (`slices`), the older one (`legacy`), and from the older to
//! the current one where people wrote it themselves (`mirror`).

pub(crate) mod legacy;
pub(crate) mod mirror;
mod select;
pub(crate) mod slices;
