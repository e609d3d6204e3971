//! A Telegram, an account in it, a log, a database; and how the two are compared in the end.

use std::collections::BTreeMap;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tempfile::TempDir;
use tickertape_broker::{BatchBuilder, Broker, Embedded, Phase, Retention, TopicPartition, TopicSpec};
use tickertape_loopback_telegram::{AccountId, AccountSpec, ChatKind, ChatSpec, Loopback};
use tickertape_postgres_server::Server;
use tickertape_records::{Event, Message, ViewCount, peer, topics};
use tickertape_telegram::{
    Connection, ConnectionOptions, Error, FirstBackfill, Producer, ProducerOptions, Progress, Session,
    system_clock,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const CHAT: i64 = 1_500_000_001;
const PARTITIONS: u32 = 3;
/// A topic of the tests' own.
const FENCE: &str = "fence";

pub(crate) struct Setup {
    pub(crate) telegram: Loopback,
    pub(crate) account: AccountId,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) pool: PgPool,
    pub(crate) options: ProducerOptions,
    pub(crate) capacity: usize,
    folder: TempDir,
    _server: Arc<Server>,
}

pub(crate) struct Running {
    pub(crate) progress: Arc<Progress>,
    phase: watch::Sender<Phase>,
    task: JoinHandle<Result<(), Error>>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.phase.send_replace(Phase::Stopping);
        self.task.await.unwrap().unwrap();
    }

    /// As if the process had been killed: nothing is finished, nothing written. What the log had taken of it is on the
    /// log when this is over: a log that died with its process would take nothing later either.
    pub(crate) async fn kill(self, broker: &dyn Broker) {
        self.task.abort();
        let _ = self.task.await;
        let mut batch = BatchBuilder::default();
        batch.push(b"", b"");
        let ack = broker.append(vec![(TopicPartition::new(FENCE, 0), batch)]).await.unwrap();
        ack.await.unwrap(); // appends are acknowledged in order
    }

    pub(crate) async fn outcome(self) -> Result<(), Error> {
        self.task.await.unwrap()
    }
}

pub(crate) fn channel(id: i64) -> ChatSpec {
    let title = format!("Channel {id}");
    ChatSpec { id, title, username: Some(format!("channel{id}")), participants: 10, ..ChatSpec::default() }
}

/// None where no PostgreSQL is installed.
pub(crate) async fn setup() -> Option<Setup> {
    let server = Server::shared()?;
    let pool = PgPool::connect(&server.create_database(&[])).await.unwrap();
    sqlx::migrate!("../../migrations").run(&pool).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let broker: Arc<dyn Broker> = Arc::new(Embedded::open(&folder.path().join("log")).unwrap());
    for name in [topics::MESSAGES, topics::EVENTS, topics::VIEWS, FENCE] {
        let spec =
            TopicSpec { name: name.to_owned(), partitions: PARTITIONS, retention: Retention::default() };
        broker.create_topic(&spec).await.unwrap();
    }
    let telegram = Loopback::start().await;
    let account = telegram.add_account(AccountSpec::default());
    telegram.add_chat(channel(CHAT));
    telegram.add_member(account, CHAT);
    let session = Session::open(folder.path().join("alpha.session")).unwrap();
    telegram.signed_in(account).import_to(&session).await.unwrap();
    session.flush().unwrap();
    let options = ProducerOptions {
        silence: Duration::from_millis(300),
        sweep: Duration::from_secs(2),
        ..ProducerOptions::default()
    };
    Some(Setup { telegram, account, broker, pool, options, capacity: 1000, folder, _server: server })
}

impl Setup {
    pub(crate) fn start(&self) -> Running {
        let session = Session::open(self.folder.path().join("alpha.session")).unwrap();
        let options = ConnectionOptions {
            updates_capacity: NonZeroUsize::new(self.capacity).unwrap(),
            request_timeout: Duration::from_secs(1),
            longest_wait: Duration::from_secs(5),
            ..ConnectionOptions::new(1)
        };
        let connection = Arc::new(Connection::open(Arc::new(session), options, system_clock()));
        let producer = Producer::new(
            "alpha",
            connection,
            Arc::clone(&self.broker),
            self.pool.clone(),
            system_clock(),
            self.options,
        );
        let (phase, watching) = watch::channel(Phase::Running);
        let progress = producer.progress();
        Running { progress, phase, task: tokio::spawn(async move { producer.run(watching).await }) }
    }

    /// One start, until the log holds what Telegram does and the ledger says so.
    pub(crate) async fn catch_up(&self) {
        let running = self.start();
        self.agrees().await;
        self.closed().await;
        running.stop().await;
    }

    pub(crate) fn first(&mut self, since: Option<i64>, limit: Option<u32>) {
        self.options.first = FirstBackfill { since, limit };
    }

    pub(crate) async fn messages(&self) -> Vec<Message> {
        let mut all = Vec::new();
        self.read(topics::MESSAGES, |value| all.push(Message::decode(value).unwrap())).await;
        all
    }

    pub(crate) async fn events(&self) -> Vec<Event> {
        let mut all = Vec::new();
        self.read(topics::EVENTS, |value| all.push(Event::decode(value).unwrap())).await;
        all
    }

    pub(crate) async fn views(&self) -> Vec<ViewCount> {
        let mut all = Vec::new();
        self.read(topics::VIEWS, |value| all.push(ViewCount::decode(value).unwrap())).await;
        all
    }

    async fn read(&self, topic: &str, mut each: impl FnMut(&[u8])) {
        for partition in 0..PARTITIONS {
            let at = TopicPartition::new(topic, partition);
            let mut next = 0;
            loop {
                let batches = self.broker.read(&at, next, 1 << 20).await.unwrap();
                let Some(last) = batches.last() else { break };
                next = last.end_offset();
                for record in batches.iter().flat_map(|batch| batch.iter()) {
                    let chat: i64 = std::str::from_utf8(record.key).unwrap().parse().unwrap();
                    assert_eq!(partition, topics::partition_of(chat, PARTITIONS));
                    each(record.value);
                }
            }
        }
    }

    /// What a reader that keeps the highest version of each message ends with: id → (text, edit date, deleted).
    pub(crate) async fn kept(&self, chat: i64) -> BTreeMap<i32, (String, Option<i64>, bool)> {
        let mut kept: BTreeMap<i32, (String, Option<i64>, bool)> = BTreeMap::new();
        for message in self.messages().await.into_iter().filter(|m| m.chat_id == peer::channel(chat)) {
            let id = i32::try_from(message.message_id).unwrap();
            if message.deleted_at.is_some() {
                // A tombstone stands behind its message.
                kept.get_mut(&id).unwrap_or_else(|| panic!("nothing before the tombstone of {id}")).2 = true;
                continue;
            }
            let deleted = kept.get(&id).is_some_and(|known| known.2);
            if kept.get(&id).is_none_or(|known| message.edit_date > known.1) {
                kept.insert(id, (message.text, message.edit_date, deleted));
            }
        }
        kept
    }

    /// Whether the log holds of each chat exactly what Telegram does: each message once in its last version, each
    /// deletion; what was deleted before anyone saw it may be absent.
    pub(crate) async fn differs(&self) -> Option<String> {
        for chat in [CHAT, CHAT + 1, CHAT + 2] {
            let world = self.telegram.chat(chat);
            let kept = self.kept(chat).await;
            if let Some(id) = kept.keys().find(|id| !world.messages.contains_key(id)) {
                return Some(format!("{chat}/{id} was never posted"));
            }
            for (id, message) in world.messages.iter().filter(|(_, message)| !message.service) {
                let expected = (message.text.clone(), message.edit_date.map(i64::from), message.deleted);
                match kept.get(id) {
                    None if message.deleted => {}
                    Some(known) if message.deleted && known.2 => {}
                    Some(known) if *known == expected => {}
                    known => {
                        return Some(format!("{chat}/{id}: {known:?} on the log, {expected:?} in Telegram"));
                    }
                }
            }
        }
        None
    }

    /// Waits until the log holds what Telegram does.
    pub(crate) async fn agrees(&self) {
        eventually(|| async { self.differs().await }).await;
    }

    pub(crate) async fn open_gaps(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM producer_gaps WHERE state <> 'closed'")
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Waits until the ledger says that nothing is missing.
    pub(crate) async fn closed(&self) {
        eventually(|| async {
            let open = self.open_gaps().await;
            (open > 0).then(|| format!("{open} open gaps"))
        })
        .await;
    }
}

/// Waits until nothing is wrong. The deadline is a safety net.
pub(crate) async fn eventually<F: Future<Output = Option<String>>>(wrong: impl Fn() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while let Some(wrong) = wrong().await {
        assert!(tokio::time::Instant::now() < deadline, "still: {wrong}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) fn group(id: i64) -> ChatSpec {
    ChatSpec { id, kind: ChatKind::Group, title: "A group".to_owned(), ..ChatSpec::default() }
}
