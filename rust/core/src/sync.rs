//! What threads meet at: locks, flags, a queue and the way to park.
//!
//! These are the real things, under their own names. Under `cfg(loom)` they are models of them,
//! which try every order in which threads can get there: see `tests/loom`.

#[cfg(loom)]
mod model;

#[cfg(loom)]
pub(crate) use self::model::{AtomicBool, Condvar, Mutex, MutexGuard, SegQueue, fence, thread};

#[cfg(not(loom))]
pub(crate) use {
    crossbeam_queue::SegQueue,
    parking_lot::{Condvar, Mutex, MutexGuard},
    std::{
        sync::atomic::{AtomicBool, fence},
        thread,
    },
};
