//! `subscribe_changes()`: an iterator over flushes that keeps a pace.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::args::seconds::Interval;
use crate::change::dictionary_change::DictionaryChange;
use crate::follow::next_change::{self, NextChange};
use crate::follow::pace::{Form, Subscription};
use crate::tasks::asyncio_side;

#[pymethods]
impl Subscription {
    fn __iter__(slf: Py<Self>) -> PyResult<Py<Self>> {
        slf.get().serve(Form::For)?;
        Ok(slf)
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<DictionaryChange>> {
        self.serve(Form::For)?;
        self.claim()?;
        let next = self.next_change(py);
        self.release();
        if matches!(next, Ok(None)) {
            self.close();
        }
        next
    }

    fn __aiter__(slf: Py<Self>) -> PyResult<Py<Self>> {
        slf.get().serve(Form::AsyncFor)?;
        Ok(slf)
    }

    fn __anext__(slf: Py<Self>) -> PyResult<NextChange> {
        slf.get().serve(Form::AsyncFor)?;
        Ok(NextChange::new(next_change::Source::Subscription(slf)))
    }

    /// Seconds that lie at least between two deliveries. Setting it takes effect at once.
    #[getter]
    fn interval(&self) -> f64 {
        self.pace().as_secs_f64()
    }

    #[setter]
    fn set_interval(&self, interval: Interval) {
        self.set_pace(interval);
    }

    /// End the iteration and remove the private view, if there is one.
    ///
    /// A thread or task that waits for the next change is woken and its iteration ends. Closing
    /// twice is not an error.
    fn close(&self) {
        self.end();
    }

    /// Do what `close()` does. To be awaited.
    fn aclose<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        static CLOSE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        asyncio_side::get(slf.py(), &CLOSE, "close")?.call1((slf,))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Close the subscription.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) -> bool {
        self.close();
        false
    }

    /// Give the subscription. To be awaited.
    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        static ENTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        asyncio_side::get(slf.py(), &ENTER, "enter")?.call1((slf,))
    }

    /// Close the subscription. To be awaited.
    #[pyo3(signature = (*_exception))]
    fn __aexit__<'py>(
        slf: &Bound<'py, Self>,
        _exception: &Bound<'_, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::aclose(slf)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.visit(&visit)
    }

    fn __clear__(&self) {
        self.close();
    }
}
