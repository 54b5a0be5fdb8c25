//! What every class must be, checked when this is compiled.

use pyo3::Py;

use crate::bytes::codec::Codec;
use crate::change::dictionary_change::DictionaryChange;
use crate::change::source::Source;
use crate::follow::next_change::NextChange;
use crate::follow::pace::Subscription;
use crate::journal::feed::DictionaryChangeBuffer;
use crate::journal::publisher::Publisher;
use crate::journal::room::DictionaryChangeMultiView;
use crate::journal::shared::SharedStore;
use crate::journal::stats::Stats;
use crate::kept::encoding::Encoding;
use crate::kept::packed::PackedValue;
use crate::kept::value::Version;
use crate::tasks::call::Call;
use crate::tasks::ticks::{Tick, Ticks};
use crate::tasks::wake_up::WakeUp;
use crate::view::context::ViewContext;

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
    Call,
    Codec,
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    Encoding,
    NextChange,
    PackedValue,
    Publisher,
    SharedStore,
    Source,
    Stats,
    Subscription,
    Tick,
    Ticks,
    Version,
    ViewContext,
    WakeUp,
);
