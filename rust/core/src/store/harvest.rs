//! What a flush gives.

use super::MemoTicket;
use crate::batch::Marks;

/// What a view had to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// What was pending is in the harvest.
    Change,
    /// Nothing is pending, something may come.
    Nothing,
    /// Nothing is pending and nothing will be: the view is frozen.
    Drained,
}

/// Everything that was pending for one view.
///
/// The caller makes an empty one: it is too large to be handed on from function to function.
#[derive(Debug)]
pub struct Harvest<K, V, W> {
    /// Each key once. Empty if there is a finished form from the memo.
    pub marks: Marks<K, V>,
    /// The finished form of all this, if there is one.
    pub whole: Option<Whole<W>>,
    /// What is to be left out of the finished form: the view has seen it.
    pub seen: Vec<K>,
    /// Others have the same to expect: a finished form would be of use, see
    /// [`Store::memoize`](super::Store::memoize).
    pub memo: Option<MemoTicket>,
    /// Up to which version of the content it reaches, if the view follows one.
    pub version: Option<u64>,
    /// Applied to nothing, it gives the content that the view is about.
    pub is_complete: bool,
}

impl<K, V, W> Harvest<K, V, W> {
    pub(super) fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.whole.is_none() && self.memo.is_none()
    }
}

impl<K, V, W> Default for Harvest<K, V, W> {
    fn default() -> Self {
        Self {
            marks: Marks::new(),
            whole: None,
            seen: Vec::new(),
            memo: None,
            version: None,
            is_complete: false,
        }
    }
}

/// A finished form of a change.
#[derive(Debug, PartialEq, Eq)]
pub enum Whole<W> {
    /// The receiver's own.
    Owned(W),
    /// Others have it too: to be copied.
    Shared(W),
}
