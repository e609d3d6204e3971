//! What the stages count, and the bar that shows it on a terminal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use tickertape_records::topics;
use tickertape_sinks::Progress as SinkProgress;

/// Counts of every stage of this process.
#[derive(Default, Clone)]
pub(crate) struct Counters {
    pub(crate) import: Arc<tickertape_import::Progress>,
    pub(crate) attribution: Arc<tickertape_attributor::Progress>,
    pub(crate) postgres_messages: Arc<SinkProgress>,
    pub(crate) parquet_messages: Arc<SinkProgress>,
    /// Every topic but messages: not on the bar, they are few.
    postgres_others: Arc<SinkProgress>,
    parquet_others: Arc<SinkProgress>,
}

impl Counters {
    pub(crate) fn postgres(&self, topic: &str) -> Arc<SinkProgress> {
        if topic == topics::ATTRIBUTED {
            self.postgres_messages.clone()
        } else {
            self.postgres_others.clone()
        }
    }

    pub(crate) fn parquet(&self, topic: &str) -> Arc<SinkProgress> {
        if topic == topics::ATTRIBUTED { self.parquet_messages.clone() } else { self.parquet_others.clone() }
    }

    /// Each sink by name, with its counts.
    pub(crate) fn sinks(&self) -> [(&'static str, [&SinkProgress; 2]); 2] {
        [
            ("postgres", [&self.postgres_messages, &self.postgres_others]),
            ("parquet", [&self.parquet_messages, &self.parquet_others]),
        ]
    }
}

/// The bar, drawn by a task of its own.
pub(crate) struct Drawing {
    bar: ProgressBar,
    task: tokio::task::JoinHandle<()>,
}

/// Draws on standard error while it is a terminal; quiet otherwise.
pub(crate) fn draw(counters: &Counters) -> Drawing {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:30.cyan/dim} {bytes}/{total_bytes}  {msg}  {elapsed}");
    bar.set_style(style.expect("the template is valid"));
    let (drawn, counters) = (bar.clone(), counters.clone());
    let task = tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let count = |n: &AtomicU64| HumanCount(n.load(Ordering::Relaxed));
        loop {
            tick.tick().await;
            drawn.set_length(counters.import.bytes_total.load(Ordering::Relaxed));
            drawn.set_position(counters.import.bytes_read.load(Ordering::Relaxed));
            drawn.set_message(format!(
                "read {}  attributed {}  postgres {}  parquet {}",
                count(&counters.import.messages),
                HumanCount(counters.attribution.messages()),
                count(&counters.postgres_messages.records),
                count(&counters.parquet_messages.records),
            ));
        }
    });
    Drawing { bar, task }
}

impl Drawing {
    pub(crate) fn finish(self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}
