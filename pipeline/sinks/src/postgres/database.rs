//! The database: found, checked and brought up to date once, then shared by the sinks of all partitions.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool, Row};

use tokio::time::{Instant, sleep};
#[cfg(feature = "embedded-postgres")]
use tokio::{net::TcpListener, sync::Mutex};

#[cfg(feature = "embedded-postgres")]
use super::embedded::Embedded;
use super::error::{Error, Kind, Result, advice, kind, reason};
#[cfg(feature = "embedded-postgres")]
use super::serve::serve;
use super::url::mask;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// The oldest server on which the tests run.
const OLDEST_SERVER: i32 = 150_000;
/// Sinks of many partitions take turns: a server's default is 100 connections for everybody.
const SERVER_CONNECTIONS: u32 = 8;
/// How long a sink waits for a connection before it says that there is none, and tries again.
const ACQUIRE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a server may take to start, or to have a connection to spare.
const OPEN_PATIENCE: Duration = Duration::from_secs(10);

/// Where the database is.
pub enum Target {
    /// A PostgreSQL server.
    Server {
        /// `postgres://user:password@host:port/database`, as it stands in `DATABASE_URL`. Shown only masked.
        url: String,
    },
    /// The PostgreSQL that is built into this program.
    Embedded {
        /// Its directory; made when it is not there.
        dir: PathBuf,
    },
}

impl fmt::Display for Target {
    /// As it may be shown: without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server { url } => f.write_str(&mask(url)),
            Self::Embedded { dir } => write!(f, "embedded PostgreSQL in {}", dir.display()),
        }
    }
}

/// A database whose tables are those of this build.
pub struct Database {
    pool: PgPool,
    #[cfg(feature = "embedded-postgres")]
    embedded: Option<Embedded>,
}

impl Database {
    /// Connects, and makes or updates the tables; several processes may do so at once.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::Embedded`] or [`Error::Migrate`], with advice.
    pub async fn open(target: Target) -> Result<Self> {
        match target {
            Target::Server { url } => {
                let pool = PgPoolOptions::new()
                    .max_connections(SERVER_CONNECTIONS)
                    .acquire_timeout(ACQUIRE_PATIENCE);
                let pool = connect(pool, &url).await?;
                check(&pool, &url).await?;
                migrate(&pool, &url).await?;
                Ok(Self {
                    pool,
                    #[cfg(feature = "embedded-postgres")]
                    embedded: None,
                })
            }
            #[cfg(feature = "embedded-postgres")]
            Target::Embedded { dir } => {
                let embedded = Embedded::start(dir).await?;
                let url = embedded.url();
                // One connection is all it has; each sink gets it for one batch at a time, in turn. It is never
                // given up, because with it the server's whole state would go and have to be built again.
                let pool = PgPoolOptions::new()
                    .max_connections(1)
                    .idle_timeout(None)
                    .max_lifetime(None)
                    .acquire_timeout(Duration::from_secs(600));
                let pool = connect(pool, &url).await?;
                migrate(&pool, &url).await?;
                Ok(Self { pool, embedded: Some(embedded) })
            }
            #[cfg(not(feature = "embedded-postgres"))]
            Target::Embedded { dir } => Err(Error::Embedded {
                dir: dir.display().to_string(),
                reason: "this program was built without it".to_owned(),
                advice: "set DATABASE_URL, or build with the feature embedded-postgres",
            }),
        }
    }

    /// Connections for queries. The embedded database has one, which the sinks need too: hold it briefly.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Closes the connections, and the embedded server, which writes everything to its files.
    pub async fn close(self) -> Result<()> {
        self.pool.close().await;
        #[cfg(feature = "embedded-postgres")]
        if let Some(embedded) = self.embedded {
            embedded.stop().await?;
        }
        Ok(())
    }

    /// Opens the embedded database to clients of `listener`, one at a time, until `stop` resolves; then closes it.
    ///
    /// There is no password: the listener must be on a loopback address. Clients connect as user `postgres` to
    /// database `postgres`, without TLS.
    ///
    /// # Errors
    /// [`Error::Serve`] when this is a server, which clients reach without help, or when the listener fails.
    #[cfg(feature = "embedded-postgres")]
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<()> {
        let failed = |reason: String, advice| Err(Error::Serve { reason, advice });
        let Some(embedded) = self.embedded else {
            return failed("DATABASE_URL is set".to_owned(), "connect your client to that URL");
        };
        self.pool.close().await; // its one connection is for the clients
        let embedded = Mutex::new(embedded);
        let served = tokio::select! {
            error = serve(listener, &embedded) => failed(error.to_string(), "choose another port and serve again"),
            () = stop => Ok(()),
        };
        served.and(embedded.into_inner().stop().await)
    }

    /// Told by each sink what it has committed; now and then the embedded server has to tidy up.
    pub(super) async fn wrote(&self, bytes: usize) -> Result<(), sqlx::Error> {
        #[cfg(feature = "embedded-postgres")]
        if self.embedded.as_ref().is_some_and(|embedded| embedded.wrote(bytes)) {
            sqlx::query("CHECKPOINT").execute(&self.pool).await?;
        }
        let _ = bytes;
        Ok(())
    }

    /// Whether the server lives in this process.
    pub fn is_embedded(&self) -> bool {
        #[cfg(feature = "embedded-postgres")]
        return self.embedded.is_some();
        #[cfg(not(feature = "embedded-postgres"))]
        false
    }
}

async fn connect(pool: PgPoolOptions, url: &str) -> Result<PgPool> {
    let options = PgConnectOptions::from_str(url).map_err(|error| refused(url, &error))?;
    let options = options.disable_statement_logging().application_name("tickertape");
    // Once without the pool, which would try a server that is not there for as long as it may wait.
    let started = Instant::now();
    loop {
        match options.connect().await {
            Ok(connection) => {
                connection.close().await.map_err(|error| refused(url, &error))?;
                break;
            }
            Err(error @ sqlx::Error::Database(_))
                if kind(&error) == Kind::Transient && started.elapsed() < OPEN_PATIENCE =>
            {
                sleep(Duration::from_millis(250)).await;
            }
            Err(error) => return Err(refused(url, &error)),
        }
    }
    // `IF NOT EXISTS` says each time that something exists.
    let pool = pool.after_connect(|connection, _| Box::pin(quiet(connection)));
    Ok(pool.connect_lazy_with(options))
}

async fn quiet(connection: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SET client_min_messages = warning").execute(connection).await.map(drop)
}

/// Refuses servers that would take the tables but not all texts.
async fn check(pool: &PgPool, url: &str) -> Result<()> {
    let row = sqlx::query(
        "SELECT current_setting('server_version_num')::integer AS version, \
         current_setting('server_version') AS name, current_setting('server_encoding') AS encoding",
    )
    .fetch_one(pool)
    .await
    .map_err(|error| refused(url, &error))?;
    let unfit = |reason: String, advice| Err(Error::Open { url: mask(url), reason, advice });
    let column = |error| refused(url, &error);
    if row.try_get::<i32, _>("version").map_err(column)? < OLDEST_SERVER {
        let name: String = row.try_get("name").map_err(column)?;
        return unfit(format!("it is PostgreSQL {name}"), "PostgreSQL 15 or newer is needed");
    }
    let encoding: String = row.try_get("encoding").map_err(column)?;
    if encoding != "UTF8" {
        return unfit(
            format!("its encoding is {encoding}, which cannot hold every text"),
            "create a database with createdb --encoding=UTF8 --template=template0",
        );
    }
    Ok(())
}

async fn migrate(pool: &PgPool, url: &str) -> Result<()> {
    MIGRATIONS.run(pool).await.map_err(|error| {
        let advice = match &error {
            MigrateError::VersionMissing(_) => {
                "it was written by a newer tickertape: use that, or another database"
            }
            MigrateError::VersionMismatch(_) | MigrateError::Dirty(_) => {
                "its tables are not what tickertape made: use another database"
            }
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => advice(error),
            _ => "look into the server's log",
        };
        Error::Migrate { url: mask(url), reason: error.to_string(), advice }
    })
}

fn refused(url: &str, error: &sqlx::Error) -> Error {
    Error::Open { url: mask(url), reason: reason(error), advice: advice(error) }
}
