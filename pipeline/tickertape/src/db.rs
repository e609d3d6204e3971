//! `tickertape db`: where the database is, one-off queries, and opening the embedded one to other clients.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Column, Executor, Row, ValueRef};
use tickertape_sinks::postgres::{Database, Target};
use tokio::net::TcpListener;

use crate::cli::{DbArgs, DbCommand, SERVE_PORT};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::table;

/// The database of this configuration: the server that is named, or the embedded one.
pub(crate) fn target(config: &Config, data: &DataDir) -> Result<Target> {
    Ok(match config.database_url()? {
        Some(url) => Target::Server { url },
        None => Target::Embedded { dir: data.postgres() },
    })
}

pub(crate) async fn run(args: &DbArgs) -> Result<()> {
    let config = Config::load(args.common.config.as_deref())?;
    let data = DataDir::new(&args.common.data);
    let target = target(&config, &data)?;
    match &args.command {
        DbCommand::Url => {
            crate::print_data(&format!("{}\n", url(&target)));
            Ok(())
        }
        DbCommand::Query { sql } => {
            let database = Database::open(target).await?;
            let outcome = query(&database, sql).await;
            database.close().await?;
            outcome
        }
        DbCommand::Serve { port } => serve(target, *port).await,
    }
}

/// Runs what the user wrote, as they wrote it, and prints its rows.
async fn query(database: &Database, sql: &str) -> Result<()> {
    let mut results = database.pool().fetch_many(sqlx::raw_sql(AssertSqlSafe(sql)));
    let mut header: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    let mut affected = 0;
    while let Some(result) = results.try_next().await.context("the query failed")? {
        match result {
            sqlx::Either::Left(done) => affected += done.rows_affected(),
            sqlx::Either::Right(row) => {
                if header.is_empty() {
                    header = row.columns().iter().map(|column| column.name().to_owned()).collect();
                }
                rows.push(cells(&row)?);
            }
        }
    }
    if header.is_empty() {
        eprintln!("no rows; {affected} affected");
        return Ok(());
    }
    table::print(&header, &rows).or_else(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()), // `| head` has seen enough
        _ => Err(error.into()),
    })
}

/// The row as the server wrote it: the simple query protocol answers in text, whatever the type.
fn cells(row: &sqlx::postgres::PgRow) -> Result<Vec<Option<String>>> {
    (0..row.len())
        .map(|i| {
            let value = row.try_get_raw(i)?;
            if value.is_null() {
                return Ok(None);
            }
            value.as_str().map(|text| Some(text.to_owned())).map_err(|error| anyhow::anyhow!(error))
        })
        .collect()
}

/// Where a client can connect. The embedded database has an address only while `db serve` runs.
fn url(target: &Target) -> String {
    match target {
        Target::Server { .. } => target.to_string(),
        Target::Embedded { .. } => {
            eprintln!("the embedded database answers there while `tickertape db serve` runs");
            served_at(SERVE_PORT)
        }
    }
}

fn served_at(port: u16) -> String {
    format!("postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable")
}

async fn serve(target: Target, port: u16) -> Result<()> {
    let database = Database::open(target).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on 127.0.0.1:{port}; choose another with --port"))?;
    crate::print_data(&format!("{}\n", served_at(port)));
    eprintln!("serving one client at a time until interrupted; try: psql '{}'", served_at(port));
    let interrupted = async { _ = tokio::signal::ctrl_c().await };
    Ok(database.serve(listener, interrupted).await?)
}
