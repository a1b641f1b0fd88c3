//! The addresses behind Services, in the current form (`slices`) and the older one (`legacy`).

pub(crate) mod legacy;
mod select;
pub(crate) mod slices;
