//! The core of change-buffers: a journal with cursors, and the lock and the wake-ups around it.
//!
//! Nothing in this crate knows Python. A piece of data flows one way:
//!
//! ```text
//! Batch  ->  Journal / Pending  ->  Store::flush  ->  Harvest
//! ```
//!
//! * [`batch`]: the arguments of one update, checked and materialised by the caller.
//! * [`journal`]: the shared dictionary; entries in order of their last change, cursors,
//!   tombstones.
//! * `pending`: what one view holds for itself alone.
//! * [`store`]: the data mutex around one journal and its views, and who is to be woken.
//! * [`sleep`]: one sleeping thread and the way to wake it.
//! * [`framing`]: changes on the wire, from values that are encoded already.
//! * [`parsing`]: values on the wire, looked at without decoding them.
//! * `sync`: what threads meet at, to be exchanged for a model of it.
//!
//! # The rules of the lock
//!
//! The data mutex of a [`store::Store`] is the only long-lived lock. Whatever runs under it is
//! plain Rust that can neither block nor call back into the caller: values are moved or cloned,
//! never dropped. Everything an operation displaces leaves the journal in a `#[must_use]` carrier
//! that outlives the lock, so a destructor may call any method of the same store. Sleepers are
//! woken after unlocking.

pub mod batch;
pub mod framing;
mod index;
pub mod journal;
mod list;
pub mod parsing;
mod pending;
pub mod sleep;
pub mod store;
mod sync;

#[cfg(test)]
#[cfg_attr(loom, allow(dead_code, reason = "most tests need the real things"))]
mod testing;
