//! Who should have which partitions: a pure decision that every process takes for itself from the same view.
//!
//! Each process that takes part gets an equal number, give or take one; whoever has more already keeps the odd ones,
//! so that nothing moves without need. A process only ever takes what is free and gives up what it has too many of,
//! one decision at a time, and from every state this ends with every partition held and the shares even.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A process, by the id of its connection in Postgres.
pub(crate) type Peer = i32;

/// What can be seen in Postgres at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) me: Peer,
    /// Everyone who shares, also those who hold nothing yet.
    pub(crate) peers: BTreeSet<Peer>,
    pub(crate) holders: BTreeMap<u32, Peer>,
}

/// What to do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Free partitions to try for.
    pub(crate) take: Vec<u32>,
    /// Own partitions to stop and hand on.
    pub(crate) give: Vec<u32>,
}

/// My part of `partitions`. `giving` are those of mine that are being stopped already.
///
/// A partition held by one who does not share, because it was told its partitions or is about to end, is nobody's
/// to count on until it is free.
pub(crate) fn decide(partitions: &BTreeSet<u32>, view: &View, giving: &BTreeSet<u32>) -> Decision {
    let holder = |partition: &u32| view.holders.get(partition).copied();
    let shared: Vec<u32> = partitions
        .iter()
        .copied()
        .filter(|partition| holder(partition).is_none_or(|peer| view.peers.contains(&peer)))
        .collect();
    let held = |peer: Peer| shared.iter().filter(|partition| holder(partition) == Some(peer)).count();

    let mut ranked: Vec<Peer> = view.peers.iter().copied().collect();
    ranked.sort_by_key(|&peer| (Reverse(held(peer)), peer));
    let Some(rank) = ranked.iter().position(|&peer| peer == view.me) else { return Decision::default() };
    let quota = shared.len() / ranked.len() + usize::from(rank < shared.len() % ranked.len());

    let mine: Vec<u32> =
        shared.iter().copied().filter(|partition| holder(partition) == Some(view.me)).collect();
    let surplus = mine.len().saturating_sub(quota);
    let missing = quota.saturating_sub(mine.len());
    Decision {
        take: shared.iter().copied().filter(|partition| holder(partition).is_none()).take(missing).collect(),
        give: mine
            .into_iter()
            .rev()
            .filter(|partition| !giving.contains(partition))
            .take(surplus.saturating_sub(giving.len()))
            .collect(),
    }
}

/// What a process takes that was told its partitions: all of them, as they become free.
pub(crate) fn take_all(partitions: &BTreeSet<u32>, view: &View) -> Decision {
    let free = partitions.iter().copied().filter(|partition| !view.holders.contains_key(partition));
    Decision { take: free.collect(), give: Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    /// Holds a partition and shares nothing.
    const OUTSIDER: Peer = 99;

    type State = Vec<Option<Peer>>;

    fn view(state: &State, peers: &BTreeSet<Peer>, me: Peer) -> View {
        let holders = (0..).zip(state).filter_map(|(partition, holder)| Some((partition, (*holder)?)));
        View { me, peers: peers.clone(), holders: holders.collect() }
    }

    /// Every state that one process can make of this one by a single step of what it decided.
    fn steps(state: &State, peers: &BTreeSet<Peer>) -> Vec<State> {
        let partitions = (0..state.len() as u32).collect();
        let mut next = Vec::new();
        for &me in peers {
            let decision = decide(&partitions, &view(state, peers, me), &BTreeSet::new());
            let changes = decision.take.iter().map(|p| (*p, Some(me)));
            for (partition, holder) in changes.chain(decision.give.iter().map(|p| (*p, None))) {
                let mut changed = state.clone();
                changed[partition as usize] = holder;
                next.push(changed);
            }
        }
        next
    }

    fn states(partitions: usize, holders: &[Option<Peer>]) -> Vec<State> {
        (0..partitions).fold(vec![Vec::new()], |states, _| {
            let longer = |state: &State| {
                holders.iter().map(|holder| [state.clone(), vec![*holder]].concat()).collect::<Vec<_>>()
            };
            states.iter().flat_map(longer).collect()
        })
    }

    /// The longest way from a state to one where nobody does anything; panics on a circle.
    fn longest(
        state: &State,
        peers: &BTreeSet<Peer>,
        on_the_way: &mut HashSet<State>,
        known: &mut HashMap<State, usize>,
    ) -> usize {
        if let Some(length) = known.get(state) {
            return *length;
        }
        assert!(on_the_way.insert(state.clone()), "goes in circles through {state:?}");
        let next = steps(state, peers);
        if next.is_empty() {
            assert_even(state, peers);
        }
        let length = next.iter().map(|next| 1 + longest(next, peers, on_the_way, known)).max().unwrap_or(0);
        on_the_way.remove(state);
        known.insert(state.clone(), length);
        length
    }

    fn assert_even(state: &State, peers: &BTreeSet<Peer>) {
        assert!(state.iter().all(Option::is_some), "left free: {state:?}");
        let counts = peers.iter().map(|peer| state.iter().filter(|holder| **holder == Some(*peer)).count());
        let counts: Vec<usize> = counts.collect();
        let (least, most) = (counts.iter().min(), counts.iter().max());
        assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "uneven: {state:?}");
    }

    #[test]
    fn every_state_ends_with_all_held_and_even_shares_in_whatever_order_the_processes_act() {
        for peers in 1..=4 {
            let peers: BTreeSet<Peer> = (1..=peers).collect();
            let holders: Vec<_> = peers.iter().copied().map(Some).chain([None, Some(OUTSIDER)]).collect();
            for partitions in 0..=5 {
                let mut known = HashMap::new();
                for state in states(partitions, &holders) {
                    let steps = longest(&state, &peers, &mut HashSet::new(), &mut known);
                    assert!(steps <= 2 * partitions, "{steps} steps from {state:?}");
                }
            }
        }
    }

    #[test]
    fn a_newcomer_costs_no_more_moves_than_its_share_and_one_that_leaves_none() {
        for count in 1..=4 {
            let before: BTreeSet<Peer> = (1..=count).collect();
            let after: BTreeSet<Peer> = (0..=count).collect(); // its id is the lowest: ids must not matter
            for state in states(6, &before.iter().copied().map(Some).collect::<Vec<_>>()) {
                if !steps(&state, &before).is_empty() {
                    continue; // not settled
                }
                let partitions = (0..6).collect();
                let given = before
                    .iter()
                    .map(|me| decide(&partitions, &view(&state, &after, *me), &BTreeSet::new()).give.len());
                assert!(given.sum::<usize>() <= 6_usize.div_ceil(after.len()), "{state:?}");
                for leaver in &before {
                    let mut rest = before.clone();
                    rest.remove(leaver);
                    let moved = rest.iter().map(|me| {
                        decide(&partitions, &view(&state, &rest, *me), &BTreeSet::new()).give.len()
                    });
                    assert_eq!(moved.sum::<usize>(), 0, "{state:?} without {leaver}");
                }
            }
        }
    }

    #[test]
    fn what_is_being_given_up_is_not_given_up_twice() {
        let peers = BTreeSet::from([1, 2]);
        let partitions = (0..4).collect();
        let state = vec![Some(1); 4];
        let first = decide(&partitions, &view(&state, &peers, 1), &BTreeSet::new());
        assert_eq!(first.give, [3, 2]);
        let giving = first.give.into_iter().collect();
        assert_eq!(decide(&partitions, &view(&state, &peers, 1), &giving), Decision::default());
    }

    #[test]
    fn one_that_was_told_its_partitions_takes_all_of_them_that_are_free() {
        let view = view(&vec![Some(2), None, None], &BTreeSet::from([2]), 1);
        assert_eq!(take_all(&BTreeSet::from([0, 1]), &view), Decision { take: vec![1], give: vec![] });
        assert_eq!(decide(&BTreeSet::from([0, 1]), &view, &BTreeSet::new()), Decision::default());
    }
}
