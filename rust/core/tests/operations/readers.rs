//! A reader follows the content with a dictionary of its own, which it brings up to date.

use change_buffers_core::journal::CursorId;

use crate::trial::Subject;

#[derive(Debug)]
pub(crate) struct Reader {
    cursor: CursorId,
    content: Vec<(u8, i32)>,
    births: u64,
}

impl Reader {
    pub(crate) fn open(store: &Subject) -> Self {
        Self { cursor: store.open_cursor(), content: Vec::new(), births: 0 }
    }

    /// Reads what it has not seen and has the same then as the content, in the same order.
    pub(crate) fn read(&mut self, store: &Subject, content: &[(u8, i32)]) {
        let is_behind = store.is_behind(self.cursor);
        let mut reading = store.read(self.cursor);
        assert_eq!(is_behind, !reading.keys.is_empty());
        assert!(!store.is_behind(self.cursor));
        reading.keys.sort_unstable_by_key(|read| read.born);
        for read in reading.keys {
            let key = read.key.into();
            let known = self.content.iter().position(|(other, _)| *other == key);
            match (known, read.value) {
                (Some(place), Some(value)) if read.born < self.births => {
                    self.content[place].1 = value;
                }
                (known, value) => {
                    known.map(|place| self.content.remove(place));
                    self.content.extend(value.map(|value| (key, value)));
                }
            }
        }
        self.births = reading.births;
        assert_eq!(self.content, content);
    }

    /// The content was forgotten, and this with it.
    pub(crate) fn clear(&mut self) {
        self.content.clear();
    }

    pub(crate) fn close(self, store: &Subject) {
        store.close_cursor(self.cursor);
    }
}
