//! An account's way to Telegram: each request with a timeout, each wait kept, a mute line replaced.
//!
//! The client beneath has no timeouts, and while it connects it does nothing else, so a server that accepts and stays
//! mute would stop it for ever. After a timeout the whole pool is therefore thrown away and another one made from the
//! session. Whoever reads the updates learns of it through [`Connection::interruptions`] and looks for what was missed.
//!
//! A flood wait up to [`ConnectionOptions::longest_wait`] is waited for in place. A longer one is given back with the
//! moment it ends, and until then the same method is refused here, without asking Telegram.

use std::collections::HashMap;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grammers_client::client::ClientConfiguration;
use grammers_client::sender::{ConnectionParams, NoRetries, SenderPool, SenderPoolFatHandle};
use grammers_client::{Client, InvocationError, tl};
use grammers_session::updates::UpdatesLike;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::session::Session;

/// How often a request is asked again after a broken line before it is given back as [`Error::Unreachable`].
const TRIES: u32 = 5;
/// How long to stay quiet after the first broken line; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How an account connects.
#[derive(Clone)]
pub struct ConnectionOptions {
    /// The application's id, from <https://my.telegram.org>.
    pub api_id: i32,
    /// What the account's owner sees in the list of devices.
    pub device_model: String,
    /// As above: the operating system.
    pub system_version: String,
    /// As above: the version of this program.
    pub app_version: String,
    /// `socks5://user:password@host:port`. Not to be logged.
    pub proxy: Option<String>,
    /// How many packets of updates may wait to be read; what comes on top is dropped by the client and has to be
    /// found again.
    pub updates_capacity: NonZeroUsize,
    /// How long a request may stay without an answer.
    pub request_timeout: Duration,
    /// The longest flood wait that is waited for in place.
    pub longest_wait: Duration,
}

impl ConnectionOptions {
    /// The defaults, for an application.
    pub fn new(api_id: i32) -> Self {
        Self {
            api_id,
            device_model: "tickertape".to_owned(),
            system_version: std::env::consts::OS.to_owned(),
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
            proxy: None,
            updates_capacity: NonZeroUsize::new(10_000).expect("not zero"),
            request_timeout: Duration::from_secs(30),
            longest_wait: Duration::from_secs(60),
        }
    }
}

/// An account's connection. Nothing is connected before the first request.
pub struct Connection {
    session: Arc<Session>,
    options: ConnectionOptions,
    clock: Clock,
    pool: Mutex<Pool>,
    /// Method → not to be asked before this moment, Unix seconds.
    waits: Mutex<HashMap<String, i64>>,
    /// Counts the waits that Telegram asked for.
    waits_asked: watch::Sender<u64>,
    interruptions: watch::Sender<u64>,
}

/// The client's connections; replaced as a whole.
struct Pool {
    client: Client,
    handle: SenderPoolFatHandle,
    runner: AbortHandle,
    /// Until the reader of updates has taken it.
    updates: Option<mpsc::Receiver<UpdatesLike>>,
    generation: u64,
}

impl Pool {
    fn open(session: &Arc<Session>, options: &ConnectionOptions, generation: u64) -> Self {
        let params = ConnectionParams {
            device_model: options.device_model.clone(),
            system_version: options.system_version.clone(),
            app_version: options.app_version.clone(),
            proxy_url: options.proxy.clone(),
            updates_channel_capacity: options.updates_capacity,
            retry_policy: Box::new(NoRetries), // there is one retry policy, and it is below
            ..Default::default()
        };
        let SenderPool { runner, handle, updates } =
            SenderPool::with_configuration(Arc::clone(session), options.api_id, params);
        let runner = tokio::spawn(runner.run()).abort_handle();
        let client =
            Client::with_configuration(handle.clone(), ClientConfiguration { auto_cache_peers: true });
        Self { client, handle, runner, updates: Some(updates), generation }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.runner.abort(); // and with it the connections it made
    }
}

impl Connection {
    /// A connection over this session; needs a tokio runtime, does no I/O.
    pub fn open(session: Arc<Session>, options: ConnectionOptions, clock: Clock) -> Self {
        let pool = Mutex::new(Pool::open(&session, &options, 0));
        let (waits_asked, interruptions) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { session, options, clock, pool, waits: Mutex::default(), waits_asked, interruptions }
    }

    /// The session it works with.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Asks Telegram: answered in time, or an error.
    pub async fn invoke<R: tl::RemoteCall>(&self, request: &R) -> Result<R::Return> {
        self.call(name(request), |client| async move { client.invoke(request).await }).await
    }

    /// As [`Self::invoke`], but gives back every flood wait, however short, for whoever has something else to do.
    pub(crate) async fn ask<R: tl::RemoteCall>(&self, request: &R) -> Result<R::Return> {
        let ask = |client: Client| async move { client.invoke(request).await };
        self.call_within(name(request), Duration::ZERO, ask).await
    }

    /// Does what the client can do, with the same care as [`Self::invoke`]. `ask` is called again after a wait or a
    /// broken line; `method` names it in errors, and waits belong to that name.
    pub async fn call<T, F>(&self, method: &'static str, ask: impl Fn(Client) -> F) -> Result<T>
    where
        F: Future<Output = Result<T, InvocationError>>,
    {
        self.call_within(method, self.options.longest_wait, ask).await
    }

    async fn call_within<T, F>(
        &self,
        method: &'static str,
        longest_wait: Duration,
        ask: impl Fn(Client) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T, InvocationError>>,
    {
        self.await_turn(method, longest_wait).await?;
        let mut failures = 0;
        loop {
            let (client, generation) = self.current();
            let reason = match tokio::time::timeout(self.options.request_timeout, ask(client)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(InvocationError::Rpc(rpc))) if rpc.code == 420 => {
                    self.wait_asked_for(method, rpc.value.unwrap_or(1));
                    self.await_turn(method, longest_wait).await?;
                    continue;
                }
                // Telegram's own troubles: -503 is its timeout.
                Ok(Err(InvocationError::Rpc(rpc))) if rpc.code >= 500 || rpc.code < 0 => rpc.to_string(),
                Ok(Err(error @ (InvocationError::Rpc(_) | InvocationError::Deserialize(_)))) => {
                    return Err(Error::from_invocation(method, error));
                }
                Ok(Err(error)) => {
                    if matches!(error, InvocationError::Dropped(_)) {
                        self.replace(generation);
                    }
                    error.to_string()
                }
                Err(_) => {
                    tracing::warn!(method, "no answer; connecting anew");
                    self.replace(generation);
                    format!("none in {:?}", self.options.request_timeout)
                }
            };
            failures += 1;
            if failures == TRIES {
                return Err(Error::Unreachable { method, reason });
            }
            tracing::debug!(method, reason, "asking again");
            tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(failures - 1)).await;
        }
    }

    /// The client, for requests that must not be repeated, such as a sign-in code: wrap them in [`Self::once`].
    pub fn client(&self) -> Client {
        self.current().0
    }

    /// Puts the timeout round one request that must not be repeated. A flood wait is given back as an error however
    /// short; the error type is the caller's, because signing in has one of its own.
    pub async fn once<T, E>(
        &self,
        method: &'static str,
        asked: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>> {
        let generation = self.current().1;
        match tokio::time::timeout(self.options.request_timeout, asked).await {
            Ok(answer) => Ok(answer),
            Err(_) => {
                self.replace(generation);
                let reason = format!("none in {:?}", self.options.request_timeout);
                Err(Error::Unreachable { method, reason })
            }
        }
    }

    /// Until when this method may not be asked, Unix seconds.
    pub fn waits_until(&self, method: &str) -> Option<i64> {
        let now = (self.clock)();
        self.waits().get(method).copied().filter(|until| *until > now)
    }

    /// The latest moment at which a wait of any method ends, Unix seconds; none when nothing waits.
    pub fn limited_until(&self) -> Option<i64> {
        let now = (self.clock)();
        self.waits().values().copied().filter(|until| *until > now).max()
    }

    /// Counts the waits that Telegram asked for: whoever keeps them over a restart looks at each change.
    pub(crate) fn waits_asked(&self) -> watch::Receiver<u64> {
        self.waits_asked.subscribe()
    }

    /// The waits that are not over: (method, until).
    pub(crate) fn open_waits(&self) -> Vec<(String, i64)> {
        let now = (self.clock)();
        let waits = self.waits();
        waits
            .iter()
            .filter(|(_, until)| **until > now)
            .map(|(method, until)| (method.clone(), *until))
            .collect()
    }

    /// Waits that were asked for before this process began.
    pub(crate) fn keep_waiting(&self, asked: impl IntoIterator<Item = (String, i64)>) {
        let mut waits = self.waits();
        for (method, until) in asked {
            let known = waits.entry(method).or_insert(until);
            *known = until.max(*known);
        }
    }

    /// Counts how often the line was replaced: updates may have been missed each time.
    pub fn interruptions(&self) -> watch::Receiver<u64> {
        self.interruptions.subscribe()
    }

    /// The updates of the present line; none when they were taken.
    pub(crate) fn take_updates(&self) -> Option<mpsc::Receiver<UpdatesLike>> {
        self.pool().updates.take()
    }

    /// Hangs up and writes the session.
    pub fn close(&self) -> Result<()> {
        self.pool().handle.quit();
        self.session.flush()
    }

    /// Throws the line away unless someone else has done so already.
    fn replace(&self, generation: u64) {
        let mut pool = self.pool();
        if pool.generation == generation {
            *pool = Pool::open(&self.session, &self.options, generation + 1);
            drop(pool);
            self.interruptions.send_modify(|count| *count += 1);
        }
    }

    fn wait_asked_for(&self, method: &'static str, seconds: u32) {
        // One more, because the clock shows whole seconds: never early.
        let until = (self.clock)() + i64::from(seconds) + 1;
        tracing::warn!(method, seconds, until, "Telegram asks to wait");
        self.waits().insert(method.to_owned(), until);
        self.waits_asked.send_modify(|count| *count += 1);
    }

    /// Waits until the method may be asked, or says that this is too long.
    async fn await_turn(&self, method: &'static str, longest_wait: Duration) -> Result<()> {
        loop {
            let now = (self.clock)();
            let Some(until) = self.waits().get(method).copied().filter(|until| *until > now) else {
                return Ok(());
            };
            let left = Duration::from_secs((until - now).unsigned_abs());
            if left > longest_wait {
                return Err(Error::Flood { method, until });
            }
            tokio::time::sleep(left).await;
        }
    }

    fn current(&self) -> (Client, u64) {
        let pool = self.pool();
        (pool.client.clone(), pool.generation)
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request's name in the TL schema.
fn name(request: &impl tl::Serializable) -> &'static str {
    let id = request.to_bytes().first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    tl::name_for_id(id)
}
