//! Waiting: one task for each partition that someone waits for follows its end.
//!
//! An SPU tells by a stream that there are new records. What the stream carries is left aside, a byte of it: records
//! are fetched by [`super::reader`]. Streams have gone quiet without an error, so the end is also asked for when
//! nothing was heard for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::fluvio::Isolation;
use ::fluvio::dataplane::link::ErrorCode;
use fluvio_spu_schema::server::stream_fetch::DefaultStreamFetchRequest;
use fluvio_spu_schema::server::update_offset::{OffsetUpdate, UpdateOffsetsRequest};
use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::timeout;

use super::cluster::{Cluster, Purpose};
use super::decide::{Outcome, Renew};
use crate::{Error, Offset, Result, TopicPartition};

/// The end is asked for after this long without a word.
const QUIET: Duration = Duration::from_secs(2);
/// Before a stream that failed is opened again.
const PAUSE: Duration = Duration::from_millis(100);

/// The partitions that are waited for.
#[derive(Default)]
pub(super) struct Watchers {
    watchers: Mutex<HashMap<TopicPartition, Watcher>>,
}

/// The end of a partition, or why there is none.
type End = Result<Offset>;

struct Watcher {
    end: watch::Receiver<End>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watchers {
    /// See [`crate::Broker::wait`].
    pub(super) async fn wait(
        &self,
        cluster: &Arc<Cluster>,
        at: &TopicPartition,
        offset: Offset,
    ) -> Result<()> {
        let mut end = self.watch(cluster, at);
        match end.wait_for(|end| !matches!(end, Ok(end) if *end <= offset)).await {
            Ok(end) => end.clone().map(|_| ()),
            // Its topic was deleted here.
            Err(_) => Err(Error::NoSuchPartition { at: at.clone() }),
        }
    }

    fn watch(&self, cluster: &Arc<Cluster>, at: &TopicPartition) -> watch::Receiver<End> {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watcher) = watchers.get(at).filter(|watcher| !watcher.task.is_finished()) {
            return watcher.end.clone();
        }
        let (sender, end) = watch::channel(Ok(0));
        let task = tokio::spawn(follow(cluster.clone(), at.clone(), sender));
        watchers.insert(at.clone(), Watcher { end: end.clone(), task });
        end
    }

    /// Wakes whoever waits for a topic that is deleted.
    pub(super) fn forget(&self, name: &str) {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).retain(|at, _| at.topic != name);
    }
}

/// Publishes the end of the partition until the partition is gone.
async fn follow(cluster: Arc<Cluster>, at: TopicPartition, published: watch::Sender<End>) {
    loop {
        let end = match cluster.bounds(&at).await {
            Ok(bounds) => bounds.end,
            Err(error) => {
                let _ = published.send_replace(Err(error));
                return;
            }
        };
        let _ = published.send_replace(Ok(end));
        if let Err(reason) = listen(&cluster, &at, end, &published).await {
            tracing::debug!(%at, reason, "the cluster stopped telling of new records");
            cluster.renew(&at, Purpose::Watch, Renew::Place);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Publishes the end as the SPU tells it; ends when it should be asked for.
async fn listen(
    cluster: &Cluster,
    at: &TopicPartition,
    end: Offset,
    published: &watch::Sender<End>,
) -> Result<(), String> {
    let socket = match cluster.socket(at, Purpose::Watch).await {
        Outcome::Answer(socket) => socket,
        failed => return Err(failed.reason().unwrap_or_default().into()),
    };
    let request = DefaultStreamFetchRequest::builder()
        .topic(at.topic.clone())
        .partition(at.partition)
        .fetch_offset(end as i64)
        .max_bytes(1)
        .isolation(Isolation::ReadCommitted)
        .build()
        .map_err(|error| error.to_string())?;
    let wait = cluster.options.request_timeout();
    let mute = |_| "no answer".to_owned();
    let mut stream = timeout(wait, socket.stream(request)).await.map_err(mute)??;
    loop {
        let answer = match timeout(QUIET, stream.next()).await {
            Ok(Some(answer)) => answer.map_err(|error| error.to_string())?,
            Ok(None) => return Err("the stream ended".into()),
            Err(_) => {
                let bounds = cluster.bounds(at).await.map_err(|error| error.to_string())?;
                let told = published.borrow().clone();
                let _ = published.send_replace(Ok(bounds.end));
                if !matches!(told, Ok(told) if told == bounds.end) {
                    return Err("records came untold".into());
                }
                continue;
            }
        };
        if answer.partition.error_code != ErrorCode::None {
            return Err(answer.partition.error_code.to_string());
        }
        let end = answer.partition.high_watermark;
        let _ = published.send_replace(Ok(end as u64));
        let update =
            UpdateOffsetsRequest::new(vec![OffsetUpdate { offset: end, session_id: answer.stream_id }]);
        timeout(wait, socket.ask(update)).await.map_err(mute)??;
    }
}
