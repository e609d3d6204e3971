//! A Telegram, an account in it, a log, a database, and a clock that the test turns.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::PgPool;
use tempfile::TempDir;
use tickertape_broker::{BatchBuilder, Broker, Embedded, Phase, Retention, TopicPartition, TopicSpec};
use tickertape_loopback_telegram::{AccountId, AccountSpec, ChatSpec, Loopback};
use tickertape_postgres_server::Server;
use tickertape_records::{
    Action, Channel, ChatKind, ClientReport, Instruction, Link, Message, Outcome, Report, SCHEMA, Source,
    SourceKind, ViewCount, key, peer, topics,
};
use tickertape_telegram::{
    Account, Connection, ConnectionOptions, Control, ControlOptions, Error, Session, system_clock,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A topic of the tests' own.
const FENCE: &str = "fence";

pub(crate) struct Setup {
    pub(crate) telegram: Loopback,
    pub(crate) id: AccountId,
    pub(crate) account: Account,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) pool: PgPool,
    pub(crate) options: ControlOptions,
    ahead: Arc<AtomicI64>,
    folder: TempDir,
    _server: Arc<Server>,
}

pub(crate) struct Running {
    phase: watch::Sender<Phase>,
    broker: Arc<dyn Broker>,
    task: JoinHandle<Result<(), Error>>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.phase.send_replace(Phase::Stopping);
        self.task.await.unwrap().unwrap();
    }

    /// As if the process had been killed: nothing is finished, nothing written. What the log had taken of it is on the
    /// log when this is over: a log that died with its process would take nothing later either.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
        let mut batch = BatchBuilder::default();
        batch.push(b"", b"");
        let ack = self.broker.append(vec![(TopicPartition::new(FENCE, 0), batch)]).await.unwrap();
        ack.await.unwrap(); // appends are acknowledged in order
    }
}

pub(crate) fn public(id: i64) -> ChatSpec {
    ChatSpec {
        id,
        title: format!("Channel {id}"),
        username: Some(format!("channel{id}")),
        about: format!("About {id}"),
        participants: 10,
        ..ChatSpec::default()
    }
}

/// None where no PostgreSQL is installed.
pub(crate) async fn setup() -> Option<Setup> {
    setup_with(AccountSpec::default()).await
}

/// As [`setup`], with an account of another kind.
pub(crate) async fn setup_with(spec: AccountSpec) -> Option<Setup> {
    let server = Server::shared()?;
    let pool = PgPool::connect(&server.create_database(&[])).await.unwrap();
    sqlx::migrate!("../../migrations").run(&pool).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let broker: Arc<dyn Broker> = Arc::new(Embedded::open(&folder.path().join("log")).unwrap());
    for name in topics::ALL.into_iter().chain([FENCE]) {
        let partitions = if name == topics::MESSAGES { 2 } else { 1 };
        let spec = TopicSpec { name: name.to_owned(), partitions, retention: Retention::default() };
        broker.create_topic(&spec).await.unwrap();
    }
    let telegram = Loopback::start().await;
    let id = telegram.add_account(spec);
    let session = Session::open(folder.path().join("alpha.session")).unwrap();
    telegram.signed_in(id).import_to(&session).await.unwrap();
    session.flush().unwrap();
    let account =
        Account { label: "alpha".to_owned(), join_spacing: 0, lookup_spacing: 0, ..Account::default() };
    let options = ControlOptions { pace: Duration::from_millis(20), ..ControlOptions::default() };
    let ahead = Arc::default();
    Some(Setup { telegram, id, account, broker, pool, options, ahead, folder, _server: server })
}

impl Setup {
    pub(crate) fn now(&self) -> i64 {
        system_clock()() + self.ahead.load(Ordering::SeqCst)
    }

    /// Time passes.
    pub(crate) fn turn(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn start(&self) -> Running {
        let session = Session::open(self.folder.path().join("alpha.session")).unwrap();
        let options = ConnectionOptions {
            request_timeout: Duration::from_secs(1),
            longest_wait: Duration::from_secs(3),
            ..ConnectionOptions::new(1)
        };
        let ahead = Arc::clone(&self.ahead);
        let clock: tickertape_telegram::Clock =
            Arc::new(move || system_clock()() + ahead.load(Ordering::SeqCst));
        let connection = Connection::open(Arc::new(session), options, Arc::clone(&clock));
        let control = Control::new(
            self.account.clone(),
            Arc::new(connection),
            Arc::clone(&self.broker),
            self.pool.clone(),
            clock,
            self.options,
        );
        let (phase, watching) = watch::channel(Phase::Running);
        let broker = Arc::clone(&self.broker);
        Running { phase, broker, task: tokio::spawn(async move { control.run(watching).await }) }
    }

    pub(crate) async fn append(&self, topic: &str, partition: u32, key: &str, value: &[u8]) {
        let mut batch = BatchBuilder::default();
        batch.push(key.as_bytes(), value);
        let at = TopicPartition::new(topic, partition);
        self.broker.append(vec![(at, batch)]).await.unwrap().await.unwrap();
    }

    pub(crate) async fn tell(&self, id: &str, deadline: i64, action: Action) {
        let instruction = Instruction {
            schema: SCHEMA,
            id: id.to_owned(),
            account: "alpha".to_owned(),
            issued_at: self.now(),
            deadline: self.now() + deadline,
            action,
        };
        let mut value = Vec::new();
        instruction.encode_into(&mut value);
        self.append(topics::INSTRUCTIONS, 0, "alpha", &value).await;
    }

    pub(crate) async fn join(&self, id: &str, link: &str) {
        self.tell(id, 3600, Action::Join { link: link.to_owned() }).await;
    }

    /// A message of the account as the producer would put it on the log.
    pub(crate) async fn heard(&self, chat: i64, message_id: i64, text: &str, kind: ChatKind) {
        let chat_id = peer::channel(chat);
        let message = Message {
            schema: SCHEMA,
            chat_id,
            chat_kind: kind,
            message_id,
            date: self.now(),
            text: text.to_owned(),
            post: kind == ChatKind::Channel,
            received_at: Some(self.now()),
            source: Source { kind: SourceKind::Telegram, name: "alpha".to_owned(), position: None },
            ..Message::default()
        };
        let mut value = Vec::new();
        message.encode_into(&mut value);
        let partition = topics::partition_of(chat_id, 2);
        self.append(topics::MESSAGES, partition, &key(chat_id), &value).await;
    }

    async fn read<T>(&self, topic: &str, decode: impl Fn(&[u8]) -> T) -> Vec<T> {
        let at = TopicPartition::new(topic, 0);
        let (mut all, mut next) = (Vec::new(), 0);
        loop {
            let batches = self.broker.read(&at, next, 1 << 20).await.unwrap();
            let Some(last) = batches.last() else { return all };
            next = last.end_offset();
            all.extend(batches.iter().flat_map(|batch| batch.iter()).map(|record| decode(record.value)));
        }
    }

    pub(crate) async fn reports(&self) -> Vec<Report> {
        self.read(topics::CLIENTS, |value| ClientReport::decode(value).unwrap().report).await
    }

    /// (instruction, outcome) in order.
    pub(crate) async fn answers(&self) -> Vec<(String, Outcome)> {
        let answer = |report| match report {
            Report::Answer { instruction, outcome } => Some((instruction, outcome)),
            _ => None,
        };
        self.reports().await.into_iter().filter_map(answer).collect()
    }

    /// The answer to an instruction, once it is there.
    pub(crate) async fn answer(&self, id: &str) -> Outcome {
        eventually(|| async { self.answers().await.into_iter().find(|(of, _)| of == id).map(|(_, o)| o) })
            .await
    }

    pub(crate) async fn channels(&self) -> Vec<Channel> {
        self.read(topics::CHANNELS, |value| Channel::decode(value).unwrap()).await
    }

    pub(crate) async fn links(&self) -> Vec<Link> {
        self.read(topics::LINKS, |value| Link::decode(value).unwrap()).await
    }

    pub(crate) async fn views(&self) -> Vec<ViewCount> {
        self.read(topics::VIEWS, |value| ViewCount::decode(value).unwrap()).await
    }

    pub(crate) async fn dead_letters(&self) -> usize {
        self.read(topics::DEAD_LETTERS, |_| ()).await.len()
    }

    pub(crate) async fn count(&self, table: &'static str) -> i64 {
        let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }

    pub(crate) fn is_member(&self, chat: i64) -> bool {
        !self.telegram.chat(chat).members.is_empty()
    }
}

/// What is found, once it is there. The deadline is a safety net.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(look: impl Fn() -> F) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "it never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn until<F: Future<Output = bool>>(look: impl Fn() -> F) {
    eventually(|| async { look().await.then_some(()) }).await;
}
