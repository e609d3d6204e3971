//! The connections to a cluster: to its SC for topics, and to the SPUs that have the partitions.
//!
//! The client crate's producer goes on behind a batch that failed, and its consumer behind a batch that was cut; both
//! are left aside. What is used of it are its connections and its requests: produce, fetch, offsets, each with a
//! timeout, because a peer that accepts and stays mute would hang a caller for ever. A connection that failed once is
//! dropped, and so is the client of an SC: after a restart of the SC an old one never answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::fluvio::dataplane::api::{Request, RequestMessage};
use ::fluvio::metadata::core::Spec;
use ::fluvio::metadata::partition::PartitionSpec;
use ::fluvio::metadata::spu::SpuSpec;
use ::fluvio::metadata::topic::TopicSpec;
use ::fluvio::metadata::{AdminSpec, objects::Metadata};
use ::fluvio::{Fluvio as Client, FluvioAdmin, FluvioClusterConfig};
use fluvio_socket::{AsyncResponse, ClientConfig, MultiplexerSocket, SharedMultiplexerSocket, Versions};
use futures::future::BoxFuture;
use tokio::time::timeout;

use super::decide::{Outcome, Renew};
use super::options::Options;
use crate::{Error, Result, TopicPartition};

/// What a connection to an SPU is for. Each purpose has its own, so that an acknowledgement does not wait behind
/// megabytes that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// Appending.
    Append,
    /// Reading, and asking for bounds.
    Read,
    /// Waiting for records.
    Watch,
}

/// A cluster.
pub(super) struct Cluster {
    pub(super) options: Options,
    config: FluvioClusterConfig,
    client: tokio::sync::Mutex<Option<Arc<Client>>>,
    known: Mutex<Known>,
}

/// What was learned of the cluster; forgotten when it proves wrong.
#[derive(Default)]
struct Known {
    leaders: HashMap<TopicPartition, Leader>,
    sockets: HashMap<(i32, Purpose), Socket>,
}

/// Where a partition is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Leader {
    spu: Spu,
    /// It proved wrong, or its SPU is away: the SC is asked again, and if it does not answer this is all there is.
    doubted: bool,
}

/// Where an SPU is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spu {
    id: i32,
    name: String,
    address: String,
}

/// A connection to an SPU.
#[derive(Clone)]
pub(super) struct Socket {
    socket: SharedMultiplexerSocket,
    versions: Versions,
    address: Arc<str>,
}

impl Cluster {
    /// Connects to the SC.
    pub(super) async fn connect(options: Options) -> Result<Self> {
        let failed = |reason: String| Error::Cluster {
            cluster: options.cluster(),
            doing: "connected to".into(),
            reason,
        };
        let config = match (&options.endpoint, &options.profile) {
            (Some(endpoint), _) => FluvioClusterConfig::new(endpoint),
            (None, Some(profile)) => FluvioClusterConfig::load_with_profile(profile)
                .map_err(|error| failed(error.to_string()))?
                .ok_or_else(|| failed("there is no such profile".into()))?,
            (None, None) => FluvioClusterConfig::load().map_err(|error| failed(error.to_string()))?,
        };
        let cluster = Self { config, client: Default::default(), known: Default::default(), options };
        cluster.client().await.map_err(|reason| Error::Cluster {
            cluster: cluster.options.cluster(),
            doing: "connected to".into(),
            reason,
        })?;
        Ok(cluster)
    }

    /// An error that names this cluster.
    pub(super) fn error(&self, doing: impl Into<String>, reason: impl Into<String>) -> Error {
        Error::Cluster { cluster: self.options.cluster(), doing: doing.into(), reason: reason.into() }
    }

    /// The SC's client, a new one if need be.
    async fn client(&self) -> Result<Arc<Client>, String> {
        let mut client = self.client.lock().await;
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        let connected =
            timeout(self.options.request_timeout(), Client::connect_with_config(&self.config)).await;
        let connected =
            Arc::new(connected.map_err(|_| no_answer(self.options.request_timeout()))?.map_err(text)?);
        *client = Some(connected.clone());
        Ok(connected)
    }

    /// Asks the SC for something. Whatever fails, the next call has a new client.
    pub(super) async fn admin<'a, T, E: std::fmt::Display>(
        &self,
        ask: impl FnOnce(FluvioAdmin) -> BoxFuture<'a, Result<T, E>> + Send,
    ) -> Result<T, String> {
        self.admin_within(self.options.request_timeout(), ask).await
    }

    /// The same with a timeout of its own.
    pub(super) async fn admin_within<'a, T, E: std::fmt::Display>(
        &self,
        wait: Duration,
        ask: impl FnOnce(FluvioAdmin) -> BoxFuture<'a, Result<T, E>> + Send,
    ) -> Result<T, String> {
        let client = self.client().await?;
        let asked = timeout(wait, async { ask(client.admin().await).await }).await;
        let answer = asked.map_err(|_| no_answer(wait)).and_then(|a| a.map_err(text));
        if answer.is_err() {
            let mut current = self.client.lock().await;
            if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &client)) {
                *current = None;
            }
        }
        answer
    }

    /// Everything of a kind.
    pub(super) async fn list<S>(&self) -> Result<Vec<Metadata<S>>, String>
    where
        S: AdminSpec + Spec + Send,
        S::Status: ::fluvio::dataplane::Encoder + ::fluvio::dataplane::Decoder + std::fmt::Debug + Send,
    {
        self.admin(|admin| Box::pin(async move { admin.all::<S>().await })).await
    }

    /// The topics that are not the cluster's own.
    pub(super) async fn list_topics(&self) -> Result<Vec<Metadata<TopicSpec>>, String> {
        let mut topics = self.list::<TopicSpec>().await?;
        topics.retain(|topic| !topic.spec.is_system());
        Ok(topics)
    }

    /// The connection to the SPU that has the partition.
    pub(super) async fn socket(&self, at: &TopicPartition, purpose: Purpose) -> Outcome<Socket> {
        let spu = match self.leader(at).await {
            Ok(Some(spu)) => spu,
            Ok(None) => return Outcome::WrongPlace(format!("{at} has no SPU")),
            Err(reason) => return Outcome::Lost(reason),
        };
        let key = (spu.id, purpose);
        if let Some(socket) = self.known(|known| known.sockets.get(&key).cloned()) {
            if !socket.socket.is_stale() {
                return Outcome::Answer(socket);
            }
            self.known(|known| known.sockets.remove(&key));
        }
        let connect = async {
            let mut config =
                ClientConfig::try_from(self.config.clone()).map_err(text)?.with_prefix_sni_domain(&spu.name);
            config.set_addr(spu.address.clone());
            config.set_client_id("tickertape");
            config.connect().await.map_err(text)
        };
        match timeout(self.options.request_timeout(), connect).await {
            Err(_) => {
                Outcome::WrongPlace(format!("{}: {}", spu.address, no_answer(self.options.request_timeout())))
            }
            Ok(Err(reason)) => Outcome::WrongPlace(format!("{}: {reason}", spu.address)),
            Ok(Ok(connected)) => {
                let (socket, _, versions) = connected.split();
                let address = spu.address.as_str().into();
                let socket = Socket { socket: MultiplexerSocket::shared(socket), versions, address };
                self.known(|known| known.sockets.insert(key, socket.clone()));
                Outcome::Answer(socket)
            }
        }
    }

    /// Asks the SPU that has the partition.
    pub(super) async fn ask<R>(
        &self,
        at: &TopicPartition,
        purpose: Purpose,
        request: R,
    ) -> Outcome<R::Response>
    where
        R: Request + Send + Sync,
    {
        let socket = match self.socket(at, purpose).await {
            Outcome::Answer(socket) => socket,
            failed => return failed.map(|_| unreachable!("not an answer")),
        };
        let asked = socket.socket.send_and_receive(socket.message(request));
        match timeout(self.options.request_timeout(), asked).await {
            Ok(Ok(answer)) => Outcome::Answer(answer),
            Ok(Err(error)) => Outcome::Lost(format!("{}: {error}", socket.address)),
            Err(_) => {
                Outcome::Lost(format!("{}: {}", socket.address, no_answer(self.options.request_timeout())))
            }
        }
    }

    /// Forgets what proved wrong.
    pub(super) fn renew(&self, at: &TopicPartition, purpose: Purpose, renew: Renew) {
        if renew == Renew::Nothing {
            return;
        }
        self.known(|known| {
            if let Some(leader) = known.leaders.get_mut(at) {
                known.sockets.remove(&(leader.spu.id, purpose));
                leader.doubted |= renew == Renew::Place;
            }
        });
    }

    /// Forgets where a topic's partitions are.
    pub(super) fn forget_topic(&self, name: &str) {
        self.known(|known| known.leaders.retain(|at, _| at.topic != name));
    }

    /// Whether the topic has the partition; the SC is asked unless it is known.
    pub(super) async fn has(&self, at: &TopicPartition) -> Result<bool, String> {
        if self.known(|known| known.leaders.get(at).is_some_and(|leader| !leader.doubted)) {
            return Ok(true);
        }
        let topics = self.list_topics().await?;
        Ok(topics.iter().any(|topic| topic.name == at.topic && at.partition < topic.spec.partitions()))
    }

    async fn leader(&self, at: &TopicPartition) -> Result<Option<Spu>, String> {
        let leader = self.known(|known| known.leaders.get(at).cloned());
        if let Some(leader) = leader.as_ref().filter(|leader| !leader.doubted) {
            return Ok(Some(leader.spu.clone()));
        }
        let asked = async { Ok((self.list::<SpuSpec>().await?, self.list::<PartitionSpec>().await?)) };
        let (spus, partitions) = match (asked.await, leader) {
            (Ok(answers), _) => answers,
            (Err(_), Some(leader)) => return Ok(Some(leader.spu)),
            (Err(reason), None) => return Err(reason),
        };
        let local = self.config.use_spu_local_address;
        let spus: HashMap<i32, Spu> = spus
            .into_iter()
            .map(|spu| {
                let address = match &spu.spec.public_endpoint_local {
                    Some(endpoint) if local => format!("{}:{}", endpoint.host, endpoint.port),
                    _ => spu.spec.public_endpoint.addr(),
                };
                (spu.spec.id, Spu { id: spu.spec.id, name: spu.name, address })
            })
            .collect();
        self.known(|known| {
            known.leaders.remove(at);
            for partition in partitions {
                // Its name is `topic-partition`.
                let Some((topic, number)) = partition.name.rsplit_once('-') else { continue };
                let (Ok(number), Some(spu)) = (number.parse(), spus.get(&partition.spec.leader)) else {
                    continue;
                };
                let leader = Leader { spu: spu.clone(), doubted: false };
                known.leaders.insert(TopicPartition::new(topic, number), leader);
            }
            Ok(known.leaders.get(at).map(|leader| leader.spu.clone()))
        })
    }

    fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Socket {
    /// Asks for a stream of answers.
    pub(super) async fn stream<R: Request + Send>(&self, request: R) -> Result<AsyncResponse<R>, String> {
        self.socket.create_stream(self.message(request), 10).await.map_err(text)
    }

    /// Asks for one answer.
    pub(super) async fn ask<R: Request + Send>(&self, request: R) -> Result<R::Response, String> {
        self.socket.send_and_receive(self.message(request)).await.map_err(text)
    }

    fn message<R: Request + Send>(&self, request: R) -> RequestMessage<R> {
        let mut message = RequestMessage::new_request(request);
        message.get_mut_header().set_client_id("tickertape");
        if let Some(version) = self.versions.lookup_version::<R>() {
            message.get_mut_header().set_api_version(version);
        }
        message
    }
}

fn no_answer(waited: Duration) -> String {
    format!("no answer within {waited:?}")
}

fn text(error: impl std::fmt::Display) -> String {
    format!("{error:#}")
}
