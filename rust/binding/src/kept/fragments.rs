//! What one version of a value is on the wire: found once by each codec, for whoever sends it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

/// What makes a codec a different one from all others.
pub(crate) struct Identity;

/// The bytes of one version of a value. Nobody ever waits here: who encodes may run any code.
#[derive(Default)]
pub(crate) struct Fragments {
    /// Those of the codec that came by first: as a rule there is no other.
    first: OnceLock<Fragment>,
    /// A leaf among the locks: only references are looked up and moved under it.
    others: Mutex<Vec<Arc<Fragment>>>,
}

/// What one codec found.
pub(crate) struct Fragment {
    /// It does not keep the codec alive. What is left of one goes with the version; unless it was
    /// the first, already when another codec comes by.
    codec: Weak<Identity>,
    /// Somebody is at work on it.
    is_claimed: AtomicBool,
    pair: OnceLock<Box<[u8]>>,
}

/// A key and its encoded value, as they stand in a message.
pub(crate) enum Pair<'a> {
    Kept(&'a [u8]),
    Shared(Arc<Fragment>),
    Own(Box<[u8]>),
}

pub(crate) enum Found<'a> {
    Ready(Pair<'a>),
    /// It is the caller's to find.
    Unknown(Claim<'a>),
    /// Somebody else is at work on it.
    Claimed(Place<'a>),
}

/// The work on one fragment. It is anybody's again when this is dropped.
pub(crate) struct Claim<'a>(Place<'a>);

/// Where the bytes of one codec are kept.
#[derive(Clone)]
pub(crate) enum Place<'a> {
    First(&'a Fragment),
    Other(Arc<Fragment>),
}

impl Fragments {
    /// What the first codec has found, if it is this one.
    #[inline]
    pub(crate) fn at_hand(&self, codec: &Arc<Identity>) -> Option<&[u8]> {
        self.first.get().filter(|first| first.is_of(codec))?.pair.get().map(|pair| &**pair)
    }

    pub(crate) fn find<'a>(&'a self, codec: &Arc<Identity>) -> Found<'a> {
        let first = self.first.get_or_init(|| Fragment::of(codec));
        let place =
            if first.is_of(codec) { Place::First(first) } else { Place::Other(self.other(codec)) };
        match place.pair() {
            Some(pair) => Found::Ready(pair),
            None => place.claim(),
        }
    }

    fn other(&self, codec: &Arc<Identity>) -> Arc<Fragment> {
        let mut others = self.others.lock();
        if let Some(known) = others.iter().find(|other| other.is_of(codec)) {
            return Arc::clone(known);
        }
        others.retain(|other| other.codec.strong_count() > 0);
        let new = Arc::new(Fragment::of(codec));
        others.push(Arc::clone(&new));
        new
    }
}

impl Fragment {
    fn of(codec: &Arc<Identity>) -> Self {
        let codec = Arc::downgrade(codec);
        Self { codec, is_claimed: AtomicBool::new(false), pair: OnceLock::new() }
    }

    fn is_of(&self, codec: &Arc<Identity>) -> bool {
        self.codec.as_ptr() == Arc::as_ptr(codec)
    }
}

impl<'a> Place<'a> {
    fn fragment(&self) -> &Fragment {
        match self {
            Self::First(fragment) => fragment,
            Self::Other(fragment) => fragment,
        }
    }

    fn claim(self) -> Found<'a> {
        if self.fragment().is_claimed.swap(true, Ordering::Acquire) {
            Found::Claimed(self)
        } else {
            Found::Unknown(Claim(self))
        }
    }

    pub(crate) fn pair(&self) -> Option<Pair<'a>> {
        match self {
            Self::First(fragment) => fragment.pair.get().map(|pair| Pair::Kept(pair)),
            Self::Other(fragment) => {
                fragment.pair.get().map(|_| Pair::Shared(Arc::clone(fragment)))
            }
        }
    }

    /// Keeps what was found, for all others. If somebody else has found it too, the first counts.
    pub(crate) fn settle(&self, pair: Box<[u8]>) -> Pair<'a> {
        self.fragment().pair.get_or_init(|| pair);
        self.pair().expect("it has just been found")
    }
}

impl<'a> Claim<'a> {
    pub(crate) fn settle(self, pair: Box<[u8]>) -> Pair<'a> {
        self.0.settle(pair)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.fragment().is_claimed.store(false, Ordering::Release);
    }
}

impl AsRef<[u8]> for Pair<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Kept(pair) => pair,
            Self::Shared(fragment) => fragment.pair.get().map_or(&[], |pair| pair),
            Self::Own(pair) => pair,
        }
    }
}
