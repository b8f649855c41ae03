#!/usr/bin/env python3
"""Asks an archive the same questions through `tapio query` and through DuckDB with one thread, in turns.

    query-beside-duckdb.py ARCHIVE [RUNS]

The program is $TAPIO, else `tapio`. Each question is a process of its own on both sides, with the files in the page cache.
DuckDB's time is that of its query alone; tapio's is that of the whole process. CPU is user and kernel together. Answers are
compared where both are exact. Neither joins the tables beside the archive. Needs the package duckdb.
"""

import json
import os
import statistics
import subprocess
import sys
import time

import duckdb

PROGRAM = os.environ.get("TAPIO", "tapio")

QUERY = """
import duckdb, json, time
con = duckdb.connect()
con.execute("set threads = 1")
con.execute("set enable_progress_bar = false")
con.execute("set TimeZone = 'UTC'")
wall, cpu = time.monotonic(), time.process_time()
rows = con.execute(SQL).fetchall()
print(json.dumps([time.monotonic() - wall, time.process_time() - cpu, [[str(v) for v in r] for r in rows]]))
"""


def ask_duckdb(sql):
    text = QUERY.replace("SQL", repr(sql))
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def ask_tapio(archive, arguments):
    begin = time.monotonic()
    command = [PROGRAM, "query", "--archive", archive, "--no-join", *arguments, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    output = process.stdout.read()
    notes = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        sys.exit(f"{' '.join(command)}: {notes}")
    rows = [list(json.loads(line).values()) for line in output.splitlines()]
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, rows


def main():
    archive = sys.argv[1]
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    source = f"read_parquet('{archive}/**/*.parquet', hive_partitioning = false)"
    events = f"{source} where kind <> '_ledger'"
    count, low, high = con.execute(f"select count(*), min(ts), max(ts) from {events}").fetchone()
    from_, to = low + (high - low) * 0.45, low + (high - low) * 0.55
    tenth = f"ts >= TIMESTAMPTZ '{from_.isoformat(sep=' ')}' and ts < TIMESTAMPTZ '{to.isoformat(sep=' ')}'"
    range_ = [f"--{name}={at.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}" for name, at in (("since", from_), ("until", to))]
    percentile = ["--by", "pid", "--agg", "p99(duration_ns),count(duration_ns)"]
    first = ["--order=-count(duration_ns)", "--top", "20"]
    talkers = "sum(bytes_sent * weight)::BIGINT s"
    questions = [
        (
            "count by kind and pod",
            f"select kind, pod, sum(weight)::BIGINT n from {events} group by all order by n desc limit 20",
            ["--by", "kind,pod", "--top", "20"],
        ),
        (
            "p99 per process, a tenth of the time",
            f"select pid, quantile_disc(duration_ns, 0.99), count(duration_ns) n from {events} and {tenth} "
            "and duration_ns is not null group by all order by n desc limit 20",
            ["duration_ns is not null", *percentile, *first, *range_],
        ),
        (
            "p99 per process of one kind, a tenth of the time",
            f"select pid, quantile_disc(duration_ns, 0.99), count(duration_ns) n from {source} "
            f"where kind = 'tcp_close' and {tenth} group by all order by n desc limit 20",
            ["kind = tcp_close", *percentile, *first, *range_],
        ),
        (
            "p99 per process of one kind",
            f"select pid, quantile_disc(duration_ns, 0.99), count(duration_ns) n from {source} "
            "where kind = 'tcp_close' group by all order by n desc limit 20",
            ["kind = tcp_close", *percentile, *first],
        ),
        (
            "top talkers: addresses",
            f"select dst_addr, {talkers} from {source} where kind = 'tcp_close' group by all order by s desc limit 20",
            ["kind = tcp_close", "--by", "dst_addr", "--agg", "sum(bytes_sent)", "--top", "20"],
        ),
        (
            "top talkers: process and address",
            f"select pid, dst_addr, {talkers} from {source} where kind = 'tcp_close' group by all order by s desc limit 20",
            ["kind = tcp_close", "--by", "pid,dst_addr", "--agg", "sum(bytes_sent)", "--top", "20"],
        ),
        (
            "top talkers: address and port (many groups)",
            f"select dst_addr, dst_port, {talkers} from {source} where kind = 'tcp_close' group by all "
            "order by s desc limit 20",
            ["kind = tcp_close", "--by", "dst_addr,dst_port", "--agg", "sum(bytes_sent)", "--top", "20"],
        ),
    ]
    print(f"{count:,} events, {(high - low).total_seconds():.1f} s; duckdb {duckdb.__version__}, 1 thread; median of {runs}")
    print(f"{'':50}{'DUCKDB':>9}{'CPU':>9}{'TAPIO':>9}{'CPU':>9}{'SPEED':>8}{'BY CPU':>8}{'MiB':>6}")
    worst = None
    for name, sql, arguments in questions:
        theirs, ours = [], []
        for _ in range(runs):
            theirs.append(ask_duckdb(sql))
            ours.append(ask_tapio(archive, arguments))
        wall, cpu = (statistics.median(r[i] for r in theirs) for i in (0, 1))
        our_wall, our_cpu = (statistics.median(r[i] for r in ours) for i in (0, 1))
        memory = max(r[2] for r in ours)
        # Ties may come in any order there: what was counted is compared, place by place.
        same = [str(r[-1]) for r in ours[0][3]] == [r[-1] for r in theirs[0][2]]
        note = "" if same else "  the answers differ"
        print(
            f"{name:50}{wall:8.3f}s{cpu:8.3f}s{our_wall:8.3f}s{our_cpu:8.3f}s{wall / our_wall:8.2f}{cpu / our_cpu:8.2f}"
            f"{memory:6.0f}{note}"
        )
        worst = min(worst or wall / our_wall, wall / our_wall)
    print(f"slowest: {worst:.2f} × DuckDB's speed")


if __name__ == "__main__":
    main()
