//! Each rule of the chain by an example.

use tickertape_attribution::chain::{Basis, Chain, ChainConfig, Node, Own, Resolved, Seen};

const DAY: i64 = 24 * 60 * 60;
const NOON: i64 = 1_600_000_000;

fn chain() -> Chain {
    Chain::new(ChainConfig::default())
}

/// A message of chat 1 that says nothing.
fn message(message_id: i64) -> Node {
    Node { chat_id: 1, message_id, date: NOON, offset: message_id as u64, ..Node::default() }
}

fn reply(message_id: i64, parent: i64) -> Node {
    Node { reply_to: Some((1, parent)), ..message(message_id) }
}

fn direct(chain: &mut Chain, message_id: i64, coin: &str) -> Node {
    Node { own: Own::Direct(chain.intern(coin)), ..message(message_id) }
}

fn observe(chain: &mut Chain, node: &Node) -> Vec<Resolved> {
    let mut out = Vec::new();
    chain.observe(node, &mut out);
    out
}

/// Message id, coin, depth and revision of each outcome.
fn told(chain: &Chain, out: &[Resolved]) -> Vec<(i64, Option<String>, u32, u32)> {
    let coin = |resolved: &Resolved| resolved.coin.map(|coin| chain.coin_id(coin).to_owned());
    out.iter().map(|each| (each.message_id, coin(each), each.depth, each.revision)).collect()
}

fn bitcoin(message_id: i64, depth: u32, revision: u32) -> (i64, Option<String>, u32, u32) {
    (message_id, Some("bitcoin".into()), depth, revision)
}

fn none(message_id: i64, revision: u32) -> (i64, Option<String>, u32, u32) {
    (message_id, None, 0, revision)
}

#[test]
fn a_coin_goes_down_a_chain_of_replies() {
    let mut chain = chain();
    let root = direct(&mut chain, 1, "bitcoin");
    assert_eq!(observe(&mut chain, &root)[0].basis, Basis::Direct);
    observe(&mut chain, &reply(2, 1));
    let tie = Node { own: Own::Tie, ..reply(3, 2) };
    let out = observe(&mut chain, &tie);
    assert_eq!((told(&chain, &out), out[0].basis), (vec![bitcoin(3, 2, 0)], Basis::Inherited));
    let own = Node { reply_to: Some((1, 3)), ..direct(&mut chain, 4, "ethereum") };
    let out = observe(&mut chain, &own);
    assert_eq!((out[0].basis, out[0].depth), (Basis::Direct, 0));
}

#[test]
fn without_an_ancestor_a_tie_stays_a_tie_and_nothing_stays_nothing() {
    let mut chain = chain();
    let bases = [Own::Tie, Own::None]
        .map(|own| observe(&mut chain, &Node { own, ..reply(own_id(own), 99) })[0].basis);
    assert_eq!(bases, [Basis::Tie, Basis::None]);
}

fn own_id(own: Own) -> i64 {
    if own == Own::Tie { 1 } else { 2 }
}

#[test]
fn an_ancestor_counts_for_the_ttl_by_its_own_chats_dates() {
    for (later, inherits) in [(8 * DAY, true), (8 * DAY + 1, false)] {
        let mut chain = chain();
        let root = direct(&mut chain, 1, "bitcoin");
        observe(&mut chain, &root);
        let elsewhere = Node { chat_id: 2, date: NOON + 100 * DAY, reply_to: Some((1, 1)), ..message(1) };
        assert_eq!(
            observe(&mut chain, &elsewhere)[0].basis,
            Basis::Inherited,
            "chat 1 is still at its own noon"
        );
        let out = observe(&mut chain, &Node { date: NOON + later, ..reply(2, 1) });
        assert_eq!(out[0].coin.is_some(), inherits);
    }
}

#[test]
fn message_ids_of_two_chats_are_two_messages() {
    let mut chain = chain();
    let root = direct(&mut chain, 1, "bitcoin");
    observe(&mut chain, &root);
    let own_chat = Node { chat_id: 2, reply_to: Some((2, 1)), ..message(2) };
    assert_eq!(observe(&mut chain, &own_chat)[0].basis, Basis::None);
}

#[test]
fn late_parents_revise_their_descendants_in_order() {
    let mut chain = chain();
    for node in [reply(5, 4), reply(4, 2), reply(3, 2), reply(6, 4)] {
        assert_eq!(observe(&mut chain, &node)[0].coin, None);
    }
    let root = direct(&mut chain, 2, "bitcoin");
    let out = observe(&mut chain, &root);
    let expected =
        vec![bitcoin(2, 0, 0), bitcoin(3, 1, 1), bitcoin(4, 1, 1), bitcoin(5, 2, 1), bitcoin(6, 2, 1)];
    assert_eq!(told(&chain, &out), expected);
    assert_eq!(out[3].offset, 5, "the offset leads back to the reply's own record");
    assert_eq!(chain.stats().late_revisions, 4);
}

#[test]
fn a_parent_that_comes_too_late_changes_nothing() {
    let mut chain = chain();
    observe(&mut chain, &Node { date: NOON + 8 * DAY + 1, ..reply(2, 1) });
    let root = direct(&mut chain, 1, "bitcoin");
    assert_eq!(observe(&mut chain, &root).len(), 1);
}

#[test]
fn a_reply_past_its_ttl_is_not_revised() {
    let mut chain = chain();
    observe(&mut chain, &reply(2, 1));
    let elsewhere = Node { chat_id: 2, reply_to: Some((1, 1)), ..message(1) };
    observe(&mut chain, &elsewhere);
    let root = Node { date: NOON + 8 * DAY + 1, ..direct(&mut chain, 1, "bitcoin") };
    let out = observe(&mut chain, &root);
    assert_eq!(out.len(), 2);
    assert_eq!(out[1].chat_id, 2, "the other chat's time stands still");
}

#[test]
fn an_edit_revises_what_was_attributed_through_it() {
    let mut chain = chain();
    let root = direct(&mut chain, 1, "bitcoin");
    for node in [root, reply(2, 1), reply(3, 2)] {
        observe(&mut chain, &node);
    }
    let edited = Node { own: Own::None, edit_date: Some(NOON + 1), offset: 9, ..root };
    let out = observe(&mut chain, &edited);
    assert_eq!(told(&chain, &out), vec![none(1, 1), none(2, 1), none(3, 1)]);
    assert_eq!(out[0].offset, 9);

    let moved = Node { reply_to: Some((1, 4)), edit_date: Some(NOON + 2), ..message(2) };
    observe(&mut chain, &moved);
    let other = direct(&mut chain, 4, "bitcoin");
    let out = observe(&mut chain, &other);
    assert_eq!(told(&chain, &out), vec![bitcoin(4, 0, 0), bitcoin(2, 1, 3), bitcoin(3, 2, 2)]);
}

#[test]
fn circles_end_in_none() {
    let mut chain = chain();
    assert_eq!(observe(&mut chain, &reply(1, 1))[0].basis, Basis::None);
    for node in [reply(2, 3), reply(3, 4), reply(4, 2), reply(5, 4)] {
        assert_eq!(observe(&mut chain, &node).len(), 1);
    }
    assert_eq!(chain.lookup(1, 5).map(|known| known.coin), Some(None));
}

#[test]
fn a_circle_closed_by_an_edit_loses_the_coin_it_went_round_with() {
    let mut chain = chain();
    let root = Node { reply_to: Some((1, 3)), ..direct(&mut chain, 1, "bitcoin") };
    for node in [root, reply(2, 1), reply(3, 2), reply(4, 3)] {
        observe(&mut chain, &node);
    }
    let edited = Node { own: Own::Tie, edit_date: Some(NOON), ..root };
    let out = observe(&mut chain, &edited);
    assert_eq!(told(&chain, &out), vec![none(1, 1), none(2, 1), none(3, 1), none(4, 1)]);
    assert_eq!(out[0].basis, Basis::Tie);

    let opened = Node { edit_date: Some(NOON + 1), ..direct(&mut chain, 3, "bitcoin") };
    let out = observe(&mut chain, &opened);
    assert_eq!(
        told(&chain, &out),
        vec![bitcoin(3, 0, 2), bitcoin(1, 1, 2), bitcoin(4, 1, 2), bitcoin(2, 2, 2)]
    );
}

#[test]
fn a_chain_as_long_as_a_history_needs_no_stack() {
    let mut chain = chain();
    let last = 200_000;
    for message_id in (2..=last).rev() {
        observe(&mut chain, &reply(message_id, message_id - 1));
    }
    let root = direct(&mut chain, 1, "bitcoin");
    let out = observe(&mut chain, &root);
    assert_eq!(told(&chain, &out[out.len() - 1..]), vec![bitcoin(last, last as u32 - 1, 1)]);
    // And so does closing it to a circle.
    let edited = Node { own: Own::None, edit_date: Some(NOON), reply_to: Some((1, last)), ..root };
    assert_eq!(observe(&mut chain, &edited).len() as i64, last);
}

#[test]
fn each_version_counts_once_in_the_whole_history() {
    let mut chain = Chain::new(ChainConfig { max_entries: 100, ..ChainConfig::default() });
    let mut out = Vec::new();
    for message_id in 0..5_000 {
        let node = Node { date: NOON + message_id * DAY, ..reply(message_id, message_id - 1) };
        assert_eq!(chain.observe(&node, &mut out), Seen::New);
    }
    for message_id in 0..5_000 {
        assert_eq!(chain.observe(&reply(message_id, message_id - 1), &mut out), Seen::Duplicate);
        assert!(out.is_empty());
    }
    assert!(chain.stats().entries <= 100);
    let edited = Node { edit_date: Some(NOON), ..message(7) };
    let stale = Node { edit_date: Some(NOON - 1), ..message(7) };
    let seen = [edited, edited, stale, message(7)].map(|node| chain.observe(&node, &mut out));
    assert_eq!(seen, [Seen::Edit, Seen::Duplicate, Seen::Stale, Seen::Stale]);
}

#[test]
fn absurd_ids_and_dates_are_taken_as_they_come() {
    let absurd = [i64::MIN, -1 << 32, -1, 0, 1 << 32, i64::MAX];
    let configs = [ChainConfig::default(), ChainConfig { ttl_seconds: -5, max_entries: 0 }];
    for config in configs.into_iter().chain([ChainConfig { ttl_seconds: i64::MAX, max_entries: 3 }]) {
        let mut chain = Chain::new(config);
        let bitcoin = chain.intern("bitcoin");
        let mut out = Vec::new();
        for chat_id in absurd {
            for message_id in absurd {
                for (date, edit_date) in absurd.into_iter().zip([None; 3].into_iter().chain(absurd.map(Some)))
                {
                    let reply_to = Some((message_id, chat_id));
                    let own = if message_id == 0 { Own::Direct(bitcoin) } else { Own::None };
                    let node = Node { chat_id, message_id, date, edit_date, reply_to, own, offset: u64::MAX };
                    chain.observe(&node, &mut out);
                }
            }
        }
    }
}
