//! Following the content without being a view.

use std::hash::BuildHasher;

use super::Store;
use super::departed::Departed;
use crate::batch::{Displaced, Fate, Key, Mark};
use crate::journal::{CursorId, Seen};

/// What became of some keys of the content since a cursor read last.
#[derive(Debug)]
pub struct Reading<K, V> {
    /// The keys with their values, from the newest back; without a value the key is gone.
    pub keys: Vec<Read<K, V>>,
    /// Keys born from now on have at least this number.
    pub births: u64,
}

/// One key of a [`Reading`].
#[derive(Debug)]
pub struct Read<K, V> {
    /// The key.
    pub key: K,
    /// Its value, if it is part of the content.
    pub value: Option<V>,
    /// Orders keys by when they were last added to the content.
    pub born: u64,
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Store<K, V, W, S> {
    /// A cursor for [`read`](Self::read): it follows the content without being a view.
    pub fn open_cursor(&self) -> CursorId {
        self.lock().journal.open_cursor()
    }

    /// Ends a cursor.
    pub fn close_cursor(&self, cursor: CursorId) {
        let mut displaced = Displaced::<K, V, W>::default();
        self.lock().journal.close_cursor(cursor, &mut displaced.marks);
    }

    /// Ends a cursor in the middle of anything. Never blocks.
    pub fn leave_cursor(&self, cursor: CursorId) {
        self.depart(Departed::Cursor(cursor));
    }

    /// What became of the content since the cursor read last.
    pub fn read(&self, cursor: CursorId) -> Reading<K, V> {
        let mut displaced = Displaced::<K, V, W>::default();
        let mut data = self.lock();
        let journal = &mut data.journal;
        let keys = journal
            .unseen(cursor)
            .map(|Seen { mark: Mark { key, fate }, born, .. }| {
                let value = if let Fate::Set(value) = fate { Some(value.clone()) } else { None };
                Read { key: key.clone(), value, born }
            })
            .collect();
        journal.advance(cursor, &mut displaced.marks);
        Reading { keys, births: journal.births() }
    }

    /// Whether anything became of the content since the cursor read last.
    ///
    /// A cursor that another thread has ended meanwhile is not behind.
    pub fn is_behind(&self, cursor: CursorId) -> bool {
        let data = self.lock();
        data.journal.has_cursor(cursor) && data.journal.is_behind(cursor)
    }
}
