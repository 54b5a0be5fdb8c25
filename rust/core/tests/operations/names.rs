//! Keys as the store knows them: spelled so that some views find theirs by how they begin.

use change_buffers_core::batch::Key;
use change_buffers_core::store::Filter;

use crate::model::is_about;

/// A number by its remainder and the rest; the beginning of such a name if there is no rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    remainder: u8,
    rest: Option<u8>,
}

impl Key for Name {
    fn letters(&self) -> impl Iterator<Item = u32> {
        [Some(self.remainder), self.rest].into_iter().flatten().map(u32::from)
    }

    fn is_light(&self) -> bool {
        self.rest != Some(1)
    }
}

impl From<u8> for Name {
    fn from(key: u8) -> Self {
        Self { remainder: key % 3, rest: Some(key / 3) }
    }
}

impl From<Name> for u8 {
    fn from(name: Name) -> Self {
        name.rest.map_or_else(|| unreachable!("no key is a mere beginning"), |rest| rest * 3)
            + name.remainder
    }
}

/// Of what a view with this topic is about; each topic says it in another way.
pub(crate) fn filter(topic: u8) -> Filter<Name> {
    let beginning = |remainder| Name { remainder, rest: None };
    match topic {
        0 => Filter::new(|&name: &Name| is_about(Some(0), name.into())),
        1 => Filter::of_prefixes(vec![beginning(1)]),
        _ => {
            let each = (0..85).map(|rest| Name { remainder: topic, rest: Some(rest) });
            Filter::of_prefixes(each.collect())
        }
    }
}
