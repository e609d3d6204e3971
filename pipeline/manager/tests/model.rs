//! The decisions against a make-believe Telegram, in every order that chance finds: no channel with two owners, no
//! account over its limit, no instruction lost or repeated; and when all has settled, Telegram is as it should be.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "support/checked.rs"]
mod checked;
#[path = "support/world.rs"]
mod world;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use checked::Checked;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tickertape_manager::decide::{ChannelState, Event, TRANSITIONS, Target, Wish, WishKind};
use tickertape_manager::{Approve, Options};
use tickertape_records::{AccountState, Instruction};
use world::{Door, Said, World};

const ACCOUNTS: [&str; 3] = ["anna", "boris", "clara"];
const CHATS: i64 = 14;
const START: i64 = 1_800_000_000;

#[derive(Debug, Clone)]
enum Step {
    /// The next record of one of the streams arrives.
    Arrive(usize),
    /// One of the instructions that are on their way is carried out.
    Execute(usize),
    Pass(i64),
    Report(usize),
    /// The producer of an account goes away or comes back.
    Switch(usize),
    Judge(usize, AccountState),
    Flood(usize, i64),
    See(usize, i64, i64, bool),
    Wish(WishKind, usize),
    /// An account's owner joins or leaves by hand, or an admin acts.
    Enter(usize, usize),
    Lose(usize, usize, &'static str),
    Silence(i64),
    Message(usize),
    /// The chat becomes about something else.
    Turn(usize),
    Close(usize, Door),
    /// Everything on its way arrives, or is carried out.
    DeliverAll,
    ExecuteAll,
    /// Some five minutes pass as they should: those that run report and do what they are told.
    Live(u32),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let account = 0..ACCOUNTS.len();
    let chat = 0..CHATS as usize;
    let state = prop_oneof![
        Just(AccountState::Online),
        Just(AccountState::Banned),
        Just(AccountState::SignedOut),
        Just(AccountState::Offline)
    ];
    let wish = prop_oneof![
        4 => Just(WishKind::Add),
        1 => Just(WishKind::Configure),
        1 => Just(WishKind::Approve),
        1 => Just(WishKind::Reject),
        1 => Just(WishKind::Remove)
    ];
    let why = prop_oneof![Just("kicked"), Just("banned"), Just("private"), Just("left")];
    prop_oneof![
        8 => (0usize..8).prop_map(Step::Arrive),
        10 => (0usize..32).prop_map(Step::Execute),
        10 => prop_oneof![20 => 1i64..60, 10 => 60i64..7_200, 1 => 80_000i64..200_000].prop_map(Step::Pass),
        6 => account.clone().prop_map(Step::Report),
        1 => account.clone().prop_map(Step::Switch),
        1 => (account.clone(), state).prop_map(|(account, state)| Step::Judge(account, state)),
        1 => (account.clone(), 60i64..90_000).prop_map(|(account, wait)| Step::Flood(account, wait)),
        5 => (chat.clone(), 1i64..4, 1i64..6, any::<bool>())
            .prop_map(|(chat, source, message, preview)| Step::See(chat, source, message, preview)),
        4 => (wish, chat.clone()).prop_map(|(kind, chat)| Step::Wish(kind, chat)),
        1 => (account.clone(), chat.clone()).prop_map(|(account, chat)| Step::Enter(account, chat)),
        1 => (account.clone(), chat.clone(), why).prop_map(|(account, chat, why)| Step::Lose(account, chat, why)),
        4 => (0i64..2_000).prop_map(Step::Silence),
        2 => chat.clone().prop_map(Step::Message),
        1 => chat.clone().prop_map(Step::Turn),
        1 => (chat.clone(), prop_oneof![3 => Just(Door::Open), 1 => Just(Door::Nothing), 1 => Just(Door::Bans)])
            .prop_map(|(chat, door)| Step::Close(chat, door)),
        6 => (1u32..60).prop_map(Step::Live),
        8 => Just(Step::DeliverAll),
        5 => Just(Step::ExecuteAll),
        1 => Just(Step::Crash),
    ]
}

struct Play {
    world: World,
    manager: Checked,
    now: i64,
    /// Records of one account, and of the two other topics, arrive in order; nothing else does.
    streams: Vec<VecDeque<Said>>,
    on_their_way: Vec<Instruction>,
    chats: Vec<i64>,
}

impl Play {
    fn new() -> Self {
        let mut world = World::default();
        let doors = [
            Door::Open,
            Door::Open,
            Door::Request(5_000),
            Door::Bans,
            Door::Open,
            Door::Nothing,
            Door::Request(-1),
        ];
        let chats = (0..CHATS)
            .map(|number| world.add_chat(number, doors[number as usize % doors.len()], number % 3 != 0))
            .collect();
        // Room for two or three each, less than there are chats.
        world.add_actor("anna", false, 495);
        world.add_actor("boris", false, 494);
        world.add_actor("clara", true, 994);
        let options = Options {
            approve: Approve::Auto,
            approvals_per_source: 3,
            flood_links: 6,
            joins_per_day: 2,
            request_seconds: 100_000,
            inactive_seconds: 5_000,
            inactive_wait_seconds: 3_000,
            ..Options::default()
        };
        let streams = vec![VecDeque::new(); ACCOUNTS.len() + 2];
        let manager = Checked::new(options);
        let mut play = Self { world, manager, now: START, streams, on_their_way: Vec::new(), chats };
        (0..ACCOUNTS.len()).for_each(|account| play.take(Step::Report(account)));
        play
    }

    fn say(&mut self, said: impl IntoIterator<Item = Said>) {
        for said in said {
            let stream = match &said {
                Said::Client(report) => ACCOUNTS.iter().position(|label| *label == report.account).unwrap(),
                Said::Channel(_) => ACCOUNTS.len(),
                Said::Link(_) => ACCOUNTS.len() + 1,
            };
            self.streams[stream].push_back(said);
        }
    }

    fn arrive(&mut self, stream: usize) {
        if let Some(said) = self.streams[stream].pop_front() {
            self.manager.observe(said, self.now);
        }
    }

    fn deliver_all(&mut self) {
        for stream in 0..self.streams.len() {
            while !self.streams[stream].is_empty() {
                self.arrive(stream);
            }
        }
    }

    fn execute_all(&mut self) {
        for instruction in std::mem::take(&mut self.on_their_way) {
            let said = self.world.execute(&instruction, self.now);
            self.say(said);
        }
    }

    fn live(&mut self) {
        for label in ACCOUNTS {
            let said = self.world.report(label, self.now);
            self.say(said);
        }
        self.deliver_all();
        self.pass(300);
        self.execute_all();
    }

    fn pass(&mut self, seconds: i64) {
        self.now += seconds;
        let told = self.manager.tick(self.now);
        self.manager.tick_again(self.now);
        self.manager.check_all();
        self.on_their_way.extend(told);
        let said = self.world.let_in(self.now);
        self.say(said);
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Arrive(stream) => self.arrive(stream % self.streams.len()),
            Step::Execute(which) => {
                if self.on_their_way.is_empty() {
                    return;
                }
                let which = which % self.on_their_way.len();
                // Sent again after a crash: the same id twice.
                let instruction = if which % 7 == 6 {
                    self.on_their_way[which].clone()
                } else {
                    self.on_their_way.swap_remove(which)
                };
                let said = self.world.execute(&instruction, self.now);
                self.say(said);
            }
            Step::Pass(seconds) => self.pass(seconds),
            Step::Report(account) => {
                let said = self.world.report(ACCOUNTS[account], self.now);
                self.say(said);
            }
            Step::Switch(account) => {
                let actor = self.world.actors.get_mut(ACCOUNTS[account]).unwrap();
                actor.runs = !actor.runs;
            }
            Step::Judge(account, state) => {
                self.world.actors.get_mut(ACCOUNTS[account]).unwrap().state = state;
                self.take(Step::Report(account));
            }
            Step::Flood(account, wait) => {
                self.world.actors.get_mut(ACCOUNTS[account]).unwrap().limited_until = Some(self.now + wait);
                self.take(Step::Report(account));
            }
            Step::See(chat, source, message, preview) => {
                let said =
                    self.world.sighting("anna", self.chats[chat], (-source, message), self.now, preview);
                self.say([said]);
            }
            Step::Wish(kind, chat) => {
                let target = Target::Link(self.world.chats[&self.chats[chat]].link.clone());
                self.manager.wish(&Wish { kind, target }, self.now);
            }
            Step::Enter(account, chat) => {
                let (label, chat_id) = (ACCOUNTS[account], self.chats[chat]);
                if self.world.actors[label].runs
                    && self.world.dialogs(label) < if label == "clara" { 1_000 } else { 500 }
                {
                    self.world.put_in(label, chat_id);
                    let said = self.world.observation(label, chat_id, self.now);
                    self.say([said]);
                }
            }
            Step::Lose(account, chat, reason) => {
                let said = self.world.lose(ACCOUNTS[account], self.chats[chat], reason, self.now);
                self.say(said);
            }
            Step::Silence(ago) => self.manager.event(Event::ActivityKnown(self.now - ago), self.now),
            Step::Message(chat) => {
                let event = Event::Activity { chat_id: self.chats[chat], last_message_at: self.now };
                self.manager.event(event, self.now);
            }
            Step::Turn(chat) => {
                let chat = self.world.chats.get_mut(&self.chats[chat]).unwrap();
                chat.relevant = !chat.relevant;
            }
            Step::Close(chat, door) => {
                let chat_id = self.chats[chat];
                self.world.chats.get_mut(&chat_id).unwrap().door = door;
                if door == Door::Nothing {
                    for label in ACCOUNTS {
                        self.world.take_out(label, chat_id); // nobody is told
                    }
                }
            }
            Step::Live(times) => (0..times).for_each(|_| self.live()),
            Step::DeliverAll => self.deliver_all(),
            Step::ExecuteAll => self.execute_all(),
            Step::Crash => self.manager.crash(),
        }
    }

    /// Everybody works again, all that is under way arrives, and time passes until nothing more happens.
    ///
    /// Nothing more happens only when nothing has for longer than the manager waits before it tries again: a leave
    /// that reached its account after its deadline is neither open nor done until then.
    fn settle(&mut self) {
        for actor in self.world.actors.values_mut() {
            (actor.runs, actor.state, actor.limited_until) = (true, AccountState::Online, None);
            actor.own_dialogs -= 30; // their owners make room for all
        }
        let mut busy_at = self.now;
        for _ in 0..5_000 {
            self.live();
            let busy = self
                .manager
                .state
                .channels()
                .values()
                .any(|channel| matches!(channel.state, ChannelState::Joining | ChannelState::Candidate));
            let asked = self.manager.state.open().len();
            if busy || asked > 0 || !self.streams.iter().all(VecDeque::is_empty) {
                busy_at = self.now;
            } else if self.now - busy_at > self.manager.state.options().retry_seconds {
                return;
            }
        }
    }

    /// What Telegram must look like once all has settled.
    fn check_settled(&self) {
        for channel in self.manager.state.channels().values().filter(|channel| channel.same_as.is_none()) {
            let Some(chat) = channel.chat_id.and_then(|chat_id| self.world.chats.get(&chat_id)) else {
                continue;
            };
            let members: Vec<&str> = chat.members.iter().map(String::as_str).collect();
            match channel.state {
                ChannelState::Followed | ChannelState::Inactive => {
                    let owner = channel.owner.as_deref().unwrap();
                    assert!(members.contains(&owner), "{owner} is not in {channel:?}: {members:?}");
                    if channel.username.is_some() {
                        assert_eq!(members, [owner], "{channel:?}");
                    }
                }
                ChannelState::Left => assert!(members.is_empty(), "{channel:?}: {members:?}"),
                ChannelState::Candidate | ChannelState::Joining => {
                    panic!("still under way: {channel:?}")
                }
                _ => {}
            }
        }
    }
}

/// Plays the steps to their end, and looks whether it is the right one.
fn play(steps: Vec<Step>) -> Play {
    let mut play = Play::new();
    for step in steps {
        play.take(step);
    }
    play.settle();
    play.check_settled();
    play
}

/// The order to leave a silent channel waits in vain until its account has come back, and is given again.
#[test]
fn an_account_that_was_away_still_leaves_what_it_was_told_to_leave() {
    let play = play(vec![
        Step::Arrive(0),
        Step::Arrive(0),
        Step::Wish(WishKind::Add, 0),
        Step::Live(24),
        Step::Judge(2, AccountState::Online),
        Step::Silence(0),
        Step::Live(17),
        Step::Arrive(0),
        Step::Silence(0),
        Step::Pass(5),
        Step::Pass(3301),
    ]);
    let left = play.manager.state.channels().values().find(|channel| channel.state == ChannelState::Left);
    let chat_id = left.and_then(|channel| channel.chat_id).expect("the silent channel was left");
    assert!(play.world.chats[&chat_id].members.is_empty());
    assert_eq!(play.manager.told["leave"], 2, "the first one expired");
}

/// However often the user wants it: an account that was banned does not try again, and then nobody is left.
#[test]
fn a_channel_that_has_banned_every_account_does_not_wait_for_ever() {
    let mut steps: Vec<_> =
        (0..ACCOUNTS.len()).flat_map(|_| [Step::Wish(WishKind::Add, 10), Step::Live(2)]).collect();
    steps.extend([Step::Wish(WishKind::Add, 10), Step::See(10, 1, 1, true)]);
    let play = play(steps);
    let channel = play.manager.state.channel_of_chat(play.chats[10]).expect("it is known");
    assert_eq!((channel.state, channel.barred.len()), (ChannelState::Broken, 3), "{channel:?}");
}

#[test]
fn whatever_happens_the_rules_hold_and_all_settles() {
    // 600 plays, or as many as PROPTEST_CASES says.
    let cases =
        if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 600 };
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let taken = RefCell::new(BTreeMap::new());
    let told = RefCell::new(BTreeMap::new());
    let plays = TestRunner::new(config).run(&prop::collection::vec(step(), 1..300), |steps| {
        let play = play(steps);
        play.manager.taken.into_iter().for_each(|(way, n)| *taken.borrow_mut().entry(way).or_insert(0) += n);
        play.manager.told.into_iter().for_each(|(what, n)| *told.borrow_mut().entry(what).or_insert(0) += n);
        Ok(())
    });
    if let Err(error) = plays {
        panic!("{error}");
    }
    // A test that never went some way says nothing about it.
    let (taken, told) = (taken.into_inner(), told.into_inner());
    let untried: Vec<_> =
        TRANSITIONS.iter().filter(|&&(from, to, _)| !taken.contains_key(&(from, to))).collect();
    println!("{taken:?}\n{told:?}");
    assert!(untried.len() <= 8, "ways that no play went: {untried:?}");
    assert!(
        ["join", "leave", "describe", "resolve", "report"].iter().all(|what| told[what] > 50),
        "{told:?}"
    );
}
