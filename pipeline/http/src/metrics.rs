//! What is counted, as Prometheus reads it. `docs/metrics.md` has the rule by which metrics are named, and lists them.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::source::Lag;

/// The format that is answered.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a process has counted, read at one moment. What is not known is empty or none, and is not shown.
///
/// Labels have few values, none of which comes from a message, a chat or a person.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Records dealt with since the process began, by stage.
    pub records: Vec<(&'static str, u64)>,
    /// Records that could not be understood since the process began, by stage.
    pub dead_letters: Vec<(&'static str, u64)>,
    /// Messages attributed since the process began, by how their coin was found, or why there is none.
    pub attributed: Vec<(&'static str, u64)>,
    /// Messages emitted again since the process began.
    pub revisions: Option<u64>,
    /// How far behind each stage is.
    pub lag: Vec<Lag>,
    /// Channels by state.
    pub channels: Vec<(String, u64)>,
    /// Accounts by state.
    pub accounts: Vec<(String, u64)>,
    /// Accounts that work.
    pub accounts_working: Option<u64>,
    /// Instructions that are not answered yet.
    pub instructions_open: Option<u64>,
    /// The coin list in force.
    pub coin_list_version: Option<u64>,
    /// When CoinGecko's answer was last taken, Unix seconds.
    pub coin_list_accepted_at: Option<i64>,
    /// Calls to CoinGecko this month, and how many may be made.
    pub coingecko_calls: Option<(u64, u64)>,
}

type Labels = Vec<(&'static str, String)>;

/// The metrics as text.
pub(crate) fn text(figures: &Figures, resident_bytes: Option<u64>) -> String {
    let mut sheet = Sheet(Registry::with_prefix("tickertape"));
    let by = |label: &'static str, values: &[(&'static str, u64)]| -> Vec<(Labels, u64)> {
        values.iter().map(|&(value, count)| (vec![(label, value.to_owned())], count)).collect()
    };
    let by_state = |values: &[(String, u64)]| -> Vec<(Labels, u64)> {
        values.iter().map(|(state, count)| (vec![("state", state.clone())], *count)).collect()
    };
    let one = |value: Option<u64>| value.map(|value| (Labels::new(), value)).into_iter().collect::<Vec<_>>();

    sheet.counters("records", "Records dealt with", by("stage", &figures.records));
    sheet.counters(
        "dead_letters",
        "Records that could not be understood",
        by("stage", &figures.dead_letters),
    );
    let help = "Messages attributed for the first time, by how their coin was found";
    sheet.counters("attributed_messages", help, by("basis", &figures.attributed));
    let help = "Messages emitted again: edited, or an ancestor became known or changed";
    sheet.counters("attribution_revisions", help, one(figures.revisions));
    let lag = figures.lag.iter().map(|lag| {
        let partition = lag.partition.to_string();
        (vec![("stage", lag.stage.clone()), ("topic", lag.topic.clone()), ("partition", partition)], lag.lag)
    });
    let records = Unit::Other("records".into());
    sheet.gauges("lag", "Records on the log that a stage has not dealt with", Some(records), lag.collect());
    sheet.gauges("channels", "Channels the manager knows", None, by_state(&figures.channels));
    sheet.gauges("accounts", "Accounts, by what they last said", None, by_state(&figures.accounts));
    let help = "Accounts that report and can read what they follow";
    sheet.gauges("accounts_working", help, None, one(figures.accounts_working));
    let help = "Instructions that are not answered yet";
    sheet.gauges("instructions_open", help, None, one(figures.instructions_open));
    let help = "Version of the coin list in force";
    sheet.gauges("coin_list_version", help, None, one(figures.coin_list_version));
    let accepted = figures.coin_list_accepted_at.and_then(|at| u64::try_from(at).ok());
    let help = "When an answer of CoinGecko was last taken, changed or not";
    sheet.gauges("coin_list_accepted_timestamp", help, Some(Unit::Seconds), one(accepted));
    let (calls, budget) = figures.coingecko_calls.unzip();
    sheet.gauges("coingecko_month_calls", "Calls to CoinGecko this month (UTC)", None, one(calls));
    let help = "Calls to CoinGecko that may be made a month";
    sheet.gauges("coingecko_month_budget_calls", help, None, one(budget));
    let help = "Memory of this process that is in RAM";
    sheet.gauges("process_resident_memory", help, Some(Unit::Bytes), one(resident_bytes));
    sheet.text()
}

struct Sheet(Registry);

impl Sheet {
    fn counters(&mut self, name: &str, help: &str, values: Vec<(Labels, u64)>) {
        let family = Family::<Labels, Counter<u64, AtomicU64>>::default();
        for (labels, value) in &values {
            family.get_or_create(labels).inc_by(*value);
        }
        if !values.is_empty() {
            self.0.register(name, help, family);
        }
    }

    fn gauges(&mut self, name: &str, help: &str, unit: Option<Unit>, values: Vec<(Labels, u64)>) {
        let family = Family::<Labels, Gauge<i64, AtomicI64>>::default();
        for (labels, value) in &values {
            family.get_or_create(labels).set(i64::try_from(*value).unwrap_or(i64::MAX));
        }
        match unit {
            _ if values.is_empty() => {}
            Some(unit) => self.0.register_with_unit(name, help, unit, family),
            None => self.0.register(name, help, family),
        }
    }

    fn text(self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0).expect("writing to a string does not fail");
        text
    }
}

/// Memory of this process that is in RAM; none where the system does not say (only Linux does).
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}
