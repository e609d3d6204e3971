//! What time alone brings about: late answers, silent accounts, links to look up.

use tickertape_records::{AccountState, Action, FailureReason};

use super::{ChannelState, Number, State};

impl State {
    /// Gives up instructions whose answer is late.
    pub(super) fn expire(&mut self) {
        let latest = self.now - self.options.answer_seconds;
        while let Some(&(deadline, number)) = self.deadlines.first()
            && deadline < latest
        {
            let Some(open) = self.close(number, "late", String::new()) else { return };
            self.failed(&open, FailureReason::Expired, "no answer came", None);
        }
    }

    /// Finds the accounts that have fallen silent, and asks those that are about to.
    pub(super) fn look_after_accounts(&mut self) {
        let (now, patience) = (self.now, self.options.silent_seconds);
        let labels: Vec<String> = self.accounts.keys().cloned().collect();
        for label in labels {
            let account = &self.accounts[&label];
            if !account.working {
                continue;
            }
            let silent_for = now - account.last_seen;
            if silent_for >= patience {
                self.account_mut(&label).working = false;
                self.release(&label);
            } else if silent_for * 2 >= patience
                && account.state != AccountState::Offline
                && !self.is_asked(&label, "report", 0)
            {
                self.instruct(&label, Action::Report, None);
            }
        }
    }

    /// Has an account look where a discovered channel's links lead.
    pub(super) fn look_up(&mut self, number: Number) {
        let channel = self.channel(number);
        if channel.join.is_some() {
            return;
        }
        if channel.not_before > self.now {
            let at = channel.not_before;
            return self.schedule(number, at);
        }
        let Some(link) = channel.links.first().cloned() else { return };
        let seen_in = channel.sightings.first().copied().unwrap_or_default();
        let free = self.accounts.values().filter(|account| account.can_look_up(self.now, &self.options));
        let Some(label) = free.min_by_key(|account| (account.lookups_today, account.load())) else {
            return self.schedule(number, self.now + self.options.retry_seconds);
        };
        let label = label.label.clone();
        let instruction = self.instruct(&label, Action::Resolve { link, seen_in }, Some(number));
        let now = self.now;
        let account = self.account_mut(&label);
        account.turn_day(now);
        account.lookups_today += 1;
        self.channel_mut(number).join = Some(instruction);
    }

    /// A look-up is done; the preview comes on topic `links`, before this or after.
    pub(super) fn looked_up(&mut self, number: Number, instruction: Number) {
        let retry_at = self.now + self.options.retry_seconds;
        let most = self.options.attempts;
        let channel = self.channel_mut(number);
        if channel.join != Some(instruction) {
            return;
        }
        channel.join = None;
        channel.attempts += 1;
        channel.not_before = retry_at; // time for the preview to arrive
        if channel.attempts >= most && channel.verdict.is_none() && channel.state == ChannelState::Discovered
        {
            let reason = format!("looked up {most} times without a preview");
            self.set_state(number, ChannelState::Broken, reason);
        } else {
            self.schedule(number, retry_at);
        }
    }

    pub(super) fn look_up_failed(
        &mut self,
        number: Number,
        instruction: Number,
        why: FailureReason,
        text: &str,
        retry_at: i64,
    ) {
        let most = self.options.attempts;
        let channel = self.channel_mut(number);
        if channel.join != Some(instruction) {
            return;
        }
        (channel.join, channel.not_before) = (None, retry_at);
        let counts = !matches!(why, FailureReason::Flood | FailureReason::Account);
        channel.attempts += u32::from(counts);
        let tired = channel.attempts >= most;
        if channel.state != ChannelState::Discovered {
            return;
        }
        match why {
            FailureReason::NotAChannel => self.set_state(number, ChannelState::Rejected, text),
            FailureReason::NotFound | FailureReason::Private => {
                self.set_state(number, ChannelState::Broken, text);
            }
            _ if tired => {
                let reason = format!("looked up {most} times, at last: {text}");
                self.set_state(number, ChannelState::Broken, reason);
            }
            _ => self.schedule(number, retry_at),
        }
    }
}
