//! A set of words as a double-array trie (J. Aoe, 1989): a letter costs one look into one table,
//! however many words there are.
//!
//! The children of a node lie at its base, each at the place that its letter turns the base into;
//! a place knows its parent, so that a letter which no word goes on with is known at once.

/// Words, each with a number: its place among the words that the trie was made from.
pub(super) struct Trie {
    nodes: Vec<Node>,
}

/// A place within a word, as far as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    at: u32,
    node: Node,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    base: u32,
    parent: u32,
    /// The word that ends here, or [`NONE`].
    word: u32,
}

/// No node, no word.
const NONE: u32 = u32::MAX;
/// The parent of the first node: itself no node.
const TOP: u32 = u32::MAX - 1;
const UNUSED: Node = Node { base: 0, parent: NONE, word: NONE };
/// As many places as a byte has values: the children of a node lie within one block.
const BLOCK: usize = 256;

impl Trie {
    /// Of words in ascending order, none twice and none empty.
    pub(super) fn of<W: AsRef<[u8]>>(words: &[W]) -> Self {
        let mut building = Building { words, nodes: vec![UNUSED; BLOCK], free: 1 };
        building.nodes[0].parent = TOP;
        building.grow();
        Self { nodes: building.nodes }
    }

    /// Where every word begins.
    pub(super) fn root(&self) -> State {
        State { at: 0, node: self.nodes.first().copied().unwrap_or(UNUSED) }
    }

    /// One letter further, if a word goes on with it.
    #[inline]
    pub(super) fn step(&self, from: State, letter: u8) -> Option<State> {
        let at = from.node.base ^ u32::from(letter);
        let node = *self.nodes.get(at as usize)?;
        (node.parent == from.at).then_some(State { at, node })
    }
}

impl State {
    /// The word that ends here.
    #[inline]
    pub(super) fn word(self) -> Option<usize> {
        (self.node.word != NONE).then_some(self.node.word as usize)
    }
}

struct Building<'a, W> {
    words: &'a [W],
    nodes: Vec<Node>,
    /// No place before this one is free.
    free: usize,
}

/// A node whose children are still to be placed: the words `from..to` begin with the same `depth` letters.
struct Task {
    node: usize,
    from: usize,
    to: usize,
    depth: usize,
}

impl<W: AsRef<[u8]>> Building<'_, W> {
    fn grow(&mut self) {
        let mut tasks = vec![Task { node: 0, from: 0, to: self.words.len(), depth: 0 }];
        while let Some(task) = tasks.pop() {
            self.place(task, &mut tasks);
        }
    }

    /// Finds a base for the children of a node.
    fn place(&mut self, Task { node, mut from, to, depth }: Task, tasks: &mut Vec<Task>) {
        let letter = |at: usize| self.words[at].as_ref().get(depth).copied();
        if from < to && letter(from).is_none() {
            self.nodes[node].word = u32::try_from(from).unwrap_or(NONE);
            from += 1;
        }
        let mut children: Vec<(u8, usize, usize)> = Vec::new();
        for at in from..to {
            match (letter(at), children.last_mut()) {
                (Some(own), Some((last, _, end))) if *last == own => *end = at + 1,
                (Some(own), _) => children.push((own, at, at + 1)),
                (None, _) => {}
            }
        }
        if children.is_empty() {
            return;
        }
        let base = self.base(&children);
        self.nodes[node].base = u32::try_from(base).unwrap_or_default();
        for (letter, from, to) in children {
            let child = base ^ usize::from(letter);
            self.nodes[child].parent = u32::try_from(node).unwrap_or(NONE);
            tasks.push(Task { node: child, from, to, depth: depth + 1 });
        }
    }

    /// A base at which the places of all letters are free; a block of its own after some tries.
    fn base(&mut self, children: &[(u8, usize, usize)]) -> usize {
        while self.nodes.get(self.free).is_some_and(|node| node.parent != NONE) {
            self.free += 1;
        }
        let first = usize::from(children[0].0);
        let free = (self.free..self.nodes.len()).filter(|at| self.nodes[*at].parent == NONE);
        let mut bases = free.take(TRIES).map(|at| at ^ first);
        let fits =
            |base: usize| children.iter().all(|(letter, ..)| self.nodes[base ^ usize::from(*letter)].parent == NONE);
        match bases.find(|base| fits(*base)) {
            Some(base) => base,
            None => {
                let base = self.nodes.len();
                self.nodes.resize(base + BLOCK, UNUSED);
                base
            }
        }
    }
}

/// So many places are tried for the children of a node: keeps the making linear, the table dense.
const TRIES: usize = 400;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn find(trie: &Trie, word: &[u8]) -> Option<usize> {
        word.iter().try_fold(trie.root(), |state, letter| trie.step(state, *letter)).and_then(State::word)
    }

    #[test]
    fn a_trie_of_nothing_knows_no_word() {
        let trie = Trie::of::<&str>(&[]);
        assert_eq!((find(&trie, b"a"), find(&trie, b"")), (None, None));
    }

    proptest! {
        #[test]
        fn it_knows_its_words_and_no_others(words in prop::collection::btree_set("[a-cé]{1,4}", 0..40), other in "[a-cé]{0,5}") {
            let words: Vec<String> = words.into_iter().collect();
            let trie = Trie::of(&words);
            for (n, word) in words.iter().enumerate() {
                prop_assert_eq!(find(&trie, word.as_bytes()), Some(n));
            }
            prop_assert_eq!(find(&trie, other.as_bytes()), words.iter().position(|word| *word == other));
        }

        #[test]
        fn any_bytes_may_be_words(words in prop::collection::btree_set(prop::collection::vec(any::<u8>(), 1..4), 0..300)) {
            let words: BTreeSet<Vec<u8>> = words;
            let words: Vec<Vec<u8>> = words.into_iter().collect();
            let trie = Trie::of(&words);
            prop_assert!(words.iter().enumerate().all(|(n, word)| find(&trie, word) == Some(n)));
        }
    }
}
