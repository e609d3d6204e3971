//! Whole attribution of real messages as the stage does it: mentions, verdict, reply chain; one core.
//!
//! The JSON around it is left out here and is part of the end-to-end figure.

use std::time::Instant;

use tickertape_attribution::chain::{Basis, Chain, ChainConfig, Node, Own};
use tickertape_attribution::{Matcher, Tally, Verdict};
use tickertape_records::Message;

use crate::workload;

const ROUNDS: usize = 5;

pub(crate) fn run() {
    let messages: Vec<Message> = workload::volume().collect();
    if messages.is_empty() {
        println!("attribution: skipped, TICKERTAPE_SHARED names no volume set");
        return;
    }
    let matcher = workload::matcher();
    let mut rates: Vec<f64> = Vec::new();
    let mut shares = [0_u64; 4];
    for _ in 0..ROUNDS {
        let began = Instant::now();
        shares = attribute(&matcher, &messages);
        rates.push(messages.len() as f64 / began.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    let percent = shares.map(|n| 100.0 * n as f64 / messages.len() as f64);
    println!(
        "attribution with parents: {:.2} M messages/s (median of {ROUNDS}; {} messages, mean text {} bytes; direct {:.1} %, inherited {:.1} %, tie {:.1} %, none {:.1} %)",
        rates[ROUNDS / 2] / 1e6,
        messages.len(),
        messages.iter().map(|message| message.text.len()).sum::<usize>() / messages.len(),
        percent[0],
        percent[1],
        percent[2],
        percent[3],
    );
}

fn attribute(matcher: &Matcher, messages: &[Message]) -> [u64; 4] {
    let mut chain = Chain::new(ChainConfig::default());
    let (mut mentions, mut resolved, mut tally) = (Vec::new(), Vec::new(), Tally::new(matcher));
    let mut shares = [0; 4];
    for (offset, message) in (0..).zip(messages) {
        mentions.clear();
        matcher.mentions(&message.text, &mut mentions);
        let own = match tally.count(&mentions) {
            Verdict::Direct(coin) => Own::Direct(chain.intern(matcher.coin_id(coin))),
            Verdict::Tie => Own::Tie,
            Verdict::None => Own::None,
        };
        let node = Node {
            chat_id: message.chat_id,
            message_id: message.message_id,
            date: message.date,
            edit_date: None,
            reply_to: message.reply_to_message_id.map(|id| (message.chat_id, id)),
            own,
            offset,
        };
        resolved.clear();
        chain.observe(&node, &mut resolved);
        if let Some(outcome) = resolved.first() {
            let share = match outcome.basis {
                Basis::Direct => 0,
                Basis::Inherited => 1,
                Basis::Tie => 2,
                Basis::None => 3,
            };
            shares[share] += 1;
        }
    }
    shares
}
