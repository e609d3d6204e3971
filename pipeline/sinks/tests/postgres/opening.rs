//! Opening a database: made and updated by several at once, refused with advice when it cannot be used.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tickertape_sinks::postgres::{Database, Error, Target};

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::support::{Place, execute, text};
use tickertape_postgres_server::Server;

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

/// A client of the served database: `SELECT 1` by psql, or what psql says instead.
fn psql(port: u16) -> std::process::Output {
    let url = format!("postgresql://postgres@127.0.0.1:{port}/postgres");
    Command::new("psql").args(["-XAtq", &url, "-c", "SELECT x FROM kept"]).output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_database_can_be_opened_to_one_client_at_a_time() {
    if Command::new("psql").arg("--version").output().is_err() {
        println!("skipped: no psql on the PATH");
        return;
    }
    let place = Place::embedded();
    let database = place.open().await;
    execute(&database, "CREATE TABLE kept (x text); INSERT INTO kept VALUES ('for all to see')").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(database.serve(listener, async { _ = stopped.await }));

    let clients = tokio::task::spawn_blocking(move || {
        let url = format!("postgresql://postgres@127.0.0.1:{port}/postgres");
        for script in ["SELECT repeat('x', 1000) FROM generate_series(1, 1000000)", "COPY kept FROM STDIN"] {
            let mut client = Command::new("psql")
                .args(["-Xq", &url, "-c", script])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(1500));
            let said = psql(port);
            let said = String::from_utf8_lossy(&said.stderr);
            assert!(said.contains("one client at a time"), "{said}");
            client.kill().unwrap(); // in the middle of an answer, in the middle of a question
            client.wait().unwrap();
            // That a client is gone is noticed when it is written to, or read from: soon, not at once.
            let gone = Instant::now();
            let mut answer = psql(port);
            while answer.stdout.is_empty() && gone.elapsed() < Duration::from_secs(60) {
                std::thread::sleep(Duration::from_millis(100));
                answer = psql(port);
            }
            assert!(answer.stdout == b"for all to see\n", "after {script}: {answer:?}");
        }
    });
    clients.await.unwrap();
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    place.open().await.close().await.unwrap();
}
