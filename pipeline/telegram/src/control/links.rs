//! Links out, each once, with what it leads to when the budget allows a look within some minutes.

use tickertape_broker::Phase;
use tickertape_records::{Link, Preview, topics};
use tokio::sync::watch;

use super::act::Failure;
use super::outbox::json;
use super::store::{Kind, OpenLink};
use super::{Control, pause};
use crate::error::{Error, Result};

/// What to do with the oldest link.
enum Next {
    /// With what is known of where it leads, and whether that was just looked at.
    Send {
        preview: Option<Box<Preview>>,
        looked: bool,
    },
    Wait,
}

impl Control {
    pub(super) async fn send_links(&self, mut phase: watch::Receiver<Phase>) -> Result<()> {
        loop {
            let open = self.store.open_link().await?;
            let waits = match open {
                Some(open) => match self.next_for(&open).await? {
                    Next::Send { preview, looked } => {
                        self.send_link(&open, preview.map(|preview| *preview), looked).await?;
                        false
                    }
                    Next::Wait => true,
                },
                None => true,
            };
            let until = async {
                if waits {
                    tokio::time::sleep(self.options.pace).await;
                }
            };
            if !pause(&mut phase, until).await {
                return Ok(());
            }
        }
    }

    async fn next_for(&self, open: &OpenLink) -> Result<Next> {
        let now = self.now();
        // Looked at before: the rest of what was seen then is on the log already.
        if let Some(known) = self.store.preview(&open.link, now - self.options.preview_fresh).await? {
            return Ok(Next::Send { preview: Some(Box::new(known)), looked: false });
        }
        if self.is_gone() || self.connection.session().is_bot() {
            return Ok(Next::Send { preview: None, looked: false });
        }
        let used = self.store.used(Kind::Lookup).await?;
        match used.next_at(self.allowance(Kind::Lookup), now) {
            Some(at) if at <= now => {}
            Some(at) if at <= open.seen_at + self.options.preview_patience => return Ok(Next::Wait),
            _ => return Ok(Next::Send { preview: None, looked: false }),
        }
        self.store.use_up(Kind::Lookup, used.and_one(now)).await?;
        match self.preview(&open.link).await {
            Ok(preview) => Ok(Next::Send { preview: Some(Box::new(preview)), looked: true }),
            Err(Failure::Refused(..)) => Ok(Next::Send { preview: None, looked: false }),
            Err(Failure::Error(error)) => match self.noticed(error).await? {
                error @ (Error::Log(_) | Error::Ledger(_)) => Err(error),
                Error::Flood { method, until } => {
                    self.wait(method, until).await?;
                    Ok(Next::Wait)
                }
                error => {
                    tracing::warn!(account = self.label(), link = open.link, %error, "no preview");
                    Ok(Next::Send { preview: None, looked: false })
                }
            },
        }
    }

    async fn send_link(&self, open: &OpenLink, preview: Option<Preview>, looked: bool) -> Result<()> {
        let link = Link::decode(open.record.as_bytes()).expect("only what was encoded is stored");
        let link = Link { preview, ..link };
        let record = self.about_chat(topics::LINKS, open.chat_id, json(&link)).await?;
        let looked = link.preview.as_ref().filter(|_| looked).map(|preview| (preview, self.now()));
        self.store.link_sent(open, record, looked).await?;
        self.outgoing.notify_one();
        Ok(())
    }
}
