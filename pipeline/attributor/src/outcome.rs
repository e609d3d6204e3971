//! From a text to the outcome that goes on the topic: the matcher, with the names the records use.

use tickertape_attribution::chain::{self, Chain, Own, Resolved};
use tickertape_attribution::{Error, Matcher, Mention, Options, Tally, Verdict};
use tickertape_coins::{CoinList, Rules};
use tickertape_records::{Attribution, Basis, MentionCount};

/// Reads one text after another under one coin list.
pub(crate) struct Reader {
    matcher: Matcher,
    version: u64,
    mentions: Vec<Mention>,
    tally: Tally,
}

impl Reader {
    pub(crate) fn new(list: &CoinList, matching: &Options) -> Result<Self, Error> {
        let matcher = Matcher::new(list, &Rules::builtin(), *matching)?;
        let tally = Tally::new(&matcher);
        Ok(Self { matcher, version: list.version, mentions: Vec::new(), tally })
    }

    /// Version of the coin list.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Reads a text: what it says by itself.
    pub(crate) fn read(&mut self, text: &str) -> Verdict {
        self.mentions.clear();
        self.matcher.mentions(text, &mut self.mentions);
        self.tally.count(&self.mentions)
    }

    /// The verdict in the terms of the chain, which outlives coin lists and so has numbers of its own.
    pub(crate) fn own(&self, verdict: Verdict, chain: &mut Chain) -> Own {
        match verdict {
            Verdict::Direct(coin) => Own::Direct(chain.intern(self.matcher.coin_id(coin))),
            Verdict::Tie => Own::Tie,
            Verdict::None => Own::None,
        }
    }

    /// The outcome as it is recorded, with the mentions of the text read last.
    pub(crate) fn attribution(
        &self,
        outcome: &Resolved,
        chain: &Chain,
        caused_by: (u64, u32),
    ) -> Attribution {
        Attribution {
            coin_id: outcome.coin.map(|coin| chain.coin_id(coin).to_owned()),
            basis: basis(outcome.basis),
            depth: outcome.depth,
            mentions: MentionCount::of(&self.tally, &self.matcher),
            coin_list_version: self.version,
            revision: outcome.revision,
            input_offset: caused_by.0,
            sequence: caused_by.1,
        }
    }

    /// What a deletion is recorded with: it has no coin, and its place among the outputs is all that it says.
    pub(crate) fn deletion(&self, input_offset: u64) -> Attribution {
        Attribution { coin_list_version: self.version, input_offset, ..Attribution::default() }
    }
}

pub(crate) fn basis(basis: chain::Basis) -> Basis {
    match basis {
        chain::Basis::Direct => Basis::Direct,
        chain::Basis::Inherited => Basis::Inherited,
        chain::Basis::Tie => Basis::Tie,
        chain::Basis::None => Basis::None,
    }
}
