//! Instructions: read once, worked on in order, each answered exactly once.
//!
//! | state | means | after a kill |
//! |---|---|---|
//! | waiting | Telegram was not asked | worked on as if it were new |
//! | begun | Telegram may have been asked: written before | Telegram is asked whether it happened; only if not, again |
//! | done | its answer is in the outbox | nothing is left to do |

use tickertape_broker::{Follower, Phase, TopicPartition};
use tickertape_records::{Action, DeadLetter, FailureReason, Instruction, Origin, Outcome, Report, topics};
use tokio::sync::watch;

use super::act::{Act, Failure};
use super::store::{Kind, Open, Reached};
use super::{Control, pause};
use crate::budget::{Allowance, Used};
use crate::error::{Error, Result};

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;
/// Seconds before Telegram is asked again after it did not answer.
const AGAIN_AFTER: i64 = 15;

/// Whether the budgets allow an instruction now.
enum Budget {
    /// They do, and this is what they are then.
    Allowed(Vec<(Kind, Used)>),
    /// From this moment on.
    At(i64),
    /// Never.
    Never,
}

impl Control {
    /// Takes this account's instructions from the log.
    pub(super) async fn read_instructions(&self, phase: watch::Receiver<Phase>) -> Result<()> {
        let at = TopicPartition::new(topics::INSTRUCTIONS, 0);
        let epoch = self.epoch(topics::INSTRUCTIONS).await?;
        let stored = self.store.position(topics::INSTRUCTIONS, 0).await?;
        let mut follower =
            Follower::open(std::sync::Arc::clone(&self.broker), at.clone(), stored, READ_BYTES, phase)
                .await?;
        while let Some(batches) = follower.next().await? {
            let (mut told, mut dead) = (Vec::new(), Vec::new());
            for record in batches.iter().flat_map(|batch| batch.iter()) {
                // The key says whose it is; another account's is not even read.
                if record.key != self.label().as_bytes() {
                    continue;
                }
                let wrong = match Instruction::decode(record.value) {
                    Ok(instruction) if instruction.account != self.label() => continue,
                    Ok(instruction) if instruction.id.contains('\0') => {
                        "a NUL in the instruction's id".to_owned() // no table could hold it
                    }
                    Ok(instruction) => {
                        told.push((instruction, String::from_utf8_lossy(record.value).into_owned()));
                        continue;
                    }
                    Err(error) => error.to_string(),
                };
                let (topic, partition) = (at.topic.clone(), at.partition);
                let origin = Origin::Topic { topic, partition, offset: record.offset };
                dead.push(self.dead(&DeadLetter::new(origin, wrong, record.value)).await?);
            }
            let reached =
                Reached { topic: topics::INSTRUCTIONS, partition: 0, epoch, next: follower.position() };
            self.store.told(&reached, &told, &dead).await?;
            self.instructed.notify_one();
            self.outgoing.notify_one();
        }
        Ok(())
    }

    pub(super) async fn epoch(&self, topic: &str) -> Result<u64> {
        Ok(self.broker.existing_topic(topic).await?.epoch)
    }

    /// Works on instructions, one after the other.
    pub(super) async fn work(&self, mut phase: watch::Receiver<Phase>) -> Result<()> {
        loop {
            if *phase.borrow_and_update() != Phase::Running {
                return Ok(());
            }
            match self.store.next_instruction(self.now()).await? {
                Some(open) => self.execute(open).await?,
                None => {
                    let told = async {
                        tokio::select! {
                            () = self.instructed.notified() => {}
                            () = tokio::time::sleep(self.options.pace) => {}
                        }
                    };
                    if !pause(&mut phase, told).await {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn execute(&self, open: Open) -> Result<()> {
        let Open { instruction, begun } = open;
        let now = self.now();
        // Until the answer is written, or a list of chats read in between would tell of a loss.
        let _membership = match instruction.action {
            Action::Join { .. } | Action::Leave { .. } => Some(self.membership.lock().await),
            _ => None,
        };
        if self.is_gone() {
            return self
                .fail(&instruction, FailureReason::Account, "the account is signed out or banned", None)
                .await;
        }
        if begun {
            match self.happened(&instruction.action).await {
                Ok(Some(act)) => return self.succeed(&instruction, act).await,
                Ok(None) => {} // Telegram says that it did not happen
                Err(error) => return self.stumble(&instruction, Failure::Error(error), now).await,
            }
        }
        if now > instruction.deadline {
            return self.fail(&instruction, FailureReason::Expired, "the deadline has passed", None).await;
        }
        let uses = match self.budget(&instruction.action, now).await? {
            Budget::Allowed(uses) => uses,
            Budget::At(at) if at <= instruction.deadline => {
                return self.store.postpone(&instruction.id, false, at).await;
            }
            Budget::At(at) => {
                let detail = "the account's budget allows it only after the deadline";
                return self.fail(&instruction, FailureReason::Flood, detail, Some(at)).await;
            }
            Budget::Never => {
                return self
                    .fail(&instruction, FailureReason::Flood, "the account's budget is nothing", None)
                    .await;
            }
        };
        self.store.begin(&instruction.id, &uses).await?;
        match self.act(&instruction.action).await {
            Ok(act) => self.succeed(&instruction, act).await,
            Err(failure) => self.stumble(&instruction, failure, now).await,
        }
    }

    async fn succeed(&self, instruction: &Instruction, act: Act) -> Result<()> {
        let report = Report::Answer { instruction: instruction.id.clone(), outcome: act.outcome };
        let mut records = act.records;
        records.push(self.report(report).await?);
        self.store.finish(&instruction.id, &records, act.membership).await?;
        if act.membership.is_some() {
            self.changed();
        }
        self.outgoing.notify_one();
        Ok(())
    }

    async fn fail(
        &self,
        instruction: &Instruction,
        reason: FailureReason,
        detail: &str,
        retry_at: Option<i64>,
    ) -> Result<()> {
        let outcome = Outcome::Failed { reason, detail: detail.to_owned(), retry_at };
        self.succeed(instruction, Act::only(outcome)).await
    }

    /// What to do when Telegram did not do it.
    async fn stumble(&self, instruction: &Instruction, failure: Failure, now: i64) -> Result<()> {
        let error = match failure {
            Failure::Refused(reason, detail) => return self.fail(instruction, reason, &detail, None).await,
            Failure::Error(error) => self.noticed(error).await?,
        };
        match error {
            Error::Flood { method, until } => {
                // Asked and refused: it did not happen.
                self.wait(method, until).await?;
                if until <= instruction.deadline {
                    self.store.postpone(&instruction.id, false, until).await
                } else {
                    self.fail(instruction, FailureReason::Flood, &error.to_string(), Some(until)).await
                }
            }
            Error::Unreachable { .. } if now <= instruction.deadline => {
                self.store.postpone(&instruction.id, true, now + AGAIN_AFTER).await
            }
            error @ (Error::Log(_) | Error::Ledger(_)) => Err(error),
            error if error.is_account_gone() => {
                self.fail(instruction, FailureReason::Account, &error.to_string(), None).await
            }
            error => self.fail(instruction, FailureReason::Other, &error.to_string(), None).await,
        }
    }

    /// Nothing of that kind is begun before Telegram allows it.
    pub(super) async fn wait(&self, method: &str, until: i64) -> Result<()> {
        let kind = match method {
            "channels.joinChannel" | "messages.importChatInvite" => Kind::Join,
            "contacts.resolveUsername" | "messages.checkChatInvite" => Kind::Lookup,
            _ => return Ok(()),
        };
        let used = self.store.used(kind).await?;
        self.store.use_up(kind, used.and_wait(until)).await
    }

    async fn budget(&self, action: &Action, now: i64) -> Result<Budget> {
        let mut kinds = kinds(action).to_vec();
        if let Action::Join { link } = action
            && self.needs_lookup(link).await?
        {
            kinds.push(Kind::Lookup);
        }
        let (mut at, mut uses) = (now, Vec::new());
        for kind in kinds {
            let used = self.store.used(kind).await?;
            let Some(next) = used.next_at(self.allowance(kind), now) else { return Ok(Budget::Never) };
            at = at.max(next);
            uses.push((kind, used.and_one(now)));
        }
        Ok(if at > now { Budget::At(at) } else { Budget::Allowed(uses) })
    }

    pub(super) fn allowance(&self, kind: Kind) -> Allowance {
        match kind {
            Kind::Join => self.account.joins(),
            Kind::Lookup => self.account.lookups(),
        }
    }
}

/// Which budgets an action uses; a join by a name that is not known uses a look-up too.
fn kinds(action: &Action) -> &'static [Kind] {
    match action {
        Action::Join { .. } => &[Kind::Join],
        Action::Resolve { .. } => &[Kind::Lookup],
        Action::Leave { .. } | Action::Describe { .. } | Action::Report => &[],
    }
}
