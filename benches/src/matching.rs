//! Matching and counting against the bare scan of the same automaton over the same real texts.
//!
//! Rounds alternate, so that a busy machine slows both sides; the ratio is the median of rounds.

use std::time::{Duration, Instant};

use tickertape_attribution::{Matcher, Tally, Verdict};

use crate::workload;

const ROUNDS: usize = 9;

/// Matching must reach this share of the bare scan's speed.
const TARGET: f64 = 0.6;

/// Measures, and prints what it measured.
pub(crate) fn run() {
    let texts: Vec<String> = workload::volume().map(|message| message.text).collect();
    if texts.is_empty() {
        println!("matching: skipped, TICKERTAPE_SHARED names no volume set");
        return;
    }
    let bytes: usize = texts.iter().map(String::len).sum();
    let matcher = workload::matcher();
    let mut rounds: Vec<(Duration, Duration)> = Vec::with_capacity(ROUNDS);
    let (mut hits, mut direct) = (0, 0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        hits = texts.iter().map(|text| matcher.automaton().find_iter(text).count()).sum();
        let scan = start.elapsed();
        let start = Instant::now();
        direct = count_direct(&matcher, &texts);
        rounds.push((scan, start.elapsed()));
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let seconds = |pick: fn(&(Duration, Duration)) -> Duration| {
        median(rounds.iter().map(|round| pick(round).as_secs_f64()).collect())
    };
    let (scan, matching) = (seconds(|round| round.0), seconds(|round| round.1));
    let ratio = median(rounds.iter().map(|(scan, all)| scan.as_secs_f64() / all.as_secs_f64()).collect());
    let megabytes = bytes as f64 / 1e6;
    println!("matching: {} texts, {megabytes:.0} MB, {hits} hits, {direct} direct", texts.len());
    println!("  bare DFA scan         {:7.0} MB/s", megabytes / scan);
    println!(
        "  matching and counting {:7.0} MB/s, {:.2} M messages/s",
        megabytes / matching,
        texts.len() as f64 / matching / 1e6
    );
    let verdict = if ratio >= TARGET { "reached" } else { "missed" };
    println!("  ratio, median of {ROUNDS} rounds: {ratio:.2} (target {TARGET} {verdict})");
}

fn count_direct(matcher: &Matcher, texts: &[String]) -> usize {
    let mut mentions = Vec::new();
    let mut tally = Tally::new(matcher);
    let direct = |text: &&String| {
        matcher.mentions(text, &mut mentions);
        matches!(tally.count(&mentions), Verdict::Direct(_))
    };
    texts.iter().filter(direct).count()
}
