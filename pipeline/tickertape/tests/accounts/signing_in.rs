//! `login`, `logout` and `accounts` without a terminal: answers from files and from the environment.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::time::Duration;

use tickertape_loopback_telegram::AccountSpec;
use tickertape_telegram::Session;

use crate::support::{CODE, HASH, PASSWORD, PHONE, TOKEN, User, stderr, stdout};

fn spec() -> AccountSpec {
    AccountSpec { code: CODE.to_owned(), ..AccountSpec::default() }
}

async fn user(spec: AccountSpec) -> User {
    let mut user = User::new().await;
    user.account("alpha", spec).await;
    user
}

/// Nothing that was said gives the account away.
fn is_discreet(output: &Output) {
    let said = format!("{}{}", stdout(output), stderr(output));
    for secret in [PHONE, &PHONE[1..], CODE, PASSWORD, HASH, TOKEN] {
        assert!(!said.contains(secret), "{secret} was said: {said}");
    }
}

fn is_signed_in(user: &User) -> bool {
    Session::open(user.session("alpha")).expect("opens").is_signed_in()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_signs_in_and_the_session_is_the_owners_alone() {
    let user = user(spec()).await;
    let variables = [("TELEGRAM_PHONE", PHONE), ("TELEGRAM_CODE", CODE), ("RUST_LOG", "trace")];
    let output = user.run(&["login", "-vv"], &variables).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "alpha: signed in as +100…01, user 7770001\n");
    is_discreet(&output);
    assert!(is_signed_in(&user));
    let mode = std::fs::metadata(user.session("alpha")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let session = std::fs::read_to_string(user.session("alpha")).expect("text");
    assert!(!session.contains(&PHONE[1..]), "not even there is the number whole");

    let again = user.run(&["login"], &variables).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("tickertape logout alpha"), "{}", stderr(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_factor_is_asked_for_and_a_wrong_one_signs_nobody_in() {
    let user = user(AccountSpec { password: true, ..spec() }).await;
    let (phone, code, password) =
        (user.file("phone", PHONE), user.home.path().join("code"), user.file("password", PASSWORD));
    let code = code.display().to_string();
    let arguments =
        ["login", "alpha", "--phone-file", &phone, "--code-file", &code, "--password-file", &password];
    user.telegram.refuse_passwords(1);
    std::fs::write(&code, CODE).expect("written");
    let wrong = user.run(&arguments, &[]).await;
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("the password is wrong"), "{}", stderr(&wrong));
    is_discreet(&wrong);
    assert!(!is_signed_in(&user));

    // The code comes when it was sent, not before.
    std::fs::remove_file(&code).expect("there");
    let sent = user.telegram.asked("auth.sendCode");
    let (telegram, file) = (user.telegram.clone(), code.clone());
    tokio::spawn(async move {
        while telegram.asked("auth.sendCode") == sent {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        std::fs::write(file, CODE).expect("written");
    });
    let output = user.run(&arguments, &[]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    is_discreet(&output);
    assert!(is_signed_in(&user));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_says_so_and_signs_nobody_in() {
    let user = user(spec()).await;
    let variables = [("TELEGRAM_PHONE", PHONE), ("TELEGRAM_CODE", "11111")];
    let output = user.run(&["login"], &variables).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the code is wrong"), "{}", stderr(&output));
    assert_eq!(user.telegram.asked("auth.signIn"), 1, "the same answer is not given twice");
    assert!(!is_signed_in(&user));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_signs_a_bot_in() {
    let user = user(AccountSpec { phone: String::new(), bot_token: Some(TOKEN.to_owned()), ..spec() }).await;
    let wrong = user.run(&["login", "--bot"], &[("TELEGRAM_BOT_TOKEN", "4242:another")]).await;
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        stderr(&wrong).contains("@BotFather") && !stderr(&wrong).contains("another"),
        "{}",
        stderr(&wrong)
    );
    let output = user.run(&["login", "--bot"], &[("TELEGRAM_BOT_TOKEN", TOKEN)]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "alpha: signed in as a bot, user 7770001\n");
    is_discreet(&output);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_answered_with_what_to_do() {
    let user = user(spec()).await;
    let nobody = user.run(&["login"], &[]).await;
    assert!(
        stderr(&nobody).contains("--phone-file") && stderr(&nobody).contains("TELEGRAM_PHONE"),
        "{}",
        stderr(&nobody)
    );
    let wrong = user.run(&["login"], &[("TELEGRAM_PHONE", "+1999")]).await;
    assert!(stderr(&wrong).contains("+491701234567"), "{}", stderr(&wrong));
    let other = user.run(&["login", "beta"], &[]).await;
    assert!(stderr(&other).contains("there are alpha"), "{}", stderr(&other));
    let keyless = user.run(&["login"], &[("TELEGRAM_API_HASH", "")]).await;
    assert!(stderr(&keyless).contains("TELEGRAM_API_HASH"), "{}", stderr(&keyless));
    let out = user.run(&["logout"], &[]).await;
    assert!(stderr(&out).contains("not signed in"), "{}", stderr(&out));
    let none = user.run(&["login"], &[("TICKERTAPE_TELEGRAM_ACCOUNTS", "")]).await;
    assert!(stderr(&none).contains("no Telegram account is configured"), "{}", stderr(&none));
    for output in [nobody, wrong, other, keyless, out, none] {
        assert_eq!(output.status.code(), Some(1));
    }
    assert_eq!(user.telegram.asked("auth.signIn"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_shown_and_signed_out() {
    let mut user = user(spec()).await;
    let beta = AccountSpec { phone: "+10000000002".to_owned(), ..AccountSpec::default() };
    user.account("beta", beta).await;
    let login = user.run(&["login", "alpha"], &[("TELEGRAM_PHONE", PHONE), ("TELEGRAM_CODE", CODE)]).await;
    assert!(login.status.success(), "{}", stderr(&login));

    let shown = user.run(&["accounts"], &[]).await;
    assert!(shown.status.success(), "{}", stderr(&shown));
    let lines: Vec<_> = stdout(&shown).lines().map(str::to_owned).collect();
    assert!(lines[1].starts_with("alpha\t+100…01\t"), "{lines:?}");
    assert!(lines[2].starts_with("beta\tno\t"), "{lines:?}");
    is_discreet(&shown);
    let objects = stdout(&user.run(&["accounts", "--json"], &[]).await);
    let objects: Vec<serde_json::Value> =
        objects.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        (objects[0]["user_id"].as_i64(), objects[0]["phone"].as_str()),
        (Some(7_770_001), Some("+100…01"))
    );
    assert_eq!(objects[0]["allowed"]["joins_a_day"].as_i64(), Some(20));
    assert_eq!(objects[1]["signed_in"].as_bool(), Some(false));

    let out = user.run(&["logout", "alpha"], &[]).await;
    assert_eq!(stdout(&out), "alpha: signed out\n", "{}", stderr(&out));
    assert!(!user.session("alpha").exists());
    assert_eq!(user.telegram.asked("auth.logOut"), 1);
}
