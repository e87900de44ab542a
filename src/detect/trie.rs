//! A set of words as a double-array trie (J. Aoe, 1989): a letter costs one look into one table,
//! however many words there are.
//!
//! The children of a node lie at its base, each at the place that its letter turns the base into;
//! a place knows its parent, so that a letter which no word goes on with is known at once. From where
//! only one word is left its letters lie in a row, so that the table stays small enough to be near.

/// Words, each with a number: its place among the words that the trie was made from.
pub(super) struct Trie {
    nodes: Vec<Node>,
    /// The last letters of words, from where each is alone.
    tails: Vec<u8>,
}

/// A place within a word, as far as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// The node; in a tail the word that ends with it.
    at: u32,
    /// Where the children of the node are; in a tail the place of the next letter.
    base: u32,
    /// The word that ends here, or [`NONE`].
    word: u32,
    /// Letters of a tail that are still to come; 0 on a node.
    left: u32,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// Where the children are; where its tail begins, if it has one.
    base: u32,
    parent: u32,
    /// The word that ends here, or [`NONE`]; behind its tail, if it has one.
    word: u32,
    /// The length of its tail.
    left: u32,
}

/// No node, no word.
const NONE: u32 = u32::MAX;
/// The parent of the first node: itself no node.
const TOP: u32 = u32::MAX - 1;
/// The node at the end of a tail, of which nobody is a child.
const END: u32 = u32::MAX - 2;
const UNUSED: Node = Node { base: 0, parent: NONE, word: NONE, left: 0 };
/// As many places as a byte has values: the children of a node lie within one block.
const BLOCK: usize = 256;

impl Trie {
    /// Of words in ascending order, none twice and none empty.
    pub(super) fn of<W: AsRef<[u8]>>(words: &[W]) -> Self {
        let mut building = Building { words, nodes: vec![UNUSED; BLOCK], tails: Vec::new(), free: 1 };
        building.nodes[0].parent = TOP;
        building.grow();
        Self { nodes: building.nodes, tails: building.tails }
    }

    /// Where every word begins.
    pub(super) fn root(&self) -> State {
        State::on(0, self.nodes.first().copied().unwrap_or(UNUSED))
    }

    /// One letter further, if a word goes on with it.
    #[inline]
    pub(super) fn step(&self, from: State, letter: u8) -> Option<State> {
        if from.left > 0 {
            let next = State { base: from.base + 1, left: from.left - 1, ..from };
            let goes_on = *self.tails.get(from.base as usize)? == letter;
            return goes_on.then_some(if next.left > 0 { next } else { State { at: END, word: from.at, ..next } });
        }
        let at = from.base ^ u32::from(letter);
        let node = *self.nodes.get(at as usize)?;
        (node.parent == from.at).then_some(State::on(at, node))
    }
}

impl State {
    #[inline]
    fn on(at: u32, Node { base, word, left, .. }: Node) -> Self {
        if left > 0 { Self { at: word, base, word: NONE, left } } else { Self { at, base, word, left } }
    }

    /// The word that ends here.
    #[inline]
    pub(super) fn word(self) -> Option<usize> {
        (self.word != NONE).then_some(self.word as usize)
    }
}

struct Building<'a, W> {
    words: &'a [W],
    nodes: Vec<Node>,
    tails: Vec<u8>,
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
        if to - from == 1 && self.words[from].as_ref().len() > depth {
            return self.end(node, from, depth);
        }
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

    /// Puts the rest of a word that is alone from here on into a row.
    fn end(&mut self, node: usize, word: usize, depth: usize) {
        let (begin, rest) = (self.tails.len(), &self.words[word].as_ref()[depth..]);
        let number = |n: usize| u32::try_from(n).unwrap_or(NONE);
        let own = &mut self.nodes[node];
        (own.base, own.word, own.left) = (number(begin), number(word), number(rest.len()));
        self.tails.extend_from_slice(rest);
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
