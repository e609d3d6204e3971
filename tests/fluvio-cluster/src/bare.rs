//! The client crate as its documentation shows it, for comparison: what it writes a second, and what it misses.

use std::time::Duration;

use fluvio::consumer::{
    ConsumerConfigExtBuilder, SmartModuleInvocation, SmartModuleInvocationWasm, SmartModuleKind,
};
use fluvio::{Compression, Fluvio, FluvioClusterConfig, Offset, RecordKey, TopicProducerConfigBuilder};
use futures::StreamExt;

/// A stream that says nothing for this long has ended, or has lost what there was.
const SILENCE: Duration = Duration::from_secs(5);

/// What a consumer saw of a partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Records.
    pub records: u64,
    /// Offsets that it jumped over.
    pub missed: u64,
    /// Offset behind the last record.
    pub next: u64,
}

async fn connect(endpoint: &str) -> Fluvio {
    Fluvio::connect_with_config(&FluvioClusterConfig::new(endpoint)).await.unwrap()
}

/// Writes the values to a topic of one partition and waits for the last acknowledgement.
pub async fn produce<'a>(
    endpoint: &str,
    topic: &str,
    values: impl Iterator<Item = &'a [u8]>,
    batch_bytes: usize,
    compression: &str,
) {
    let config = TopicProducerConfigBuilder::default()
        .batch_size(batch_bytes)
        .max_request_size(2 << 20)
        .linger(Duration::from_millis(50))
        .compression(compression.parse::<Compression>().unwrap())
        .build()
        .unwrap();
    let producer = connect(endpoint).await.topic_producer_with_config(topic, config).await.unwrap();
    let mut last = None;
    for value in values {
        last = Some(producer.send(RecordKey::NULL, value).await.unwrap());
    }
    producer.flush().await.unwrap();
    if let Some(last) = last {
        last.wait().await.unwrap();
    }
}

/// Reads partition 0 from its beginning to `end`, or until nothing comes any more.
pub async fn consume(endpoint: &str, topic: &str, end: u64) -> Seen {
    consume_through(endpoint, topic, end, None, |_| ()).await
}

/// The same with every record through an installed SmartModule, where one is named; `each` gets the values.
pub async fn consume_through(
    endpoint: &str,
    topic: &str,
    end: u64,
    smartmodule: Option<&str>,
    mut each: impl FnMut(&[u8]),
) -> Seen {
    let mut config = ConsumerConfigExtBuilder::default();
    config.topic(topic).partition(0).offset_start(Offset::beginning());
    if let Some(name) = smartmodule {
        let wasm = SmartModuleInvocationWasm::Predefined(name.to_owned());
        config.smartmodule(vec![SmartModuleInvocation {
            wasm,
            kind: SmartModuleKind::Map,
            ..Default::default()
        }]);
    }
    let client = connect(endpoint).await;
    let mut stream = client.consumer_with_config(config.build().unwrap()).await.unwrap();
    let mut seen = Seen::default();
    while seen.next < end
        && let Ok(Some(Ok(record))) = tokio::time::timeout(SILENCE, stream.next()).await
    {
        let offset = record.offset() as u64;
        each(record.value());
        seen.records += 1;
        seen.missed += offset.saturating_sub(seen.next);
        seen.next = seen.next.max(offset + 1);
    }
    seen.missed += end.saturating_sub(seen.next);
    seen
}
