//! Attribution over a log that tears its appends: at whichever record it is torn, the outputs and the dead letters are
//! those of an undisturbed run, some of them twice.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use tickertape_attribution::chain::ChainConfig;
use tickertape_attributor::{Error, Options, Progress, run};
use tickertape_broker::{BatchBuilder, Broker, Embedded, Phase, TopicPartition, TopicSpec};
use tickertape_coins::CoinList;
use tickertape_faulty_log::AtLeastOnce;
use tickertape_manager::coins::publish;
use tickertape_records::{Attributed, DeadLetter, Message, SCHEMA, topics};
use tokio::sync::watch;

const CHAT: i64 = -1_000_000_000_007;

async fn log(dir: &Path) -> Arc<dyn Broker> {
    let broker: Arc<dyn Broker> = Arc::new(Embedded::open(&dir.join("log")).expect("opens"));
    for name in topics::ALL {
        let spec = TopicSpec { name: name.into(), partitions: 1, retention: Default::default() };
        broker.create_topic(&spec).await.expect("creates");
    }
    broker
}

/// Replies, late parents, edits, deletions and every fourth record broken, in small batches.
async fn tell(broker: &dyn Broker) {
    let at = TopicPartition::new(topics::MESSAGES, 0);
    for batch in 0..6 {
        let mut builder = BatchBuilder::default();
        for i in 0..6 {
            let n = batch * 6 + i;
            if n % 4 == 1 {
                builder.push(b"", format!("broken {n}").as_bytes());
                continue;
            }
            let message = Message {
                schema: SCHEMA,
                chat_id: CHAT,
                message_id: if n % 9 == 8 { n - 8 } else { n },
                edit_date: (n % 9 == 8).then_some(1_600_000_000 + n),
                deleted_at: (n % 11 == 10).then_some(1_600_000_000 + n),
                date: 1_600_000_000,
                text: ["$BTC", "ok", "Solana", "?"][n as usize % 4].into(),
                reply_to_message_id: (n % 3 != 0).then_some(n + n % 5 - 1),
                ..Message::default()
            };
            builder.push_with(b"", |out| message.encode_into(out));
        }
        broker.append(vec![(at.clone(), builder)]).await.expect("room").await.expect("durable");
    }
}

async fn attribute(broker: Arc<dyn Broker>, checkpoints: &Path) -> Result<(), Error> {
    let options = Options {
        matching: tickertape_attribution::Options::default(),
        chain: ChainConfig::default(),
        checkpoints: checkpoints.to_owned(),
    };
    let (_phase, phase) = watch::channel(Phase::Draining);
    run(broker, 0, options, Arc::new(Progress::default()), phase).await
}

async fn values(broker: &dyn Broker, topic: &str) -> Vec<Vec<u8>> {
    let batches = broker.read(&TopicPartition::new(topic, 0), 0, usize::MAX).await.expect("reads");
    batches.iter().flat_map(|batch| batch.iter().map(|record| record.value.to_vec())).collect()
}

/// What a sink takes of the outputs: those beyond all before them; and of the dead letters: each id once.
async fn taken(broker: &dyn Broker) -> (Vec<Vec<u8>>, Vec<String>) {
    let mut last = None;
    let mut outputs = values(broker, topics::ATTRIBUTED).await;
    outputs.retain(|value| {
        let row = Attributed::decode(value).expect("an attributed record").attribution;
        let input = Some((row.input_offset, row.sequence));
        let news = input > last;
        last = last.max(input);
        news
    });
    let letters = values(broker, topics::DEAD_LETTERS).await;
    let mut ids: Vec<_> =
        letters.iter().map(|value| DeadLetter::decode(value).expect("a dead letter").id()).collect();
    ids.sort();
    ids.dedup();
    (outputs, ids)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torn_at_any_record_it_goes_on_and_nothing_is_missing() {
    let dir = TempDir::new().expect("a folder");
    let calm = log(dir.path()).await;
    tell(&*calm).await;
    publish(&*calm, &CoinList::snapshot()).await.expect("publishes");
    attribute(calm.clone(), dir.path()).await.expect("attributes");
    let wanted = taken(&*calm).await;
    let written = values(&*calm, topics::ATTRIBUTED).await.len() + wanted.1.len();
    assert!(wanted.0.len() > 25 && wanted.1.len() == 9, "{} and {}", wanted.0.len(), wanted.1.len());

    for records in 0..written {
        let dir = TempDir::new().expect("a folder");
        let plain = log(dir.path()).await;
        tell(&*plain).await;
        publish(&*plain, &CoinList::snapshot()).await.expect("publishes"); // so that this is not what is torn
        let torn: Arc<dyn Broker> = Arc::new(AtLeastOnce::torn_after(plain.clone(), records));
        attribute(torn.clone(), dir.path()).await.expect_err("it is torn");
        attribute(torn, dir.path()).await.expect("goes on");
        assert!(taken(&*plain).await == wanted, "torn after {records} records");
    }
}
