//! What every class must be, checked when this is compiled.

use pyo3::Py;

use crate::buffer::DictionaryChangeBuffer;
use crate::change::DictionaryChange;
use crate::codec::Codec;
use crate::multi_view::DictionaryChangeMultiView;
use crate::next_change::NextChange;
use crate::publisher::Publisher;
use crate::shared::SharedStore;
use crate::source::Source;
use crate::stats::Stats;
use crate::subscription::Subscription;
use crate::value::Version;
use crate::view_context::ViewContext;

/// What Python's allocator aligns objects to.
const PYTHON_ALIGNMENT: usize = 2 * size_of::<usize>();

macro_rules! check {
    ($($class:ty),* $(,)?) => {
        $(
            // It exists for frozen and `Sync` classes alone. One that is not frozen is borrowed
            // while its methods run, and raises when a destructor or a handler calls another.
            const _: fn(&Py<$class>) -> &$class = Py::get;
            const _: () = assert!(
                align_of::<$class>() <= PYTHON_ALIGNMENT,
                "Python would allocate it at an address that does not suit it"
            );
        )*
    };
}

check!(
    Codec,
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    NextChange,
    Publisher,
    SharedStore,
    Source,
    Stats,
    Subscription,
    Version,
    ViewContext,
);
