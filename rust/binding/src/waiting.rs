//! Sleeping without the GIL, and signals.

use std::time::{Duration, Instant};

use change_buffers_core::sleep::{Sleeper, forked};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyDict};

/// How often a wait on the main thread looks for signals: Ctrl-C takes effect within this time.
///
/// The operating system's interruption of the wait itself never gets through to us, and Python
/// runs signal handlers on the main thread only. Other threads sleep without a break.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

/// Sleeps until woken, until the deadline, or until a signal handler raises.
///
/// Returns whether it was woken. While it sleeps it holds no lock, no GIL and no Python
/// reference.
pub(crate) fn sleep(py: Python<'_>, sleeper: &Sleeper, until: Option<Instant>) -> PyResult<bool> {
    if !is_main_thread(py)? {
        return Ok(py.detach(|| sleeper.sleep(until)));
    }
    loop {
        let look = Instant::now() + SIGNAL_INTERVAL;
        let slice = until.map_or(look, |deadline| deadline.min(look));
        let woken = py.detach(|| sleeper.sleep(Some(slice)));
        // Also when it was woken: a change that is flushed now would be lost to the exception that
        // a signal which has arrived meanwhile raises when we return.
        py.check_signals()?;
        if woken {
            return Ok(true);
        }
        if until.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(false);
        }
    }
}

pub(crate) fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    static MAIN_THREAD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static GET_IDENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    // Asked anew each time: after a fork another thread is the main one.
    let main_thread = MAIN_THREAD.import(py, "threading", "main_thread")?.call0()?;
    let this_thread = GET_IDENT.import(py, "threading", "get_ident")?.call0()?;
    main_thread.getattr("ident")?.eq(this_thread)
}

/// Has sleeping in forked children go another way; see [`forked`].
pub(crate) fn watch_forks(py: Python<'_>) -> PyResult<()> {
    let os = py.import("os")?;
    let Some(register) = os.getattr_opt("register_at_fork")? else { return Ok(()) };
    let in_child = PyCFunction::new_closure(py, None, None, |_, _| forked())?;
    let hooks = PyDict::new(py);
    hooks.set_item("after_in_child", in_child)?;
    register.call((), Some(&hooks)).map(drop)
}
