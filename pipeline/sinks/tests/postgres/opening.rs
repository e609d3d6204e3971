//! Opening a database: made and updated by several at once, refused with advice when it cannot be used.

use std::process::Command;

use tickertape_sinks::postgres::{Database, Error, Target};

use crate::server::Server;
use crate::support::{Place, execute, text};

async fn refusal(target: Target) -> String {
    match Database::open(target).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_may_make_the_tables_at_once() {
    let Some(place) = Place::server() else { return };
    let databases = tokio::join!(place.open(), place.open(), place.open(), place.open());
    assert_eq!(text(&databases.3, "SELECT count(*)::text FROM positions").await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_be_used_is_refused_with_advice() {
    let Some(server) = Server::shared() else { return };
    let at = |url: String| Target::Server { url };
    let error = refusal(at(server.url("nowhere"))).await;
    assert!(error.contains("3D000") && error.contains("createdb"), "{error}");
    let error = refusal(at("postgres://ann:secret@127.0.0.1:1/coins".into())).await;
    assert!(error.contains("ann:****@127.0.0.1:1") && !error.contains("secret"), "{error}");
    assert!(error.contains("check that the server runs"), "{error}");
    let error = refusal(at("postgres://ann:secret@127.0.0.1:port/coins".into())).await;
    assert!(error.contains("percent-encoded") && !error.contains("secret"), "{error}");
    let latin = server.create_database(&["--encoding=LATIN1", "--template=template0", "--locale=C"]);
    let error = refusal(at(latin)).await;
    assert!(error.contains("LATIN1") && error.contains("UTF8"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_a_newer_program_are_left_alone() {
    let Some(place) = Place::server() else { return };
    let database = place.open().await;
    execute(
        &database,
        "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time \
         FROM _sqlx_migrations LIMIT 1",
    )
    .await;
    let error = refusal(place.target()).await;
    assert!(error.contains("newer tickertape"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_database_is_for_one_process() {
    let place = Place::embedded();
    let database = place.open().await;
    let error = refusal(place.target()).await;
    assert!(error.contains("another tickertape uses it"), "{error}");

    let Target::Embedded { dir } = place.target() else { unreachable!() };
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["opening::child", "--exact", "--ignored", "--nocapture"])
        .env("TICKERTAPE_TEST_DIR", &dir)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(said.contains("another tickertape uses it"), "{said}");

    execute(&database, "CREATE TABLE kept (x text); INSERT INTO kept VALUES ('still there')").await;
    database.close().await.unwrap();
    let database = place.open().await;
    assert_eq!(text(&database, "SELECT x FROM kept").await, "still there");
    assert!(database.is_embedded());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the_embedded_database_is_for_one_process"]
async fn child() {
    let Some(dir) = std::env::var_os("TICKERTAPE_TEST_DIR") else { return };
    println!("{}", refusal(Target::Embedded { dir: dir.into() }).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_cannot_be_made_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let result = Database::open(Target::Embedded { dir: file.path().join("postgres") }).await;
    assert!(matches!(result.err(), Some(Error::Embedded { .. })));
}
