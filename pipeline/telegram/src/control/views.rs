//! The views of a channel's post, 5, 20 and 60 minutes after it was posted. What is due lies in Postgres, so a
//! restart counts late what it missed, and says when it did.

use std::collections::HashMap;

use grammers_client::tl;
use tickertape_broker::Phase;
use tickertape_records::{SCHEMA, ViewCount, topics};
use tokio::sync::watch;

use super::outbox::json;
use super::store::Due;
use super::{Control, pause};
use crate::error::{Error, Result};

/// Minutes after posting.
pub(super) const COUNTS: [i32; 3] = [5, 20, 60];

impl Control {
    /// One request each pace, of up to a hundred posts of one chat.
    pub(super) async fn count_views(&self, mut phase: watch::Receiver<Phase>) -> Result<()> {
        let mut not_before = 0;
        while pause(&mut phase, tokio::time::sleep(self.options.pace)).await {
            let now = self.now();
            if now < not_before || self.is_gone() {
                continue;
            }
            let dues = self.store.due_views(now).await?;
            let Some(first) = dues.first() else { continue };
            match self.views(first.chat_id, &dues).await {
                Ok(views) => self.counted(&dues, &views).await?,
                Err(error) => match self.noticed(error).await? {
                    error @ (Error::Log(_) | Error::Ledger(_)) => return Err(error),
                    Error::Flood { until, .. } => not_before = until,
                    error @ Error::Refused { .. } if !error.is_account_gone() => {
                        // The chat is closed to the account: nobody will ever know.
                        tracing::warn!(account = self.label(), chat_id = first.chat_id, %error, "views are refused");
                        self.store.counted(&dues, &[]).await?;
                    }
                    error => tracing::warn!(account = self.label(), %error, "views are counted later"),
                },
            }
        }
        Ok(())
    }

    async fn views(&self, chat_id: i64, dues: &[Due]) -> Result<HashMap<i64, (i64, Option<i64>)>> {
        let mut ids: Vec<i32> = dues.iter().filter_map(|due| due.message_id.try_into().ok()).collect();
        ids.sort_unstable();
        ids.dedup();
        let request = tl::functions::messages::GetMessagesViews {
            peer: self.input_peer(chat_id),
            id: ids.clone(),
            increment: false,
        };
        let tl::enums::messages::MessageViews::Views(answer) = self.connection.invoke(&request).await?;
        let counts = answer.views.iter().map(|tl::enums::MessageViews::Views(views)| views);
        Ok(ids
            .iter()
            .zip(counts)
            .filter_map(|(id, count)| {
                Some((i64::from(*id), (i64::from(count.views?), count.forwards.map(i64::from))))
            })
            .collect())
    }

    /// Posts without a count are deleted.
    async fn counted(&self, dues: &[Due], views: &HashMap<i64, (i64, Option<i64>)>) -> Result<()> {
        let counted_at = self.now();
        let mut records = Vec::new();
        for due in dues {
            let Some((views, forwards)) = views.get(&due.message_id).copied() else { continue };
            let record = ViewCount {
                schema: SCHEMA,
                chat_id: due.chat_id,
                message_id: due.message_id,
                date: due.date,
                after_minutes: due.after_minutes.unsigned_abs(),
                views,
                forwards,
                counted_at,
                account: self.label().to_owned(),
            };
            records.push(self.about_chat(topics::VIEWS, due.chat_id, json(&record)).await?);
        }
        self.store.counted(dues, &records).await?;
        self.outgoing.notify_one();
        Ok(())
    }
}
