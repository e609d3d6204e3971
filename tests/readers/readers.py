"""Reads an archive with DuckDB, Polars, pyarrow and DataFusion and checks that all find the same rows.

usage: readers.py ARCHIVE EXPECTED

The questions of docs/archive.md must have answers, too.

EXPECTED is a JSON file: for each table its columns, its rows and files by month, and for `messages` the number of
mentions by coin, as the records themselves say.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path

import datafusion
import duckdb
import polars
import pyarrow
import pyarrow.dataset

DATES = {
    "messages": ["date", "edit_date", "received_at", "deleted_at"],
    "events": ["date", "received_at"],
    "links": ["date", "received_at"],
    "channels": ["observed_at"],
    "clients": ["reported_at", "limited_until", "retry_at"],
    "views": ["date", "counted_at"],
}
FLAGS = {
    "post", "silent", "pinned", "scheduled", "previewed", "target_scam", "target_verified", "target_by_request", "scam",
    "verified", "premium", "bot",
}  # fmt: skip
NUMBERS = {
    "chat_id", "message_id", "sender_id", "reply_to_message_id", "reply_to_chat_id", "topic_id", "grouped_id", "views",
    "forwards", "replies", "source_position", "depth", "coin_list_version", "revision", "input_offset", "sequence",
    "offset", "actor_id", "target_message_id", "target_chat_id", "target_participants", "participants",
    "linked_chat_id", "digest", "user_id", "dialogs", "joins_left", "after_minutes",
}  # fmt: skip


class Pyarrow:
    """Rows as Python values, dates as microseconds; types by column; files that a month's query would open."""

    def __init__(self, table: Path):
        self.dataset = pyarrow.dataset.dataset(table, format="parquet", partitioning="hive")

    def rows(self, dates):
        return arrow_rows(self.dataset.to_table(), dates)

    def types(self):
        return {field.name: str(field.type) for field in self.dataset.schema}

    def files_opened(self, month):
        return len(list(self.dataset.get_fragments(filter=pyarrow.dataset.field("month") == month)))

    numbers, text, flag, date = "int64", "string", "bool", "timestamp[us, tz=UTC]"
    mentions = "list<element: struct<coin_id: string not null, count: int64 not null, kinds: list<element: string not null> not null> not null>"
    members = "list<element: string not null>"


class Duckdb:
    def __init__(self, table: Path):
        self.connection = duckdb.connect()
        self.source = f"read_parquet('{table}/*/*.parquet', hive_partitioning = true)"

    def rows(self, dates):
        columns = ", ".join(f"epoch_us({d}) AS {d}" for d in dates)
        found = self.connection.sql(f"SELECT * REPLACE ({columns}) FROM {self.source}")
        return [dict(zip(found.columns, row)) for row in found.fetchall()]

    def types(self):
        return {row[0]: row[1] for row in self.connection.sql(f"DESCRIBE SELECT * FROM {self.source}").fetchall()}

    def files_opened(self, month):
        plan = self.connection.sql(f"EXPLAIN SELECT extra FROM {self.source} WHERE month = '{month}'").fetchall()[0][1]
        if "Scanning Files:" not in plan:
            return None  # it says so only where it leaves files out
        scanned = plan.split("Scanning Files:")[1].replace("│", " ").split()[0]
        return int(scanned.split("/")[0])

    numbers, text, flag, date = "BIGINT", "VARCHAR", "BOOLEAN", "TIMESTAMP WITH TIME ZONE"
    mentions = 'STRUCT(coin_id VARCHAR, count BIGINT, kinds VARCHAR[])[]'
    members = "VARCHAR[]"


class Polars:
    def __init__(self, table: Path):
        self.frame = polars.scan_parquet(f"{table}/*/*.parquet", hive_partitioning=True)

    def rows(self, dates):
        return self.frame.with_columns(polars.col(dates).cast(polars.Int64)).collect().to_dicts()

    def types(self):
        return {name: str(of) for name, of in self.frame.collect_schema().items()}

    def files_opened(self, month):
        return None  # its plan does not say

    numbers, text, flag, date = "Int64", "String", "Boolean", "Datetime(time_unit='us', time_zone='UTC')"
    mentions = "List(Struct({'coin_id': String, 'count': Int64, 'kinds': List(String)}))"
    members = "List(String)"


class Datafusion:
    def __init__(self, table: Path):
        self.context = datafusion.SessionContext()
        self.context.sql(
            f"CREATE EXTERNAL TABLE t STORED AS PARQUET PARTITIONED BY (month) LOCATION '{table}/'"
        )

    def rows(self, dates):
        return arrow_rows(pyarrow.Table.from_batches(self.context.sql("SELECT * FROM t").collect()), dates)

    def types(self):
        # The engine reads text as views; what it says is the same type.
        return {field.name: str(field.type).replace("_view", "") for field in self.context.table("t").schema()}

    def files_opened(self, month):
        plan = self.context.sql(f"EXPLAIN SELECT extra FROM t WHERE month = '{month}'").collect()
        text = "".join(str(batch.column("plan")) for batch in plan)
        return text.count(".parquet")

    numbers, text, flag, date = Pyarrow.numbers, Pyarrow.text, Pyarrow.flag, Pyarrow.date
    mentions, members = Pyarrow.mentions, Pyarrow.members


READERS = [Pyarrow, Duckdb, Polars, Datafusion]


def arrow_rows(table, dates):
    for name in dates:
        column = table.schema.get_field_index(name)
        table = table.set_column(column, name, table[name].cast(pyarrow.int64()))
    return table.to_pylist()


def check(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: found {found!r}, expected {expected!r}")


def expected_type(reader, name, table):
    special = {"mentions": reader.mentions, "members": reader.members}
    if name in special:
        return special[name]
    if name in DATES[table]:
        return reader.date
    return reader.numbers if name in NUMBERS else reader.flag if name in FLAGS else reader.text


def ask_documented_questions(archive):
    """Runs the SQL of docs/archive.md, which names files by `archive/…`."""
    page = Path(__file__).parents[2] / "docs" / "archive.md"
    questions = [block.split("```")[0] for block in page.read_text().split("```sql\n")[1:]]
    os.chdir(archive.parent)
    for question in questions:
        if "-- DataFusion" in question:
            context = datafusion.SessionContext()
            context.sql(question)
            answers = context.sql("SELECT * FROM messages LIMIT 1").collect()
        else:
            answers = duckdb.sql(question).to_arrow_table().to_pylist()
        check(f"answers to {question}", bool(answers), True)
    print(f"{len(questions)} documented questions have answers")


def main():
    archive, expected = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    for table, promised in expected.items():
        first = None
        for kind in READERS:
            reader, who = kind(archive / table), f"{kind.__name__}, {table}"
            types = reader.types()
            types.pop("month")
            check(f"{who}, columns", list(types), promised["columns"])
            for name, found in types.items():
                check(f"{who}, type of {name}", found, expected_type(kind, name, table))

            rows = sorted(reader.rows(DATES[table]), key=lambda row: row["offset"])
            months = Counter(str(row["month"]) for row in rows)
            check(f"{who}, rows by month", dict(months), promised["months"])
            if table == "messages":
                mentions = Counter()
                for row in rows:
                    for mention in row["mentions"]:
                        mentions[mention["coin_id"]] += mention["count"]
                check(f"{who}, mentions", dict(mentions), promised["mentions"])
            for month, files in promised["files"].items():
                check(f"{who}, files opened for {month}", reader.files_opened(month) or files, files)

            for row in rows:
                row["month"] = str(row["month"])
            first = first or rows
            check(f"{who}, rows that differ from {READERS[0].__name__}'s", [r for r, f in zip(rows, first) if r != f], [])
            print(f"{who}: {len(rows)} rows in {len(months)} months")
    ask_documented_questions(archive)


main()
