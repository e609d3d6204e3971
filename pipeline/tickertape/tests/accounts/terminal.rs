//! A first session at a terminal, from `login` to a query: nothing secret is echoed, and `docs/telegram.md` shows what
//! a user will see, because it is this. `TICKERTAPE_WRITE_TRANSCRIPTS=1` writes it there.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tickertape_loopback_telegram::{AccountSpec, ChatSpec};
use tickertape_postgres_server::Server;

use crate::support::{CODE, PASSWORD, PHONE, User, count, until};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/telegram.md");

/// A terminal with a shell command in it.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<String>>,
    seen: usize,
}

impl Terminal {
    /// None where there is no `script` (of util-linux), which makes the terminal.
    fn open(user: &User, arguments: &str) -> Option<Self> {
        // Some shells end by the interrupt themselves, however well the program ends: it takes the shell's place.
        let command = format!("exec {} {arguments}", env!("CARGO_BIN_EXE_tickertape"));
        let mut script = Command::new("script");
        user.prepare(&mut script);
        script.args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"]);
        let spawned = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = spawned else {
            eprintln!("skipped: there is no script command");
            return None;
        };
        let keys = child.stdin.take().expect("piped");
        let mut screen = child.stdout.take().expect("piped");
        let shown: Arc<Mutex<String>> = Arc::default();
        let showing = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]).replace('\r', "");
                showing.lock().expect("not poisoned").push_str(&text);
            }
        });
        Some(Self { child, keys, shown, seen: 0 })
    }

    fn shown(&self) -> String {
        self.shown.lock().expect("not poisoned").clone()
    }

    /// Waits for a text that was not there before; the deadline is a safety net.
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let shown = self.shown();
            if let Some(at) = shown[self.seen..].find(text) {
                self.seen += at + text.len();
                return;
            }
            assert!(Instant::now() < deadline, "{text:?} never came: {shown}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Answers a prompt. What is typed before the echo is off is thrown away, so it is typed until something happens.
    fn answer(&mut self, prompt: &str, text: &str) {
        self.wait_for(prompt);
        let before = self.shown().len();
        while self.shown().len() == before {
            std::thread::sleep(Duration::from_millis(300));
            writeln!(self.keys, "{text}").expect("typed");
            let typed = Instant::now();
            while self.shown().len() == before && typed.elapsed() < Duration::from_secs(3) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn interrupt(&mut self) {
        self.keys.write_all(&[3]).expect("typed");
    }

    /// Everything that was shown, once it has ended.
    fn end(mut self) -> String {
        let status = self.child.wait().expect("ends");
        std::thread::sleep(Duration::from_millis(200)); // for what is still in the pipe
        let shown = self.shown();
        assert!(status.success(), "{shown}");
        shown
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_session_looks_like_the_one_in_the_documentation() {
    let Some(server) = Server::shared() else { return };
    let url = server.create_database(&[]);
    let pool = PgPool::connect(&url).await.expect("connects");
    let mut user = User::new().await;
    user.set("DATABASE_URL", &url);
    let spec = AccountSpec { code: CODE.into(), password: true, ..AccountSpec::default() };
    let alpha = user.account("alpha", spec).await;
    for (id, title, texts) in [
        (1, "Coin Talk", ["$BTC is up", "and $ETH follows", "gm"]),
        (2, "Whale Watch", ["12,000 ETH moved", "$SOL unlock tomorrow", "$BTC, again"]),
    ] {
        let username = Some(title.replace(' ', "_").to_lowercase());
        user.telegram.add_chat(ChatSpec { id, title: title.into(), username, ..ChatSpec::default() });
        user.telegram.add_member(alpha, id);
        for text in texts {
            user.telegram.post(id, text);
        }
    }
    let telegram = user.telegram.clone();
    let session = tokio::task::spawn_blocking(move || {
        let mut login = Terminal::open(&user, "login")?;
        login.answer("country's code: ", PHONE);
        login.answer("has sent: ", "11111");
        login.answer("has sent: ", CODE);
        login.answer("a hint): ", PASSWORD);
        let login = login.end();
        for secret in [CODE, PASSWORD, "11111"] {
            assert!(!login.contains(secret), "{secret} was echoed: {login}");
        }

        let mut up = Terminal::open(&user, "up")?;
        up.wait_for("2 chats followed, nothing is missing");
        telegram.post(1, "$ETH is live");
        tokio::runtime::Handle::current().block_on(until(|| async { count(&pool, "messages").await == 7 }));
        up.interrupt();
        let up = up.end();
        let sql = "db query 'SELECT coin_id, count(*) FROM messages GROUP BY 1 ORDER BY 2 DESC, 1'";
        let query = Terminal::open(&user, sql)?.end();
        let accounts = Terminal::open(&user, "accounts alpha")?.end();
        Some([("login", login), ("up", up), (sql, query), ("accounts alpha", accounts)])
    });
    let Some(session) = session.await.expect("no panic") else { return };
    let mut signing_in = String::new();
    let mut live = String::new();
    for (nth, (arguments, shown)) in session.iter().enumerate() {
        let part = if nth == 0 { &mut signing_in } else { &mut live };
        part.push_str(&format!("$ tickertape {arguments}\n"));
        // How often it says how far it is depends on the machine.
        let settled = |line: &&str| !line.ends_with("connecting") && !line.ends_with("still to be read");
        let lines = shown.lines().map(|line| line.trim_start_matches("^C")).filter(settled);
        part.extend(lines.map(|line| format!("{}\n", line.trim_end())));
    }
    compare("signing in", &signing_in);
    compare("a live session", &live);
}

/// Compares with the document, or writes it there.
fn compare(name: &str, transcript: &str) {
    let document = std::fs::read_to_string(DOCUMENT).expect("docs/telegram.md is there");
    let begin = format!("<!-- transcript: {name} -->\n```text\n");
    let from = document.find(&begin).expect("the document has a place for it") + begin.len();
    let to = from + document[from..].find("```").expect("which ends");
    if std::env::var_os("TICKERTAPE_WRITE_TRANSCRIPTS").is_some() {
        let written = format!("{}{transcript}{}", &document[..from], &document[to..]);
        std::fs::write(DOCUMENT, written).expect("written");
    } else {
        assert_eq!(&document[from..to], transcript, "write it anew with TICKERTAPE_WRITE_TRANSCRIPTS=1");
    }
}
