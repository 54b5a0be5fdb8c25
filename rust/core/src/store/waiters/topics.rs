//! What views are about. Views that are about the same keys share a *topic*, and a change finds the
//! topics that it concerns by the letters of its keys, however many there are.

use std::sync::Arc;

use hashbrown::HashMap;
use slab::Slab;
use smallvec::SmallVec;

use super::tree::Tree;
use crate::batch::Key;
use crate::list::{Linked, Links};
use crate::store::PublisherId;
use crate::store::filter::{Filter, Prefixes};

/// Names what a view is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) struct TopicId(usize);

/// What views without a filter are about.
pub(in crate::store) const EVERYTHING: TopicId = TopicId(0);

/// The topics that a change concerns.
pub(in crate::store) type Concerned = SmallVec<[TopicId; 4]>;

struct Topic<K: 'static> {
    /// None when it is about all keys.
    filter: Option<Filter<K>>,
    /// What this one changes is nothing to it.
    without: Option<PublisherId>,
    views: usize,
    /// Which one it is of all that there have been.
    number: u64,
    /// In how many queues somebody waits who is to hear of the next change.
    watched_by: usize,
    /// One for each prefix; linked with others of that prefix as long as the topic is watched.
    watches: SmallVec<[usize; 1]>,
    queues: SmallVec<[usize; 1]>,
    is_found: bool,
}

struct Watch {
    topic: TopicId,
    node: usize,
    links: Links,
}

impl Linked for Watch {
    fn links(&self) -> Links {
        self.links
    }

    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

pub(in crate::store) struct Topics<K: 'static> {
    all: Slab<Topic<K>>,
    by_subject: HashMap<Subject, TopicId>,
    tree: Tree,
    watches: Slab<Watch>,
    /// Those that do not say their prefixes.
    opaque: Vec<TopicId>,
    /// How many there have been.
    opened: u64,
    /// How many are watched.
    watched: usize,
}

impl<K> Default for Topics<K> {
    fn default() -> Self {
        let mut topics = Slab::new();
        topics.insert(Topic::new(None, None));
        Self {
            all: topics,
            by_subject: HashMap::new(),
            tree: Tree::default(),
            watches: Slab::new(),
            opaque: Vec::new(),
            opened: 0,
            watched: 0,
        }
    }
}

/// What a topic is about, if that can be said in prefixes.
type Subject = (Prefixes, Option<PublisherId>);

/// All keys begin with nothing.
fn prefixes_of<K: Key>(filter: Option<&Filter<K>>) -> Option<Prefixes> {
    filter.map_or_else(|| Some(Arc::new([Box::default()]) as Prefixes), |it| it.prefixes().cloned())
}

impl<K> Topic<K> {
    fn new(filter: Option<Filter<K>>, without: Option<PublisherId>) -> Self {
        Self {
            filter,
            without,
            views: 0,
            number: 0,
            watched_by: 0,
            watches: SmallVec::new(),
            queues: SmallVec::new(),
            is_found: false,
        }
    }
}

impl<K: Key> Topics<K> {
    /// A view is about this. It is to have the filter of the topic for its own.
    pub(in crate::store) fn join(
        &mut self,
        filter: Option<&Filter<K>>,
        without: Option<PublisherId>,
    ) -> TopicId {
        let is_everything = filter.is_none() && without.is_none();
        let id = if is_everything { EVERYTHING } else { self.find(filter, without) };
        self.all[id.0].views += 1;
        id
    }

    fn find(&mut self, filter: Option<&Filter<K>>, without: Option<PublisherId>) -> TopicId {
        self.opened += 1;
        let topic = Topic { number: self.opened, ..Topic::new(filter.cloned(), without) };
        let Some(prefixes) = prefixes_of(filter) else {
            let id = TopicId(self.all.insert(topic));
            self.opaque.push(id);
            return id;
        };
        let subject = (prefixes, without);
        if let Some(&id) = self.by_subject.get(&subject) {
            return id;
        }
        let id = TopicId(self.all.insert(topic));
        for prefix in subject.0.iter() {
            let node = self.tree.enter(prefix);
            let watch = Watch { topic: id, node, links: Links::UNLINKED };
            self.all[id.0].watches.push(self.watches.insert(watch));
        }
        self.by_subject.insert(subject, id);
        id
    }

    pub(in crate::store) fn filter(&self, id: TopicId) -> Option<&Filter<K>> {
        self.all[id.0].filter.as_ref()
    }

    /// Which one it is of all that there have been, if it is there.
    pub(in crate::store) fn number(&self, id: TopicId) -> Option<u64> {
        self.all.get(id.0).map(|topic| topic.number)
    }

    /// Whether several views are about it.
    pub(in crate::store) fn is_shared(&self, id: TopicId) -> bool {
        self.all[id.0].views > 1
    }

    /// Whether a view is the last that is about it.
    pub(in crate::store) fn is_last(&self, id: TopicId) -> bool {
        self.all[id.0].views == 1
    }

    /// A view that was about this is no more. Says whether it was the last: then
    /// [`close`](Self::close) is to be called.
    pub(super) fn leave(&mut self, id: TopicId) -> bool {
        let topic = &mut self.all[id.0];
        topic.views -= 1;
        topic.views == 0 && id != EVERYTHING
    }

    /// Nobody is about this any more. Gives the queues that there were for it.
    ///
    /// The views that are gone have the filter, too: it is not dropped here.
    pub(super) fn close(&mut self, id: TopicId) -> SmallVec<[usize; 1]> {
        let Topic { filter, without, watches, queues, .. } = self.all.remove(id.0);
        for watch in watches {
            self.tree.leave(self.watches.remove(watch).node);
        }
        match prefixes_of(filter.as_ref()) {
            Some(prefixes) => _ = self.by_subject.remove(&(prefixes, without)),
            None => self.opaque.retain(|&other| other != id),
        }
        queues
    }

    /// The queues that there are for a topic.
    pub(super) fn queues(&self, id: TopicId) -> &[usize] {
        &self.all[id.0].queues
    }

    pub(super) fn add_queue(&mut self, id: TopicId, queue: usize) {
        self.all[id.0].queues.push(queue);
    }

    pub(super) fn remove_queue(&mut self, id: TopicId, queue: usize) {
        self.all[id.0].queues.retain(|other| *other != queue);
    }

    /// In one more queue somebody waits.
    pub(super) fn watch(&mut self, id: TopicId) {
        let Self { all, tree, watches, watched, .. } = self;
        let topic = &mut all[id.0];
        topic.watched_by += 1;
        if topic.watched_by == 1 {
            *watched += 1;
            for &watch in &topic.watches {
                tree.node_mut(watches[watch].node).watches.push_back(watches, watch);
            }
        }
    }

    /// In one less.
    pub(super) fn unwatch(&mut self, id: TopicId) {
        let Self { all, tree, watches, watched, .. } = self;
        let topic = &mut all[id.0];
        topic.watched_by -= 1;
        if topic.watched_by == 0 {
            *watched -= 1;
            for &watch in &topic.watches {
                tree.node_mut(watches[watch].node).watches.unlink(watches, watch);
            }
        }
    }

    #[inline]
    pub(super) fn is_any_watched(&self) -> bool {
        self.watched > 0
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn times_watched(&self) -> usize {
        self.all.iter().map(|(_, topic)| topic.watched_by).sum()
    }

    /// Those of the topics that are watched which a change to some keys, by a publisher or not,
    /// concerns.
    pub(in crate::store) fn concerned<'a>(
        &mut self,
        by: Option<PublisherId>,
        keys: impl Iterator<Item = &'a K>,
    ) -> Concerned
    where
        K: 'a,
    {
        let Self { all: topics, tree, watches, opaque, watched, .. } = self;
        let mut found = Concerned::new();
        let mut find = |topics: &mut Slab<Topic<K>>, id: TopicId| {
            if !std::mem::replace(&mut topics[id.0].is_found, true) {
                found.push(id);
            }
            found.len() == *watched
        };
        let is_every_key_wanted = topics[EVERYTHING.0].watched_by > 0;
        let mut are_all_found = *watched == 0 || is_every_key_wanted && find(topics, EVERYTHING);
        for key in keys {
            if are_all_found {
                break;
            }
            for node in tree.along(key.letters()) {
                for watch in node.watches.forwards(watches) {
                    are_all_found = find(topics, watch.topic);
                }
            }
            for &id in &*opaque {
                let Topic { filter, watched_by, .. } = &topics[id.0];
                if *watched_by > 0 && filter.as_ref().is_some_and(|filter| filter(key)) {
                    are_all_found = find(topics, id);
                }
            }
        }
        for id in &found {
            topics[id.0].is_found = false;
        }
        if by.is_some() {
            found.retain(|id| topics[id.0].without != by);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::RandomState;

    use proptest::prelude::*;

    use super::*;
    use crate::journal::Journal;

    type Prefixes = Vec<&'static str>;

    const WORDS: [&str; 9] = ["", "a", "ab", "abc", "abcd", "b", "ba", "\u{e9}a", "\u{1f984}b"];

    fn words(count: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Prefixes> {
        prop::collection::vec(prop::sample::select(&WORDS[..]), count)
    }

    /// What a view is about; none for a condition that does not say its prefixes.
    fn filter(prefixes: Option<&Prefixes>) -> Filter<&'static str> {
        match prefixes {
            Some(prefixes) => Filter::of_prefixes(prefixes.clone()),
            None => Filter::new(|key: &&str| key.len() == 2),
        }
    }

    fn is_about(prefixes: Option<&Prefixes>, key: &str) -> bool {
        prefixes.map_or(key.len() == 2, |prefixes| prefixes.iter().any(|it| key.starts_with(it)))
    }

    #[test]
    fn views_that_are_about_the_same_share_a_topic_however_they_say_it() {
        let mut topics = Topics::default();
        let mut join = |prefixes: &[&'static str]| {
            topics.join(Some(&Filter::of_prefixes(prefixes.to_vec())), None)
        };
        let same = [&["a", "b"][..], &["b", "a", "b"], &["ab", "b", "a", "abc"]].map(&mut join);
        assert!(same.iter().all(|&id| id == same[0]));
        let others = [join(&["a"]), join(&["ab", "b"]), join(&[]), join(&[""])];
        assert!(others.iter().all(|&id| id != same[0] && id != EVERYTHING));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 5 } else { 1000 },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// Of each view: what it is about, how many watch, whom it is without, whether it goes.
        #[test]
        fn what_a_key_concerns_is_found_as_if_each_filter_were_asked(
            views in prop::collection::vec(
                (
                    prop::option::weighted(0.9, words(0..4)),
                    0..3_usize,
                    0..3_usize,
                    any::<bool>(),
                ),
                1..8
            ),
            keys in words(1..4),
            by in 0..3_usize,
        ) {
            let mut topics = Topics::default();
            let mut journal: Journal<u8, (), RandomState> = Journal::default();
            let [one, other] = [(); 2].map(|()| Some(journal.open_publisher(false)));
            let publishers = [None, one, other];
            let about = |view: &(Option<Prefixes>, usize, usize, bool)| {
                // Without anything to begin with it is about all keys.
                let all = view.0.as_ref().is_some_and(|prefixes| prefixes == &[""]);
                (!all).then(|| filter(view.0.as_ref()))
            };
            let ids: Vec<_> = views
                .iter()
                .map(|view| topics.join(about(view).as_ref(), publishers[view.2]))
                .collect();
            for (&id, &(_, watching, ..)) in ids.iter().zip(&views) {
                (0..=watching).for_each(|_| topics.watch(id));
                topics.unwatch(id);
            }
            let mut stay = Vec::new();
            for (&id, view) in ids.iter().zip(&views) {
                if !view.3 {
                    stay.push((id, view));
                    continue;
                }
                (0..view.1).for_each(|_| topics.unwatch(id));
                if topics.leave(id) {
                    topics.close(id);
                }
            }
            let mut expected: Vec<usize> = stay
                .iter()
                .filter(|(_, (prefixes, watching, without, _))| {
                    let is_deaf = by > 0 && *without == by;
                    *watching > 0 && !is_deaf && keys.iter().any(|key| is_about(prefixes.as_ref(), key))
                })
                .map(|(id, _)| id.0)
                .collect();
            expected.sort_unstable();
            expected.dedup();
            for _ in 0..2 {
                let concerned = topics.concerned(publishers[by], keys.iter());
                let mut found: Vec<usize> = concerned.iter().map(|id| id.0).collect();
                found.sort_unstable();
                assert_eq!(found, expected);
            }
            for (id, view) in stay {
                (0..view.1).for_each(|_| topics.unwatch(id));
                if topics.leave(id) {
                    topics.close(id);
                }
            }
            let left = [topics.all.len() - 1, topics.watches.len(), topics.watched];
            assert_eq!((left, topics.by_subject.len(), topics.opaque.len()), ([0; 3], 0, 0));
            assert!(topics.tree.is_empty());
        }
    }
}
