"""Holds an archive's rows in memory and, for each line on standard input, writes them once and prints rows/s.

usage: pyarrow_write.py TABLE OUT

Each file of TABLE becomes a file in OUT/pyarrow with the same columns, compression and row groups, on one thread.
Each file is synced, as the sink's are.
pyarrow's own choices are kept where they do not change what is compared: dictionaries on all columns.
"""

import os
import shutil
import sys
import time
from pathlib import Path

import pyarrow
import pyarrow.parquet

pyarrow.set_cpu_count(1)
pyarrow.set_io_thread_count(1)

tables = [pyarrow.parquet.read_table(path, partitioning=None, use_threads=False).combine_chunks() for path in sorted(Path(sys.argv[1]).glob("*/*.parquet"))]
out = Path(sys.argv[2]) / "pyarrow"

for _ in sys.stdin:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    began = time.perf_counter()
    for number, table in enumerate(tables):
        pyarrow.parquet.write_table(
            table,
            out / f"{number}.parquet",
            compression="zstd",
            compression_level=3,
            row_group_size=128 * 1024,
            data_page_size=1 << 20,
            write_page_index=True,
        )
        with open(out / f"{number}.parquet", "rb") as written:
            os.fsync(written.fileno())
    elapsed = time.perf_counter() - began
    print(sum(table.num_rows for table in tables) / elapsed, flush=True)
