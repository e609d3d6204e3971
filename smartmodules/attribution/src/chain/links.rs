//! Who waits for whom: one link for each message without a coin of its own that replies to another.
//!
//! A link lives exactly as long as its child's entry, so links are bounded with the entries and expire with them.
//! The parent may be known, expired or never seen: nothing here asks.

use std::sync::Arc;

use super::CoinRef;
use super::chats::Id;
use super::table::{Table, Value};

/// A message without a coin of its own and the message it replies to, with what it got from there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) child: Id,
    pub(super) parent: Id,
    /// Input offset of the child's newest version.
    pub(super) offset: u64,
    /// Steps up to the message that mentions `coin`; 0 without a coin.
    pub(super) depth: u32,
    pub(super) coin: Option<CoinRef>,
    /// The child's own text ended in a tie.
    pub(super) tie: bool,
    previous: u32,
    next: u32,
}

impl Link {
    /// A link that has not been resolved yet.
    pub(super) fn new(child: Id, parent: Id, offset: u64, tie: bool) -> Self {
        Self { child, parent, offset, depth: 0, coin: None, tie, previous: NIL, next: NIL }
    }
}

/// Marks the end of a list; also bounds the number of links, at 80 GB of them.
const NIL: u32 = LinkRef::MAX;

/// Names a link for as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinkRef(pub(super) u32);

impl LinkRef {
    /// Never given out; leaves the top bit to those who store one among other things.
    pub(super) const MAX: u32 = (1 << 31) - 1;
}

/// The first child of a parent.
#[derive(Debug, Clone, Copy)]
struct First(u32);

impl Value for First {
    const VACANT: Self = Self(NIL);
    fn is_vacant(&self) -> bool {
        self.0 == NIL
    }
}

/// Chunks, because one growing vector would copy itself whole each time; of 40 KB, because after a clone each is copied
/// when it is first changed.
const CHUNK: usize = 1 << 10;

/// All links, each in its parent's list of children.
#[derive(Debug, Clone)]
pub(super) struct Links {
    chunks: Vec<Arc<[Link]>>,
    /// Links ever made: those in use and those in `free`.
    made: usize,
    first: Table<First>,
    /// The list of links to use again, by `next`.
    free: u32,
    len: usize,
}

impl Links {
    /// No links yet, of at most one to each of `max_entries` entries, and mostly far fewer.
    pub(super) fn new(max_entries: usize) -> Self {
        Self { chunks: Vec::new(), made: 0, first: Table::new(max_entries / 16), free: NIL, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<Link>() + self.first.bytes()
    }

    pub(super) fn get(&self, link: LinkRef) -> &Link {
        self.at(link.0)
    }

    /// Sets what a child got from its parent.
    pub(super) fn resolve(&mut self, link: LinkRef, coin: Option<CoinRef>, depth: u32) {
        let link = self.at_mut(link.0);
        (link.coin, link.depth) = (coin, depth);
    }

    /// Adds a link to its parent's children.
    pub(super) fn add(&mut self, mut link: Link) -> LinkRef {
        let index = self.vacancy();
        link.previous = NIL;
        link.next = self.first.get(link.parent).map_or(NIL, |first| first.0);
        if link.next != NIL {
            self.at_mut(link.next).previous = index;
        }
        self.first.set(link.parent, First(index));
        *self.at_mut(index) = link;
        self.len += 1;
        LinkRef(index)
    }

    /// Takes a link out of its parent's children and forgets it.
    pub(super) fn remove(&mut self, link: LinkRef) {
        let Link { parent, previous, next, .. } = *self.at(link.0);
        if next != NIL {
            self.at_mut(next).previous = previous;
        }
        if previous != NIL {
            self.at_mut(previous).next = next;
        } else if next != NIL {
            self.first.set(parent, First(next));
        } else {
            self.first.remove(parent);
        }
        self.at_mut(link.0).next = self.free;
        self.free = link.0;
        self.len -= 1;
    }

    pub(super) fn has_children(&self, parent: Id) -> bool {
        self.first.get(parent).is_some()
    }

    /// The links of a parent's children, in no order that means anything.
    pub(super) fn children(&self, parent: Id) -> impl Iterator<Item = (LinkRef, &Link)> {
        let mut next = self.first.get(parent).map_or(NIL, |first| first.0);
        std::iter::from_fn(move || {
            let index = (next != NIL).then_some(next)?;
            let link = self.at(index);
            next = link.next;
            Some((LinkRef(index), link))
        })
    }

    /// An index to write a link to.
    fn vacancy(&mut self) -> u32 {
        if self.free != NIL {
            let index = self.free;
            self.free = self.at(index).next;
            return index;
        }
        let index = u32::try_from(self.made).expect("memory ends first");
        assert!(index < NIL, "memory ends first");
        if self.made == self.chunks.len() * CHUNK {
            self.chunks.push(vec![Link::new(Id(0), Id(0), 0, false); CHUNK].into());
        }
        self.made += 1;
        index
    }

    fn at(&self, index: u32) -> &Link {
        &self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }

    fn at_mut(&mut self, index: u32) -> &mut Link {
        &mut Arc::make_mut(&mut self.chunks[index as usize / CHUNK])[index as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn children(links: &Links, parent: u64) -> Vec<u64> {
        let mut ids: Vec<u64> = links.children(Id(parent)).map(|(_, link)| link.child.0).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn children_come_and_go_at_any_place_of_the_list() {
        for gone in 0..3 {
            let mut links = Links::new(100);
            let refs: Vec<LinkRef> =
                (0..3).map(|child| links.add(Link::new(Id(child), Id(9), child, false))).collect();
            links.add(Link::new(Id(7), Id(8), 0, true));
            links.remove(refs[gone as usize]);
            assert_eq!(children(&links, 9), (0..3).filter(|&child| child != gone).collect::<Vec<_>>());
            assert_eq!(children(&links, 8), [7]);
            for left in (0..3).filter(|&child| child != gone) {
                links.remove(refs[left as usize]);
            }
            assert!(!links.has_children(Id(9)) && links.has_children(Id(8)));
            assert_eq!(links.len(), 1);
        }
    }

    #[test]
    fn a_removed_link_makes_room_for_the_next() {
        let mut links = Links::new(100);
        for round in 0..3 * CHUNK as u64 {
            let kept = links.add(Link::new(Id(round), Id(round / 2), 0, false));
            links.remove(kept);
        }
        assert_eq!(links.chunks.len(), 1);
    }
}
