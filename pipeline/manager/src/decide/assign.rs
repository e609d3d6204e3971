//! Who joins what: each candidate goes to the account with the fewest dialogs that may join now.

use tickertape_records::Action;

use super::{ChannelState, Number, State};

impl State {
    /// Hands out candidates, those that wait longest first, until no account may join any more.
    pub(super) fn assign(&mut self) {
        let mut free: Vec<String> = self
            .accounts
            .values()
            .filter(|account| account.can_join(self.now, &self.options))
            .map(|account| account.label.clone())
            .collect();
        let mut after = (i64::MIN, Number::MIN);
        while !free.is_empty() {
            let next = self.queue.range(after..).next().copied();
            let Some((not_before, number)) = next.filter(|&(not_before, _)| not_before <= self.now) else {
                return;
            };
            after = (not_before, number + 1);
            if self.resume(number) {
                continue;
            }
            let Some(link) = self.channel(number).join_link() else {
                self.set_state(number, ChannelState::Broken, "no link by which an account could join");
                continue;
            };
            let barred = &self.channel(number).barred;
            let fewest = free
                .iter()
                .filter(|label| !barred.contains(*label))
                .min_by_key(|label| (self.accounts[*label].load(), *label))
                .cloned();
            let Some(label) = fewest else {
                if self.accounts.keys().all(|label| barred.contains(label)) {
                    let reason = "it has banned every account: add another account, then the channel again";
                    self.set_state(number, ChannelState::Broken, reason);
                }
                continue;
            };
            self.join(number, &label, link);
            if !self.accounts[&label].can_join(self.now, &self.options) {
                free.retain(|other| *other != label);
            }
        }
    }

    /// Goes on waiting for a join that is under way already, though the channel was given up in between.
    fn resume(&mut self, number: Number) -> bool {
        let under_way = self.accounts.values().filter(|account| account.working).find_map(|account| {
            let join = self.asked.get(&(account.label.clone(), "join", number))?;
            Some((account.label.clone(), *join))
        });
        let Some((label, join)) = under_way else { return false };
        self.set_owner(number, Some(&label));
        self.set_state(number, ChannelState::Joining, format!("{label} is joining already"));
        self.channel_mut(number).join = Some(join);
        true
    }

    fn join(&mut self, number: Number, label: &str, link: String) {
        let instruction = self.instruct(label, Action::Join { link }, Some(number));
        let now = self.now;
        let gap = self.options.join_gap_seconds;
        let account = self.account_mut(label);
        account.turn_day(now);
        account.joins_today += 1;
        account.joins_left = account.joins_left.saturating_sub(1);
        account.next_join_at = now + gap + scatter(instruction, gap / 2);
        self.set_owner(number, Some(label));
        self.set_state(number, ChannelState::Joining, format!("{label} was told to join"));
        self.channel_mut(number).join = Some(instruction);
    }
}

/// A number from 0 to `most` that looks random and is the same every time: joins at even distances look like a
/// machine's.
fn scatter(seed: Number, most: i64) -> i64 {
    let spread = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    (spread % (most.max(0) as u64 + 1)) as i64
}
