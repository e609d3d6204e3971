//! `tickertape explain`: a text with its mentions marked, the counts, the verdict and why.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tickertape_attribution::{Candidate, Matcher, Mention, Tally, Verdict};
use tickertape_coins::Rules;

use crate::cli::ExplainArgs;
use crate::coins;
use crate::config::Config;
use crate::table::escape;

pub(crate) fn run(args: &ExplainArgs) -> Result<()> {
    let config = Config::load(args.common.config.as_deref())?;
    let list = coins::load(args.common.coins.as_deref(), &config)?;
    let matcher = Matcher::new(&list, &Rules::builtin(), config.matching()?)?;
    let stdout = io::stdout();
    let colour = stdout.is_terminal();
    let mut out = io::BufWriter::new(stdout.lock());
    let explained = match &args.text {
        Some(text) => explain(&matcher, text, colour, &mut out).map_err(anyhow::Error::from),
        None => answer_lines(&matcher, io::stdin().lock(), &mut out),
    };
    match explained {
        Err(error) if is_broken_pipe(&error) => Ok(()), // `| head` has seen enough
        explained => explained,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn explain(matcher: &Matcher, text: &str, colour: bool, out: &mut impl Write) -> io::Result<()> {
    let mut mentions = Vec::new();
    matcher.mentions(text, &mut mentions);
    let mut tally = Tally::new(matcher);
    let verdict = tally.count(&mentions);
    let (on, off) = if colour { ("\x1b[1;32m[", "]\x1b[0m") } else { ("[", "]") };

    writeln!(out, "{}", marked(text, &mentions, on, off))?;
    for count in tally.counts() {
        writeln!(out, "  {:>3} × {}", count.count, matcher.coin_id(count.coin))?;
    }
    for candidate in matcher.explain(text) {
        writeln!(out, "  {}", describe(matcher, text, &candidate))?;
    }
    let why = match verdict {
        Verdict::Direct(coin) if tally.counts().len() == 1 => {
            format!("{}: the only coin mentioned", matcher.coin_id(coin))
        }
        Verdict::Direct(coin) => format!("{}: mentioned most", matcher.coin_id(coin)),
        Verdict::Tie => {
            "no coin: a tie at the top; it would inherit the coin of the message it replies to".into()
        }
        Verdict::None => {
            "no coin: none is mentioned; it would inherit that of the message it replies to".into()
        }
    };
    writeln!(out, "{why}")?;
    out.flush()
}

/// The text with each mention between `on` and `off`; whatever else it holds cannot move a terminal's cursor.
fn marked(text: &str, mentions: &[Mention], on: &str, off: &str) -> String {
    let mut marked = String::new();
    let mut position = 0;
    for mention in mentions {
        marked.push_str(&escape(&text[position..mention.start]));
        marked.push_str(on);
        marked.push_str(&escape(&text[mention.start..mention.end]));
        marked.push_str(off);
        position = mention.end;
    }
    marked + &escape(&text[position..])
}

fn describe(matcher: &Matcher, text: &str, candidate: &Candidate) -> String {
    let sign = if candidate.counted { '+' } else { '-' };
    let form = escape(&text[candidate.start..candidate.end]);
    let coin = candidate.coin.map_or("no coin", |coin| matcher.coin_id(coin));
    format!("{sign} {form:?} {} of {coin}: {}", candidate.kind.name(), candidate.reason)
}

/// A line of `explain --jsonl` on standard input.
#[derive(Deserialize)]
struct Question {
    /// Returned as it is: any JSON.
    key: serde_json::Value,
    text: String,
}

/// A line of `explain --jsonl` on standard output.
#[derive(Serialize)]
struct Answer<'a> {
    key: serde_json::Value,
    coin_id: Option<&'a str>,
    basis: &'static str,
    mentions: BTreeMap<&'a str, u32>,
}

fn answer_lines(matcher: &Matcher, lines: impl BufRead, out: &mut impl Write) -> Result<()> {
    let mut mentions = Vec::new();
    let mut tally = Tally::new(matcher);
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.with_context(|| format!("line {number} of standard input cannot be read"))?;
        if line.trim().is_empty() {
            continue;
        }
        let question: Question = serde_json::from_str(&line).with_context(|| {
            format!("line {number} of standard input is not {{\"key\":…, \"text\":\"…\"}}")
        })?;
        mentions.clear();
        matcher.mentions(&question.text, &mut mentions);
        let (coin_id, basis) = match tally.count(&mentions) {
            Verdict::Direct(coin) => (Some(matcher.coin_id(coin)), "direct"),
            Verdict::Tie => (None, "tie"),
            Verdict::None => (None, "none"),
        };
        let counts = tally.counts().iter().map(|count| (matcher.coin_id(count.coin), count.count)).collect();
        serde_json::to_writer(&mut *out, &Answer { key: question.key, coin_id, basis, mentions: counts })?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
