//! A doubly linked list threaded through the items of a slab: its order changes in constant time.

use std::marker::PhantomData;

use slab::Slab;

/// No slot. Slots are counted in 32 bits, to keep an entry of the journal on one cache line.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// As many items as a slab may have whose items are linked.
pub(crate) const MOST_ITEMS: usize = NO_SLOT as usize;

/// A slot of a slab with no more than [`MOST_ITEMS`].
#[expect(clippy::cast_possible_truncation, reason = "so many slots there are")]
pub(crate) fn short(slot: usize) -> u32 {
    debug_assert!(slot < MOST_ITEMS);
    slot as u32
}

/// The neighbours of an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    prev: u32,
    next: u32,
}

impl Links {
    pub(crate) const UNLINKED: Self = Self { prev: NO_SLOT, next: NO_SLOT };

    /// The slot of the next item, or [`NO_SLOT`].
    pub(crate) fn next(self) -> u32 {
        self.next
    }

    pub(crate) fn neighbours(self) -> [Option<usize>; 2] {
        [self.prev, self.next].map(|slot| (slot != NO_SLOT).then_some(slot as usize))
    }
}

/// An item that one list at a time can hold; of each kind one, where there are several.
pub(crate) trait Linked<Kind = ()> {
    fn links(&self) -> Links;
    fn links_mut(&mut self) -> &mut Links;
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct List<Kind = ()> {
    head: u32,
    tail: u32,
    kind: PhantomData<Kind>,
}

impl<Kind> List<Kind> {
    pub(crate) const EMPTY: Self = Self { head: NO_SLOT, tail: NO_SLOT, kind: PhantomData };

    pub(crate) fn first(&self) -> Option<usize> {
        (self.head != NO_SLOT).then_some(self.head as usize)
    }

    pub(crate) fn last(&self) -> Option<usize> {
        (self.tail != NO_SLOT).then_some(self.tail as usize)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head == NO_SLOT
    }

    pub(crate) fn push_back<T: Linked<Kind>>(&mut self, items: &mut Slab<T>, slot: usize) {
        *items[slot].links_mut() = Links { prev: self.tail, next: NO_SLOT };
        let slot = short(slot);
        match self.last() {
            Some(tail) => items[tail].links_mut().next = slot,
            None => self.head = slot,
        }
        self.tail = slot;
    }

    pub(crate) fn push_front<T: Linked<Kind>>(&mut self, items: &mut Slab<T>, slot: usize) {
        *items[slot].links_mut() = Links { prev: NO_SLOT, next: self.head };
        let slot = short(slot);
        match self.first() {
            Some(head) => items[head].links_mut().prev = slot,
            None => self.tail = slot,
        }
        self.head = slot;
    }

    /// Puts an item behind one that is in the list.
    pub(crate) fn insert_after<T: Linked<Kind>>(
        &mut self,
        items: &mut Slab<T>,
        slot: usize,
        place: usize,
    ) {
        let Links { next, .. } = items[place].links();
        if next == NO_SLOT {
            return self.push_back(items, slot);
        }
        *items[slot].links_mut() = Links { prev: short(place), next };
        items[place].links_mut().next = short(slot);
        items[next as usize].links_mut().prev = short(slot);
    }

    pub(crate) fn unlink<T: Linked<Kind>>(&mut self, items: &mut Slab<T>, slot: usize) {
        let Links { prev, next } = items[slot].links();
        if prev == NO_SLOT {
            self.head = next;
        } else {
            items[prev as usize].links_mut().next = next;
        }
        if next == NO_SLOT {
            self.tail = prev;
        } else {
            items[next as usize].links_mut().prev = prev;
        }
        *items[slot].links_mut() = Links::UNLINKED;
    }

    pub(crate) fn move_to_back<T: Linked<Kind>>(&mut self, items: &mut Slab<T>, slot: usize) {
        if self.tail != short(slot) {
            self.unlink(items, slot);
            self.push_back(items, slot);
        }
    }

    /// Moves items that stand one behind the other, all at once.
    pub(crate) fn move_all_to_back<T: Linked<Kind>>(
        &mut self,
        items: &mut Slab<T>,
        first: usize,
        last: usize,
    ) {
        let (prev, next) = (items[first].links().prev, items[last].links().next);
        if next == NO_SLOT {
            return;
        }
        if prev == NO_SLOT {
            self.head = next;
        } else {
            items[prev as usize].links_mut().next = next;
        }
        items[next as usize].links_mut().prev = prev;
        items[self.tail as usize].links_mut().next = short(first);
        items[first].links_mut().prev = self.tail;
        items[last].links_mut().next = NO_SLOT;
        self.tail = short(last);
    }

    /// From the first item to the last.
    pub(crate) fn forwards<'a, T: Linked<Kind>>(
        &self,
        items: &'a Slab<T>,
    ) -> impl Iterator<Item = &'a T> + use<'a, T, Kind> {
        self.slots(items).map(|slot| &items[slot])
    }

    /// Where the items are, from the first to the last.
    pub(crate) fn slots<'a, T: Linked<Kind>>(
        &self,
        items: &'a Slab<T>,
    ) -> impl Iterator<Item = usize> + use<'a, T, Kind> {
        let mut next = self.head;
        std::iter::from_fn(move || {
            let slot = next as usize;
            next = items.get(slot)?.links().next;
            Some(slot)
        })
    }

    /// From the last item to the first.
    pub(crate) fn backwards<'a, T: Linked<Kind>>(
        &self,
        items: &'a Slab<T>,
    ) -> impl Iterator<Item = &'a T> + use<'a, T, Kind> {
        let mut slot = self.tail;
        std::iter::from_fn(move || {
            let item = items.get(slot as usize)?;
            slot = item.links().prev;
            Some(item)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Item(char, Links);

    impl Linked for Item {
        fn links(&self) -> Links {
            self.1
        }

        fn links_mut(&mut self) -> &mut Links {
            &mut self.1
        }
    }

    fn backwards(list: List, items: &Slab<Item>) -> String {
        list.backwards(items).map(|item| item.0).collect()
    }

    #[test]
    fn items_move_and_leave_from_every_place() {
        let mut items = Slab::new();
        let mut list = <List>::EMPTY;
        let slots: Vec<usize> =
            "abcd".chars().map(|name| items.insert(Item(name, Links::UNLINKED))).collect();
        for &slot in &slots {
            list.push_back(&mut items, slot);
        }
        assert_eq!(backwards(list, &items), "dcba");
        for (slot, expected) in [(0, "adcb"), (2, "cadb"), (2, "cadb")] {
            list.move_to_back(&mut items, slots[slot]);
            assert_eq!(backwards(list, &items), expected);
        }
        for (slot, expected) in [(0, "cdb"), (2, "db"), (1, "d"), (3, "")] {
            list.unlink(&mut items, slots[slot]);
            assert_eq!(backwards(list, &items), expected);
            let forwards: String = list.forwards(&items).map(|item| item.0).collect();
            assert_eq!(forwards.chars().rev().collect::<String>(), expected);
        }
        assert_eq!((list.first(), list.last()), (None, None));
    }

    #[test]
    fn neighbours_move_together_from_every_place() {
        for (first, last, expected) in
            [(0, 1, "cdab"), (1, 2, "adbc"), (2, 3, "abcd"), (0, 3, "abcd"), (1, 1, "acdb")]
        {
            let mut items = Slab::new();
            let mut list = List::EMPTY;
            for name in "abcd".chars() {
                let slot = items.insert(Item(name, Links::UNLINKED));
                list.push_back(&mut items, slot);
            }
            list.move_all_to_back(&mut items, first, last);
            assert_eq!(list.forwards(&items).map(|item| item.0).collect::<String>(), expected);
            assert_eq!(backwards(list, &items).chars().rev().collect::<String>(), expected);
        }
    }

    #[test]
    fn an_item_can_be_put_at_either_end() {
        let mut items = Slab::new();
        let mut list = List::EMPTY;
        for (name, expected) in [('a', "a"), ('b', "ba"), ('c', "bac"), ('d', "dbac")] {
            let slot = items.insert(Item(name, Links::UNLINKED));
            if "bd".contains(name) {
                list.push_front(&mut items, slot);
            } else {
                list.push_back(&mut items, slot);
            }
            assert_eq!(list.forwards(&items).map(|item| item.0).collect::<String>(), expected);
            assert_eq!(backwards(list, &items).chars().rev().collect::<String>(), expected);
        }
        let mut list = <List>::EMPTY;
        list.push_front(&mut items, 0);
        assert_eq!((list.first(), list.last()), (Some(0), Some(0)));
    }

    #[test]
    fn an_item_can_be_put_behind_any_other() {
        let mut items = Slab::new();
        let mut list = List::EMPTY;
        let slots: Vec<usize> =
            "abcd".chars().map(|name| items.insert(Item(name, Links::UNLINKED))).collect();
        list.push_back(&mut items, slots[0]);
        list.insert_after(&mut items, slots[1], slots[0]);
        list.insert_after(&mut items, slots[2], slots[0]);
        list.insert_after(&mut items, slots[3], slots[1]);
        assert_eq!(backwards(list, &items), "dbca");
        assert_eq!(list.forwards(&items).map(|item| item.0).collect::<String>(), "acbd");
    }
}
