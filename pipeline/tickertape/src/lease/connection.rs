//! The connection that holds the locks, and what can be asked of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row};
use tokio::time::{Instant, sleep, timeout};

use super::share::{Peer, View};
use crate::stages::Role;

/// How often the lease is looked at: how soon a free partition is taken and a lost connection noticed.
pub(super) const POLL: Duration = Duration::from_secs(1);
/// No answer for so long is a lost connection. Together with [`POLL`] less than the eleven seconds after which the
/// server gives up on a host that went away ([`KEEPALIVE`]): who lost the lease stops before another can have it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Probes after five idle seconds, three of them two seconds apart; data may be unacknowledged for ten.
const KEEPALIVE: &str = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; \
     SET tcp_user_timeout = 10000; SET idle_session_timeout = 0";
/// The lock that everyone who shares a role holds together: no partition has this number.
const SHARING: i32 = -1;
/// How long a claim waits for what a killed process held to become free.
const CLAIM_PATIENCE: Duration = Duration::from_secs(15);
/// How long another process may take to make the topics.
const SETUP_PATIENCE: Duration = Duration::from_secs(60);

/// The PostgreSQL server that holds the locks.
#[derive(Clone)]
pub(crate) struct Server(PgConnectOptions);

/// One process's locks of one role. Dropped, they are free.
pub(crate) struct Lease {
    connection: PgConnection,
    role: Role,
    /// First half of the key of every lock of this role; the partition is the other.
    class: i32,
    me: Peer,
}

impl Server {
    /// The server of `DATABASE_URL`.
    pub(crate) fn new(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)
            .context("DATABASE_URL is not postgres://user:password@host:5432/database")?;
        Ok(Self(options.disable_statement_logging()))
    }

    async fn connect(&self, what: &str) -> Result<PgConnection> {
        let options = self.0.clone().application_name(&format!("tickertape {what} {}", std::process::id()));
        let mut connection =
            soon(options.connect()).await.context("cannot connect to Postgres for the lease")?;
        soon(sqlx::raw_sql(KEEPALIVE).execute(&mut connection)).await?;
        Ok(connection)
    }

    /// First half of a key: another for each purpose and each schema that the tables may be in.
    async fn key(connection: &mut PgConnection, purpose: &str) -> Result<(i32, Peer)> {
        let key = sqlx::query("SELECT hashtext($1 || coalesce(current_schema(), '')), pg_backend_pid()")
            .bind(format!("tickertape {purpose} in "));
        let row = soon(key.fetch_one(connection)).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }
}

impl Lease {
    pub(super) async fn open(server: &Server, role: Role) -> Result<Self> {
        let mut connection = server.connect(&role.to_string()).await?;
        let (class, me) = Server::key(&mut connection, &role.to_string()).await?;
        Ok(Self { connection, role, class, me })
    }

    /// Takes part in the sharing, or no longer does.
    pub(super) async fn share(&mut self, shares: bool) -> Result<()> {
        let sql = if shares {
            "SELECT pg_try_advisory_lock_shared($1, $2)"
        } else {
            "SELECT pg_advisory_unlock_shared($1, $2)"
        };
        let query = sqlx::query(sql).bind(self.class).bind(SHARING);
        soon(query.execute(&mut self.connection)).await.map(drop)
    }

    /// Tries for a partition.
    pub(super) async fn take(&mut self, partition: u32) -> Result<bool> {
        let query = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, $2)");
        let query = query.bind(self.class).bind(partition as i32);
        soon(query.fetch_one(&mut self.connection)).await
    }

    /// Hands a partition on, once its stages have ended.
    pub(super) async fn give(&mut self, partition: u32) -> Result<()> {
        let query = sqlx::query("SELECT pg_advisory_unlock($1, $2)").bind(self.class).bind(partition as i32);
        soon(query.execute(&mut self.connection)).await.map(drop)
    }

    /// Who shares and who holds what.
    pub(super) async fn view(&mut self) -> Result<View> {
        let query = sqlx::query(
            "SELECT CASE WHEN objid::bigint > 2147483647 THEN -1 ELSE objid::bigint END::integer, pid FROM pg_locks \
             WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = $1 \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .bind(i64::from(self.class as u32));
        let mut view = View { me: self.me, peers: BTreeSet::new(), holders: BTreeMap::new() };
        for row in soon(query.fetch_all(&mut self.connection)).await? {
            let (partition, pid): (i32, Peer) = (row.try_get(0)?, row.try_get(1)?);
            if partition == SHARING {
                view.peers.insert(pid);
            } else {
                view.holders.insert(partition as u32, pid);
            }
        }
        Ok(view)
    }

    /// Keeps what was claimed; returns only when it is lost.
    pub(crate) async fn keep(mut self) -> anyhow::Error {
        loop {
            sleep(POLL).await;
            if let Err(error) = self.view().await {
                return error.context(format!("the lease of {} is lost", self.role));
            }
        }
    }
}

/// Takes all these partitions for a process that can do with nothing less.
///
/// # Errors
/// When another process keeps one of them.
pub(crate) async fn claim(server: &Server, role: Role, partitions: Range<u32>) -> Result<Lease> {
    let mut lease = Lease::open(server, role).await?;
    let began = Instant::now();
    for partition in partitions {
        while !lease.take(partition).await? {
            if began.elapsed() > CLAIM_PATIENCE {
                bail!(
                    "partition {partition} of `{role}` belongs to another process; stop that one, or leave the work to it \
                     and only put the files on the log with `tickertape import`"
                );
            }
            sleep(POLL / 4).await;
        }
    }
    Ok(lease)
}

/// Held while topics are made, by one process at a time.
pub(crate) struct SetupLock(Option<PgConnection>);

impl SetupLock {
    /// Waits its turn; nothing to wait for where this process is the only one.
    pub(crate) async fn take(server: Option<&Server>) -> Result<Self> {
        let Some(server) = server else { return Ok(Self(None)) };
        let mut connection = server.connect("setup").await?;
        let (class, _) = Server::key(&mut connection, "setup").await?;
        let lock = sqlx::query("SELECT pg_advisory_lock($1, 0)").bind(class).execute(&mut connection);
        let taken = timeout(SETUP_PATIENCE, lock).await;
        taken.context("another process is still making the topics; look at what it waits for")??;
        Ok(Self(Some(connection)))
    }

    /// Lets the next one in.
    pub(crate) async fn release(self) -> Result<()> {
        match self.0 {
            Some(connection) => Ok(connection.close().await?),
            None => Ok(()),
        }
    }
}

/// What a connection that may be dead is asked.
async fn soon<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T> {
    let answered = timeout(PATIENCE, asked).await;
    Ok(answered.with_context(|| format!("Postgres did not answer within {PATIENCE:?}"))??)
}
