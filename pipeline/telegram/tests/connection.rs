//! A connection over a real socket, and everything that can go wrong on it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use grammers_client::tl;
use tickertape_loopback_telegram::{AccountSpec, Loopback};
use tickertape_telegram::{Connection, ConnectionOptions, Error, Session, system_clock};

struct Setup {
    telegram: Loopback,
    account: tickertape_loopback_telegram::AccountId,
    connection: Connection,
    _folder: tempfile::TempDir,
}

async fn setup() -> Setup {
    let telegram = Loopback::start().await;
    let account = telegram.add_account(AccountSpec::default());
    let folder = tempfile::tempdir().expect("a folder");
    let session = Session::open(folder.path().join("alpha.session")).expect("opens");
    telegram.signed_in(account).import_to(&session).await.expect("imported");
    let options = ConnectionOptions {
        device_model: "a test".to_owned(),
        updates_capacity: NonZeroUsize::new(100).expect("not zero"),
        request_timeout: Duration::from_millis(500),
        longest_wait: Duration::from_secs(3),
        ..ConnectionOptions::new(12345)
    };
    let connection = Connection::open(Arc::new(session), options, system_clock());
    Setup { telegram, account, connection, _folder: folder }
}

const STATE: &str = "updates.getState";

impl Setup {
    async fn ask(&self) -> Result<(), Error> {
        self.connection.invoke(&tl::functions::updates::GetState {}).await.map(drop)
    }
}

#[tokio::test]
async fn a_request_is_answered_and_the_device_is_introduced() {
    let setup = setup().await;
    setup.ask().await.expect("answered");
    assert_eq!(setup.telegram.introductions(), [(12345, "a test".to_owned())]);
}

#[tokio::test]
async fn a_short_wait_is_waited_for_and_a_long_one_is_given_back() {
    let setup = setup().await;
    setup.telegram.flood(STATE, 1, 1);
    setup.ask().await.expect("answered after the wait");
    assert_eq!((setup.telegram.asked(STATE), setup.telegram.early()), (2, 0));

    setup.telegram.flood(STATE, 1, 3600);
    let before = system_clock()();
    let error = setup.ask().await.expect_err("too long to wait for");
    let Error::Flood { until, .. } = error else { panic!("{error}") };
    assert!(until >= before + 3600);
    // Nothing is asked before that moment.
    assert!(matches!(setup.ask().await, Err(Error::Flood { .. })));
    assert_eq!((setup.telegram.asked(STATE), setup.telegram.early()), (3, 0));
    assert_eq!(setup.connection.waits_until(STATE), Some(until));
}

#[tokio::test]
async fn a_broken_line_is_replaced() {
    let setup = setup().await;
    setup.ask().await.expect("answered");
    setup.telegram.hang_up();
    setup.ask().await.expect("answered on another line");
    assert_eq!(setup.telegram.lines().1, 2);
}

#[tokio::test]
async fn a_mute_line_is_replaced_and_counted() {
    let setup = setup().await;
    setup.ask().await.expect("answered");
    let interruptions = setup.connection.interruptions();
    setup.telegram.mute_lines();
    setup.ask().await.expect("answered on another line");
    assert_eq!(*interruptions.borrow(), 1);
}

#[tokio::test]
async fn a_server_that_accepts_and_stays_mute_does_not_stop_us_for_ever() {
    let setup = setup().await;
    setup.telegram.mute_everything(true);
    let error = setup.ask().await.expect_err("nobody answers");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    setup.telegram.mute_everything(false);
    setup.ask().await.expect("answered");
}

#[tokio::test]
async fn a_refusal_is_not_asked_again() {
    let setup = setup().await;
    setup.telegram.ban(setup.account);
    let error = setup.ask().await.expect_err("banned");
    assert!(error.is_account_gone() && error.is("USER_DEACTIVATED*"), "{error}");
    assert_eq!(setup.telegram.asked(STATE), 1);
}
