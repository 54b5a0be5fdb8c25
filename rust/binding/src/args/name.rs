//! A key: an exact Python `str` that knows its hash.

use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::mem::ManuallyDrop;
use std::slice;
use std::sync::atomic::{AtomicIsize, Ordering};

use change_buffers_core::batch::Key;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::interpreter;

/// A key whose characters take so many bytes takes little memory.
const MOST_LIGHT_BYTES: usize = 128;

/// A key as the journal keeps it.
///
/// Only exact `str` is admitted: hashing and comparing those neither runs user code nor
/// allocates, so both may happen under the data mutex. One word: the hash is in the string.
#[derive(Debug)]
pub(crate) struct Name(ManuallyDrop<Py<PyString>>);

impl Name {
    /// The name for a string; of a subclass of `str` only the text counts.
    pub(crate) fn new(text: &Bound<'_, PyString>) -> PyResult<Self> {
        if text.is_exact_instance_of::<PyString>() {
            return Self::of_exact(text.clone());
        }
        // Called on `str` itself, this is the text whatever the subclass overrides.
        let exact = text.py().get_type::<PyString>().call_method1("__str__", (text,))?;
        Self::of_exact(exact.cast_into_exact()?)
    }

    /// The name for a string that is known to be of no subclass.
    pub(crate) fn of_exact(text: Bound<'_, PyString>) -> PyResult<Self> {
        // From here on the string has its hash.
        text.hash()?;
        Ok(Self::of_known(text.unbind()))
    }

    /// The name for an exact string that was a key already.
    #[inline]
    pub(crate) fn of_known(text: Py<PyString>) -> Self {
        Self(ManuallyDrop::new(text))
    }

    /// What Python has computed.
    #[inline]
    fn hash(&self) -> u64 {
        let text = self.0.as_ptr().cast::<ffi::PyASCIIObject>();
        // SAFETY: it is a live, exact `str`, which begins with these fields. Another thread that
        // computes its hash at the same time may still write it, the same one, which Python itself
        // reads and writes as an atomic too.
        let hash = unsafe { AtomicIsize::from_ptr(&raw mut (*text).hash) };
        let known = hash.load(Ordering::Relaxed);
        if known == -1 { self.hash_anew() } else { known.cast_unsigned() as u64 }
    }

    /// For keys that some extension module has put into a dictionary without hashing them.
    #[cold]
    fn hash_anew(&self) -> u64 {
        // SAFETY: it is a live, exact `str`: hashing it runs no Python code, allocates nothing and
        // cannot fail. Names exist only where the thread is attached to the interpreter.
        unsafe { ffi::PyObject_Hash(self.0.as_ptr()).cast_unsigned() as u64 }
    }

    /// Whether the characters are the same.
    ///
    /// Not `PyUnicode_Compare()`, which finds out who is less: that takes longer.
    fn has_characters_of(&self, other: &Self) -> bool {
        let [one, other] = [self, other].map(|name| name.0.as_ptr());
        // CPython resizes in place only what has no hash yet, and interning writes beside the kind.
        // SAFETY: both are live, exact `str` with a hash, so in canonical form: the length and the
        // kind, which is the size of a character, say what there is to read, and nobody writes to
        // it. None of this fails, allocates or runs Python code. Names exist on attached threads.
        unsafe {
            let (length, kind) = (ffi::PyUnicode_GET_LENGTH(one), ffi::PyUnicode_KIND(one));
            if (ffi::PyUnicode_GET_LENGTH(other), ffi::PyUnicode_KIND(other)) != (length, kind) {
                return false;
            }
            let size = length.unsigned_abs() * kind as usize;
            let [one, other] = [one, other].map(|text| {
                let characters = ffi::PyUnicode_DATA(text).cast_const().cast::<u8>();
                slice::from_raw_parts(characters, size)
            });
            one == other
        }
    }

    /// Whether this very object is its text.
    pub(crate) fn is(&self, text: &Bound<'_, PyAny>) -> bool {
        self.0.is(text)
    }

    pub(crate) fn text<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        self.0.bind(py)
    }

    pub(crate) fn into_text(self) -> Py<PyString> {
        let mut name = ManuallyDrop::new(self);
        // SAFETY: nobody looks at the name any more.
        unsafe { ManuallyDrop::take(&mut name.0) }
    }
}

// Names are made, cloned and dropped on attached threads alone, which PyO3 would look up each time.
impl Clone for Name {
    #[inline]
    fn clone(&self) -> Self {
        debug_assert!(interpreter::is_attached());
        // SAFETY: the string is alive, and the new reference is the clone's.
        Self(ManuallyDrop::new(unsafe {
            ffi::Py_INCREF(self.0.as_ptr());
            std::ptr::read(&raw const *self.0)
        }))
    }
}

impl Drop for Name {
    #[inline]
    fn drop(&mut self) {
        debug_assert!(interpreter::is_attached());
        // SAFETY: this reference is the name's own, and nobody uses it afterwards.
        unsafe { ffi::Py_DECREF(self.0.as_ptr()) };
    }
}

impl PartialEq for Name {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ptr() == other.0.as_ptr()
            || self.hash() == other.hash() && self.has_characters_of(other)
    }
}

impl Eq for Name {}

impl Key for Name {
    fn letters(&self) -> impl Iterator<Item = u32> {
        let text = self.0.as_ptr();
        // SAFETY: the text is a live, exact `str` with a hash, so in canonical form, and nobody
        // writes to what it says of itself. None of this fails, allocates or runs Python code.
        let (length, kind, characters) = unsafe {
            (
                ffi::PyUnicode_GET_LENGTH(text).unsigned_abs(),
                ffi::PyUnicode_KIND(text),
                ffi::PyUnicode_DATA(text).cast_const(),
            )
        };
        (0..length).map(move |at| {
            // SAFETY: there are so many characters of that size, and nobody writes to them. The
            // iterator borrows the name, which keeps them alive.
            unsafe {
                match kind {
                    ffi::PyUnicode_1BYTE_KIND => u32::from(*characters.cast::<u8>().add(at)),
                    ffi::PyUnicode_2BYTE_KIND => u32::from(*characters.cast::<u16>().add(at)),
                    _ => *characters.cast::<u32>().add(at),
                }
            }
        })
    }

    fn is_light(&self) -> bool {
        let text = self.0.as_ptr();
        // SAFETY: it is a live, exact `str`, and says how long it is, and how large its characters are.
        let (length, size) =
            unsafe { (ffi::PyUnicode_GET_LENGTH(text), ffi::PyUnicode_KIND(text)) };
        length.unsigned_abs() * size as usize <= MOST_LIGHT_BYTES
    }

    // As with comparing: no user code, no allocation.
    fn begins_with(&self, prefix: &Self) -> bool {
        let (text, prefix) = (self.0.as_ptr(), prefix.0.as_ptr());
        // SAFETY: both are live references to exact `str` objects in canonical form, so this
        // compares their characters and neither fails, allocates nor runs Python code. Names
        // exist only where the thread is attached to the interpreter.
        unsafe { ffi::PyUnicode_Tailmatch(text, prefix, 0, ffi::PY_SSIZE_T_MAX, -1) == 1 }
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(Self::hash(self));
    }
}

/// Passes the hash through that Python has computed: it is a keyed hash already.
#[derive(Default)]
pub(crate) struct PythonHash(u64);

impl Hasher for PythonHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        unreachable!("a name hashes as one number, not as {} bytes", bytes.len());
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// The hasher of every table of names.
pub(crate) type NameHasher = BuildHasherDefault<PythonHash>;
