//! Sleeping without the GIL, and signals.

use std::cell::Cell;
use std::time::{Duration, Instant};

use change_buffers_core::sleep::{Sleeper, forked};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
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

thread_local! {
    static HANDLES_SIGNALS: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Whether this is the thread that Python runs signal handlers in.
///
/// Not asked from `threading`: that takes the thread that imported it first for the main one, and
/// gevent and eventlet replace what it says of the current thread. Asked once in each thread, as
/// the answer changes with a fork only.
pub(crate) fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    if let Some(known) = HANDLES_SIGNALS.get() {
        return Ok(known);
    }
    // The one question to Python that tells the two apart and changes nothing: None is no handler,
    // a `TypeError`, but elsewhere it is a `ValueError` before anybody looks at it.
    let signal = py.import("_signal")?;
    let is_main = match signal.call_method1("signal", (signal.getattr("SIGINT")?, py.None())) {
        Err(error) if error.is_instance_of::<PyValueError>(py) => false,
        Err(error) if !error.is_instance_of::<PyTypeError>(py) => return Err(error),
        _ => true,
    };
    HANDLES_SIGNALS.set(Some(is_main));
    Ok(is_main)
}

/// Has forked children know their main thread, and sleep in another way; see [`forked`].
pub(crate) fn watch_forks(py: Python<'_>) -> PyResult<()> {
    let os = py.import("os")?;
    let Some(register) = os.getattr_opt("register_at_fork")? else { return Ok(()) };
    let in_child = PyCFunction::new_closure(py, None, None, |_, _| {
        // The thread that forked is the only one there.
        HANDLES_SIGNALS.set(Some(true));
        forked();
    })?;
    let hooks = PyDict::new(py);
    hooks.set_item("after_in_child", in_child)?;
    register.call((), Some(&hooks)).map(drop)
}
