//! Prefixes by their letters: those that a key begins with lie on one path.

use hashbrown::HashMap;
use slab::Slab;

use crate::list::List;

/// Where every path begins: the empty prefix.
const ROOT: usize = 0;

/// A prefix, be it of use by itself or as the beginning of others.
pub(super) struct Node {
    parent: usize,
    letter: u32,
    children: usize,
    /// How many want it to be there.
    users: usize,
    /// Those who want to know of keys that begin with it.
    pub(super) watches: List,
}

pub(super) struct Tree {
    nodes: Slab<Node>,
    children: HashMap<(usize, u32), usize>,
}

impl Default for Tree {
    fn default() -> Self {
        let mut nodes = Slab::new();
        nodes.insert(Node::new(ROOT, 0));
        Self { nodes, children: HashMap::new() }
    }
}

impl Node {
    fn new(parent: usize, letter: u32) -> Self {
        Self { parent, letter, children: 0, users: 0, watches: List::EMPTY }
    }
}

impl Tree {
    /// Has a prefix be there until it is left.
    pub(super) fn enter(&mut self, prefix: &[u32]) -> usize {
        let mut at = ROOT;
        for &letter in prefix {
            let Self { nodes, children } = self;
            at = *children.entry((at, letter)).or_insert_with(|| {
                nodes[at].children += 1;
                nodes.insert(Node::new(at, letter))
            });
        }
        self.nodes[at].users += 1;
        at
    }

    /// Ends what [`enter`](Self::enter) began.
    pub(super) fn leave(&mut self, mut at: usize) {
        self.nodes[at].users -= 1;
        while at != ROOT && self.nodes[at].users == 0 && self.nodes[at].children == 0 {
            let Node { parent, letter, .. } = self.nodes.remove(at);
            self.children.remove(&(parent, letter));
            self.nodes[parent].children -= 1;
            at = parent;
        }
    }

    /// The prefixes of a key, the shortest first.
    pub(super) fn along(&self, letters: impl Iterator<Item = u32>) -> impl Iterator<Item = &Node> {
        let mut letters = letters;
        let mut at = Some(ROOT);
        std::iter::from_fn(move || {
            let node = at?;
            at = letters.next().and_then(|letter| self.children.get(&(node, letter)).copied());
            Some(&self.nodes[node])
        })
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.len() == 1 && self.children.is_empty()
    }

    pub(super) fn node_mut(&mut self, at: usize) -> &mut Node {
        &mut self.nodes[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Key;

    fn enter(tree: &mut Tree, prefix: &str) -> usize {
        let letters: Vec<u32> = prefix.letters().collect();
        tree.enter(&letters)
    }

    /// How many use each of the prefixes of a key.
    fn along(tree: &Tree, key: &str) -> Vec<usize> {
        tree.along(key.letters()).map(|node| node.users).collect()
    }

    #[test]
    fn the_prefixes_of_a_key_are_on_its_path() {
        let mut tree = Tree::default();
        for prefix in ["ab", "abcd", "abc", "ab", "x", ""] {
            enter(&mut tree, prefix);
        }
        assert_eq!(along(&tree, "abcx"), [1, 0, 2, 1]);
        assert_eq!(along(&tree, "abcdefg"), [1, 0, 2, 1, 1]);
        assert_eq!(along(&tree, "a"), [1, 0]);
        assert_eq!(along(&tree, "b"), [1]);
        assert_eq!(along(&tree, ""), [1]);
    }

    #[test]
    fn what_nobody_uses_is_gone() {
        let mut tree = Tree::default();
        let nodes = ["abc", "ab", "abc", "b", ""].map(|prefix| enter(&mut tree, prefix));
        assert_eq!(tree.nodes.len(), 5);
        tree.leave(nodes[0]);
        assert_eq!(along(&tree, "abc"), [1, 0, 1, 1]);
        tree.leave(nodes[2]);
        assert_eq!(along(&tree, "abc"), [1, 0, 1]);
        for at in [nodes[3], nodes[4], nodes[1]] {
            tree.leave(at);
        }
        assert_eq!((tree.nodes.len(), tree.children.len()), (1, 0));
    }
}
