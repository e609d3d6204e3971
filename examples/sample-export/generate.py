#!/usr/bin/env python3
"""Writes the sample export: two weeks in an invented harbour town whose people talk about crypto.

    python3 examples/sample-export/generate.py

`result.json` is a whole-account export of Telegram Desktop with a channel, a group and a group that was left;
`fener-sinyal.jsonl.gz` a Telethon dump of another channel. All names and texts are invented. The output is checked in,
and this script writes it again byte by byte: its only source of chance is the seed below.
"""

import gzip
import json
import random
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).parent
START = datetime(2025, 3, 3, 6, 0, tzinfo=timezone.utc)
chance = random.Random(20250303)

CHANNEL = {"name": "Harbour Lights Markets", "type": "public_channel", "id": 1900000001}
GROUP = {"name": "Harbour Lights · The Quay", "type": "public_supergroup", "id": 1900000002}
LEFT = {"name": "Regatta planning", "type": "private_group", "id": 900000003}
SIGNALS = 1900000007

PEOPLE = [  # name, id, the languages they write in
    ("Mira Holt", 700000011, "en"),
    ("Tobias", 700000012, "de"),
    ("Sofía R.", 700000013, "es"),
    ("Олег", 700000014, "ru"),
    ("Ana Luz", 700000015, "pt"),
    ("海燕", 700000016, "zh"),
    ("지우", 700000017, "ko"),
    ("Baptiste", 700000018, "fr"),
    ("Old Sam", 700000019, "en"),
    ("quaybot", 700000020, "en"),
]

# What starts a conversation. {c} is a coin's symbol; the other texts name one in their own way.
NEWS = [
    "Morning lights: ${c} opens the week green, volume twice the thirty-day mean.",
    "#{c} breaks out of a four-week range. Entry on the retest, stop below the range.",
    "{c}USDT 4h\nEntry: the last breakout level\nTargets: +4 %, +9 %, +15 %\nStop: -3 %",
    "{c}/USDT: the bid under the market was pulled twice tonight. Somebody is playing.",
    "Upgrade of ${c} scheduled for Thursday. Exchanges pause deposits for an hour, no action needed.",
    "Open interest in {c}-PERP is at a three-month high while ${c} itself sleeps. One of the two is wrong.",
]
COINS = ["BTC", "BTC", "BTC", "ETH", "ETH", "SOL", "SOL", "XRP", "ADA", "DOGE", "TON", "LTC", "XMR", "AVAX", "BNB", "SUI"]
PLAIN_NEWS = [
    "Weekly poll is up, one vote each. Last week 61 % of you were wrong, which we find encouraging.",
    "No posts tomorrow: the author is repairing a roof.",
    "Reminder: nobody from this channel will ever write to you first. Whoever does wants your money.",
    "USDT and USDC supply grew by 1.2 billion this week. Dry powder, as they say.",
    "Rates unchanged. The dollar did not notice, and neither did anyone else.",
    "🌊🌊🌊",
]
TIE_NEWS = [
    "$BTC against $ETH: which one closes the month higher?",
    "Two charts, one picture: $SOL and $AVAX. Spot the difference.",
    "#XRP or #XLM, the old question.",
]
TOPICS = {
    "en": [
        "Is SOL going to hold this level or what",
        "sold half my doge, slept like a child",
        "Bitcoin (BTC) at breakfast, Bitcoin at dinner. My wife has left the table.",
        "Anyone running a monero node on a boat? Asking for a friend with a boat",
        "Chainlink again the only one of my bags above water, LINK you beauty",
        "Bitcoin Cash still exists, I checked",
        "what is the gas on ethereum right now? my swap has been pending since lunch",
        "NEAR and far: $NEAR up nine percent",
        "ETH/BTC at a four-year low, who is buying",
    ],
    "de": ["Was haltet ihr von Cardano? ADA sieht für mich nach Boden aus", "Bitcoin über Nacht wieder 3 % runter, schlafen wollte ich sowieso nicht",
           "Litecoin-Gebühren sind halt unschlagbar"],
    "es": ["¿Alguien más viendo el gráfico de $SOL? Parece otra vez enero", "Mi primo me pregunta por Dogecoin. Ya es hora de vender, ¿no?",
           "ETH lleva tres días sin moverse"],
    "ru": ["Биткоин опять ночью уронили, а я спал", "Кто-нибудь держит TON? Вижу объёмы, не вижу причин", "Эфириум дешевле не будет, говорил я в прошлом году"],
    "pt": ["Alguém ainda acredita em XRP? pergunto com carinho", "Comprei bitcoin no topo de novo, é um talento"],
    "zh": ["比特币昨晚又插针了", "以太坊的手续费终于降下来了", "$BNB 要破新高了吗"],
    "ko": ["비트코인 어제 저녁에 무슨 일이야", "리플 XRP 물린 사람 손"],
    "fr": ["Polkadot, quelqu'un comprend encore la feuille de route ? $DOT", "Bitcoin ce matin : même café, prix plus bas"],
}
# What answers it without a word about the coin: these inherit.
ANSWERS = {
    "en": ["same here", "I would wait for the retest", "volume does not lie, people do", "lol", "source?", "it is near the support, give it a day",
           "said this on Monday and nobody listened", "moved everything to USDT, wake me in June", "link in the pinned message", "👀", "that is not financial advice, that is a cry for help",
           "up 4 % since you wrote that", "bought. may the sea be kind"],
    "de": ["sehe ich auch so", "abwarten und Tee trinken", "wie immer: zu früh verkauft", "steht doch alles im Chart"],
    "es": ["yo también", "paciencia, que sale el sol", "eso decías la semana pasada", "con calma", "jajaja"],
    "ru": ["согласен", "ждём", "классика", "продал и не жалею", "куда всё падает-то"],
    "pt": ["calma, gente", "eu avisei", "nada de novo"],
    "zh": ["同意", "再等等", "哈哈哈", "我已经跑了"],
    "ko": ["ㅋㅋㅋ", "존버", "저도요"],
    "fr": ["pareil", "on verra lundi", "c'est écrit noir sur blanc"],
}
# Answers that bring a coin of their own, or one that the parent has to decide.
TURNS = ["honestly I would rather hold $BTC", "and ETH does the same thing with a day's delay", "BTC and ETH both, if you ask me", "$ADA looks better",
         "unpopular opinion: litecoin", "LTC or XMR, nothing in between", "swap it for SOL and be done"]
IDLE = {
    "en": ["good morning quay", "who took my umbrella yesterday", "fog all day", "please no screenshots of screenshots", "there is sand in the coffee machine again",
           "near the end of the week already", "https://example.org/bitcoin-and-the-sea is a lovely read", "ask @solana_sam_example, he knows", "🚀🚀🚀", "the ferry is late, like every stop loss of mine"],
    "de": ["Moin", "jemand Lust auf Fischbrötchen?", "schönes Wochenende zusammen"],
    "es": ["buenos días", "hoy hace sol por fin", "¿quién trae el pan?"],
    "ru": ["доброе утро", "пятница!", "луна сегодня огромная"],
    "pt": ["bom dia", "chegando atrasado, como sempre"],
    "zh": ["早上好", "周末愉快"],
    "ko": ["좋은 아침", "비 온다"],
    "fr": ["salut tout le monde", "il pleut sur le quai"],
}

PATTERN = re.compile(r"(?P<cashtag>\$[A-Z]{2,6}\b)|(?P<hashtag>#\w+)|(?P<mention>@\w+)|(?P<link>https?://\S+)")


def pieces(text):
    """The text as Telegram Desktop cuts it: plain pieces and those with a meaning."""
    out, at = [], 0
    for match in PATTERN.finditer(text):
        if match.start() > at:
            out.append({"type": "plain", "text": text[at:match.start()]})
        out.append({"type": match.lastgroup, "text": match.group()})
        at = match.end()
    if at < len(text):
        out.append({"type": "plain", "text": text[at:]})
    return out


class Chat:
    """One chat of the export, written in the order of its ids."""

    def __init__(self, header, start, first_id):
        self.header, self.now, self.next_id, self.messages = header, start, first_id, []

    def pass_time(self, seconds):
        self.now += timedelta(seconds=chance.randint(seconds // 4, 2 * seconds))

    def begin_day(self, day, minutes):
        morning = START + timedelta(days=day, minutes=minutes + chance.randint(0, 50))
        self.now = max(self.now, morning)  # a long night: ids and dates rise together

    def stamp(self, name, when):
        # The exporting machine's clock is an hour ahead of UTC; `_unixtime` is what counts.
        local = (when + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
        return {name: local, f"{name}_unixtime": str(int(when.timestamp()))}

    def add(self, kind, fields):
        message = {"id": self.next_id, "type": kind, **self.stamp("date", self.now), **fields}
        self.messages.append(message)
        self.next_id += chance.choice([1, 1, 1, 1, 2])
        return message["id"]

    def post(self, sender, text, reply_to=None, edited=False, extra=None):
        parts = pieces(text)
        plain = [part["text"] if part["type"] == "plain" else part for part in parts]
        fields = dict(self.stamp("edited", self.now + timedelta(minutes=7))) if edited else {}
        fields.update({"from": sender[0], "from_id": sender[1]})
        if extra and "forwarded_from" in extra:
            fields["forwarded_from"] = extra.pop("forwarded_from")
        if reply_to:
            fields["reply_to_message_id"] = reply_to
        extra = extra or {}
        media = {name: extra.pop(name) for name in list(extra) if name in ("photo", "width", "height", "poll", "file", "media_type", "mime_type", "sticker_emoji")}
        body = plain[0] if len(plain) == 1 and isinstance(plain[0], str) else plain
        return self.add("message", {**fields, **media, "text": body or "", "text_entities": parts, **extra})

    def event(self, actor, action, **fields):
        return self.add("service", {"actor": actor[0], "actor_id": actor[1], "action": action, **fields, "text": "", "text_entities": []})

    def export(self):
        return {**self.header, "messages": self.messages}


def user(person):
    return person[0], f"user{person[1]}"


def channel():
    chat = Chat(CHANNEL, START, 401)
    author = (CHANNEL["name"], f"channel{CHANNEL['id']}")
    chat.event(author, "edit_group_title", title=CHANNEL["name"])
    for day in range(14):
        chat.begin_day(day, 0)
        coins = chance.sample(COINS, 7)
        for turn in range(8):
            chat.pass_time(5400)
            if turn == 3 and day % 2:
                text = chance.choice(TIE_NEWS)
            elif turn == 5:
                text = chance.choice(PLAIN_NEWS)
            else:
                text = chance.choice(NEWS).replace("{c}", coins[turn % len(coins)])
            extra = {}
            if "USDT 4h" in text:
                extra["inline_bot_buttons"] = [[{"type": "url", "text": "Open the chart", "data": "https://example.org/chart"},
                                                {"type": "callback", "text": "⭐ Follow", "data": "", "dataBase64": "Zm9sbG93"}]]
            if chance.random() < 0.15:
                extra.update({"photo": "(File not included. Change data exporting settings to download.)", "width": 1280, "height": 720})
            if chance.random() < 0.5:
                extra["reactions"] = [{"type": "emoji", "count": chance.randint(1, 90), "emoji": chance.choice(["👍", "🔥", "🐳", "😢"])}]
            post = chat.post(author, text, edited=chance.random() < 0.2, extra=extra)
            if turn == 0 and day in (0, 7):
                chat.event(author, "pin_message", message_id=post)
            if "Entry" in text and chance.random() < 0.7:
                chat.pass_time(7200)
                outcome = chance.choice(["Target 1 reached ✅ stop to entry", "Stopped out. We move on.", "Closed by hand, +6 %"])
                first = chat.post(author, outcome, reply_to=post)
                if "Target 1" in outcome:
                    chat.pass_time(7200)
                    chat.post(author, "Target 2 reached ✅✅", reply_to=first)
        if day == 9:
            poll = {"question": "Where is the bottom?", "closed": True, "total_voters": 204,
                    "answers": [{"text": "behind us", "voters": 79, "chosen": False}, {"text": "ahead", "voters": 125, "chosen": False}]}
            chat.post(author, "", extra={"poll": poll})
        if day == 11:
            chat.post(author, "The people behind Stellar open a second office by the sea. We were not invited.", extra={"forwarded_from": "Breakwater Gazette"})
    return chat.export()


def group():
    chat = Chat(GROUP, START, 1001)
    mira = user(PEOPLE[0])
    chat.event(mira, "edit_group_photo", photo="(File not included. Change data exporting settings to download.)", width=640, height=640)
    for day in range(14):
        chat.begin_day(day, 30)
        if day in (1, 4, 8, 12):
            newcomer = user(chance.choice(PEOPLE[1:9]))
            if day == 4:
                chat.event(newcomer, "join_group_by_link", inviter=mira[0])
            else:
                chat.event(newcomer, "invite_members", members=[newcomer[0]])
        for _ in range(5):
            chat.pass_time(3600)
            starter = chance.choice(PEOPLE[:9])
            conversation(chat, starter)
        for _ in range(3):
            person = chance.choice(PEOPLE[:9])
            chat.pass_time(1800)
            chat.post(user(person), chance.choice(IDLE[person[2]]))
        if day == 5:
            chat.event(mira, "remove_members", members=["Totally Real Support"])
        if day == 6:
            # As some third-party exporters write it: a time that does not exist, and no `date_unixtime`.
            broken = chat.messages[-1]
            chat.pass_time(600)
            chat.messages.append({"id": chat.next_id, "type": "message", "date": "2025-03-09T25:61:00", "from": broken["from"],
                                  "from_id": broken["from_id"], "text": "my clock fell into the harbour, is ETH still there?"})
            chat.next_id += 1
    return chat.export()


def conversation(chat, starter):
    """A topic and what people say to it; most of the answers name no coin."""
    topic = chance.choice(TOPICS[starter[2]])
    if chance.random() < 0.12:
        topic = chance.choice(["BTC or ETH, if you had to pick one for ten years?", "doge vs pepe, serious answers only", "ADA and DOT: same problem, different hats"])
    extra = {"reactions": [{"type": "emoji", "count": chance.randint(1, 9), "emoji": "😂"}]} if chance.random() < 0.1 else None
    branch = [chat.post(user(starter), topic, extra=extra)]
    for _ in range(chance.randint(1, 6)):
        chat.pass_time(240)
        person = chance.choice(PEOPLE[:9])
        parent = branch[-1] if chance.random() < 0.6 else branch[0]
        roll = chance.random()
        if roll < 0.14:
            branch.append(chat.post(user(person), chance.choice(TURNS), reply_to=parent))
        elif roll < 0.2:
            sticker = {"file": "(File not included. Change data exporting settings to download.)", "media_type": "sticker", "sticker_emoji": "🦀"}
            branch.append(chat.post(user(person), "", reply_to=parent, extra=sticker))
        else:
            edited = chance.random() < 0.05
            branch.append(chat.post(user(person), chance.choice(ANSWERS[person[2]]), reply_to=parent, edited=edited))


def left_group():
    chat = Chat(LEFT, START - timedelta(days=90), 31)
    sam, ana = user(PEOPLE[8]), user(PEOPLE[4])
    chat.event(sam, "create_group", title=LEFT["name"], members=[sam[0], ana[0]])
    for person, text in [(sam, "Boats in the water on the 14th"), (ana, "can we pay the entry fee in bitcoin?"), (sam, "in fish, if you like"),
                         (ana, "I will take that as a no"), (sam, "who has the buoys")]:
        chat.pass_time(4000)
        chat.post(person, text)
    chat.event(ana, "migrate_to_supergroup")
    return chat.export()


SIGNAL_TEXTS = [
    "#{c} / USDT\n\nGiriş: piyasa\nHedefler: %5 - %12 - %20\nStop: %4",
    "${c} haftalık kapanış çok güzel, düşüşler alım fırsatı",
    "{c}USDT kırdı 🚀",
    "{c}'de hacim artıyor, takipteyiz",
]
SIGNAL_ANSWERS = ["1. hedef ✅", "2. hedef ✅✅", "Stop oldu, sağlık olsun", "Kâr alındı, iyi günler", "Hâlâ geçerli, sabır"]
SIGNAL_IDLE = ["Günaydın ☕", "Grubumuza hoş geldiniz, kurallar sabit mesajda", "Dolar 38, çay hâlâ bedava", "VIP için yazmayın, VIP yok", "USDT primi yükseldi"]


def signals():
    """The Telethon dump: `Message.to_dict()` less what is null, one object a line."""
    now, next_id, posts, lines = START, 5001, [], []

    def add(text, **fields):
        nonlocal next_id
        entities = []
        for match in PATTERN.finditer(text):
            before = len(text[:match.start()].encode("utf-16-le")) // 2
            kind = {"cashtag": "Cashtag", "hashtag": "Hashtag", "mention": "Mention", "link": "Url"}[match.lastgroup]
            entities.append({"_": f"MessageEntity{kind}", "offset": before, "length": len(match.group())})
        line = {"_": "Message", "id": next_id, "peer_id": {"_": "PeerChannel", "channel_id": SIGNALS}, "date": now.isoformat(), "message": text,
                **({"entities": entities} if entities else {}), "post": True, "views": chance.randint(200, 4000), **fields}
        lines.append(line)
        next_id += 1
        return line["id"]

    lines.append({"_": "MessageService", "id": next_id, "peer_id": {"_": "PeerChannel", "channel_id": SIGNALS}, "date": now.isoformat(), "post": True,
                  "action": {"_": "MessageActionChatEditTitle", "title": "Fener Sinyal"}})
    next_id += 1
    while len(lines) < 180:
        now += timedelta(seconds=chance.randint(1800, 11000))
        roll = chance.random()
        if roll < 0.4 or not posts:
            text = chance.choice(SIGNAL_TEXTS).replace("{c}", chance.choice(COINS))
            extra = {"edit_date": (now + timedelta(minutes=3)).isoformat()} if chance.random() < 0.15 else {}
            if chance.random() < 0.2:
                extra["media"] = {"_": "MessageMediaPhoto"}
            posts.append(add(text, forwards=chance.randint(0, 40), **extra))
        elif roll < 0.8:
            parent = chance.choice(posts[-3:])
            posts.append(add(chance.choice(SIGNAL_ANSWERS), reply_to={"_": "MessageReplyHeader", "reply_to_msg_id": parent}))
        elif roll < 0.85:
            header = {"_": "MessageFwdHeader", "date": (now - timedelta(hours=2)).isoformat(), "from_id": {"_": "PeerChannel", "channel_id": CHANNEL["id"]}, "channel_post": 402}
            add("$BTC weekly: higher low, lower hopes.", fwd_from=header)
        else:
            add(chance.choice(SIGNAL_IDLE), silent=True)
    return lines


def main():
    account = {
        "about": "Here is the data you requested. Everything in it is invented.",
        "chats": {"about": "This page lists all chats from this export.", "list": [channel(), group()]},
        "left_chats": {"about": "This page lists all supergroups and channels from this export that you left.", "list": [left_group()]},
    }
    (HERE / "result.json").write_text(json.dumps(account, ensure_ascii=False, indent=1), encoding="utf-8")
    dump = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in signals())
    with open(HERE / "fener-sinyal.jsonl.gz", "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(dump.encode())


if __name__ == "__main__":
    main()
