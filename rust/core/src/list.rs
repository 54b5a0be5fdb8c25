//! A doubly linked list threaded through the items of a slab: its order changes in constant time.

use std::marker::PhantomData;

use slab::Slab;

/// No slot.
const NONE: usize = usize::MAX;

/// The neighbours of an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    prev: usize,
    next: usize,
}

impl Links {
    pub(crate) const UNLINKED: Self = Self { prev: NONE, next: NONE };

    pub(crate) fn neighbours(self) -> [Option<usize>; 2] {
        [self.prev, self.next].map(|slot| (slot != NONE).then_some(slot))
    }
}

/// An item that one list at a time can hold; of each kind one, where there are several.
pub(crate) trait Linked<Kind = ()> {
    fn links(&self) -> Links;
    fn links_mut(&mut self) -> &mut Links;
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct List<Kind = ()> {
    head: usize,
    tail: usize,
    kind: PhantomData<Kind>,
}

impl<Kind> List<Kind> {
    pub(crate) const EMPTY: Self = Self { head: NONE, tail: NONE, kind: PhantomData };

    pub(crate) fn first(&self) -> Option<usize> {
        (self.head != NONE).then_some(self.head)
    }

    pub(crate) fn last(&self) -> Option<usize> {
        (self.tail != NONE).then_some(self.tail)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head == NONE
    }

    pub(crate) fn push_back<T: Linked<Kind>>(&mut self, items: &mut Slab<T>, slot: usize) {
        *items[slot].links_mut() = Links { prev: self.tail, next: NONE };
        match self.last() {
            Some(tail) => items[tail].links_mut().next = slot,
            None => self.head = slot,
        }
        self.tail = slot;
    }

    pub(crate) fn unlink<T: Linked<Kind>>(&mut self, items: &mut Slab<T>, slot: usize) {
        let Links { prev, next } = items[slot].links();
        if prev == NONE {
            self.head = next;
        } else {
            items[prev].links_mut().next = next;
        }
        if next == NONE {
            self.tail = prev;
        } else {
            items[next].links_mut().prev = prev;
        }
        *items[slot].links_mut() = Links::UNLINKED;
    }

    pub(crate) fn move_to_back<T: Linked<Kind>>(&mut self, items: &mut Slab<T>, slot: usize) {
        if self.tail != slot {
            self.unlink(items, slot);
            self.push_back(items, slot);
        }
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
            let slot = next;
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
            let item = items.get(slot)?;
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

    fn backwards(list: &List, items: &Slab<Item>) -> String {
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
        assert_eq!(backwards(&list, &items), "dcba");
        for (slot, expected) in [(0, "adcb"), (2, "cadb"), (2, "cadb")] {
            list.move_to_back(&mut items, slots[slot]);
            assert_eq!(backwards(&list, &items), expected);
        }
        for (slot, expected) in [(0, "cdb"), (2, "db"), (1, "d"), (3, "")] {
            list.unlink(&mut items, slots[slot]);
            assert_eq!(backwards(&list, &items), expected);
            let forwards: String = list.forwards(&items).map(|item| item.0).collect();
            assert_eq!(forwards.chars().rev().collect::<String>(), expected);
        }
        assert_eq!((list.first(), list.last()), (None, None));
    }
}
