//! From the kernel to the writer's door: the reader thread, the ring between the threads, and the
//! control socket (status, settings, registration).

#[cfg_attr(not(feature = "coexist"), path = "alone.rs")]
mod beside;
pub mod control;
pub mod reader;
pub mod registration;
pub mod ring;
#[cfg(feature = "coexist")]
mod twins;
