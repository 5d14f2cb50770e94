//! What the kernel's numbers mean on this host.

pub mod users;
