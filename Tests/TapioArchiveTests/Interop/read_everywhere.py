"""Opens each <name>.parquet of a folder with five readers and compares every value with <name>.expected.

A line of .expected is a column: name, type, field id, values. A value is "-" (none), a decimal integer, "d" and the hex
bits of a double, or "x" and the hex bytes of a text. Prints what differs; ends with status 1 if anything did.
"""

import glob
import math
import os
import struct
import sys

import chdb
import duckdb
import pandas
import polars
import pyarrow
import pyarrow.compute
import pyarrow.ipc
import pyarrow.parquet

failures = []


def fail(file, reader, column, message):
    failures.append(f"{os.path.basename(file)}: {reader}: {column}: {message}")


def parse(text, kind):
    if text == "-":
        return None
    if kind == "double":
        return int(text[1:], 16)
    if kind == "string":
        return bytes.fromhex(text[1:]).decode("utf-8")
    return int(text)


def expectation(path):
    columns = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            name, kind, field, values = line.rstrip("\n").split("\t")
            parsed = [parse(value, kind) for value in values.split(",")] if values else []
            columns[name] = (kind, int(field), parsed)
    return columns


def bits(value):
    return None if value is None else struct.unpack("<Q", struct.pack("<d", value))[0]


def is_nan(value):
    return value is not None and (value & 0x7FFFFFFFFFFFFFFF) > 0x7FF0000000000000


def same(actual, expected, kind):
    if len(actual) != len(expected):
        return f"{len(actual)} values instead of {len(expected)}"
    for row, (left, right) in enumerate(zip(actual, expected)):
        if kind == "double":
            left = bits(left)
            if is_nan(left) and is_nan(right):
                continue
        if left != right:
            return f"row {row}: {str(left)[:80]!r} instead of {str(right)[:80]!r}"
    return None


def compare(file, reader, expected, column_values):
    for name, (kind, _, values) in expected.items():
        problem = same(column_values(name, kind), values, kind)
        if problem:
            fail(file, reader, name, problem)


def arrow_list(column, kind):
    if kind == "timestampMicros":
        column = column.cast(pyarrow.int64())
    return column.to_pylist()


def quoted(name):
    return '"' + name + '"'


def with_pyarrow(file, expected):
    table = pyarrow.parquet.read_table(file)
    table.validate(full=True)
    compare(file, "pyarrow", expected, lambda name, kind: arrow_list(table[name], kind))
    types = {
        "int32": pyarrow.int32(),
        "int64": pyarrow.int64(),
        "double": pyarrow.float64(),
        "string": pyarrow.string(),
        "timestampMicros": pyarrow.timestamp("us", tz="UTC"),
    }
    for name, (kind, field, _) in expected.items():
        declared = table.schema.field(name)
        if declared.type != types[kind]:
            fail(file, "pyarrow", name, f"type {declared.type}")
        if int(declared.metadata[b"PARQUET:field_id"]) != field:
            fail(file, "pyarrow", name, "field id")
    metadata = pyarrow.parquet.read_metadata(file)
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            if chunk.statistics is None or not chunk.statistics.has_null_count:
                fail(file, "pyarrow", chunk.path_in_schema, "no null count")


def with_pandas(file, expected):
    frame = pandas.read_parquet(file, engine="pyarrow", dtype_backend="pyarrow")
    compare(file, "pandas", expected, lambda name, kind: arrow_list(frame[name].array.__arrow_array__(), kind))


def with_polars(file, expected):
    frame = polars.read_parquet(file)

    def values(name, kind):
        column = frame[name]
        return (column.to_physical() if kind == "timestampMicros" else column).to_list()

    compare(file, "polars", expected, values)


def with_duckdb(file, expected):
    connection = duckdb.connect()
    connection.execute(f"create table t as select * from read_parquet('{file}')")

    def values(name, kind):
        text = f"epoch_us({quoted(name)})" if kind == "timestampMicros" else quoted(name)
        return [row[0] for row in connection.execute(f"select {text} from t order by rowid").fetchall()]

    compare(file, "duckdb", expected, values)


def with_chdb(file, expected):
    names = [
        f"toUnixTimestamp64Micro({quoted(name)}) as {quoted(name)}" if kind == "timestampMicros" else quoted(name)
        for name, (kind, _, _) in expected.items()
    ]
    query = f"select {', '.join(names)} from file('{file}', Parquet) settings max_threads = 1"
    result = chdb.query(query, "ArrowStream").bytes()
    table = pyarrow.ipc.open_stream(result).read_all() if result else None

    def values(name, kind):
        if table is None:
            return []
        values = table[name].to_pylist()
        return [value.decode("utf-8") if isinstance(value, bytes) else value for value in values]

    compare(file, "chdb", expected, values)


def literal(value, kind):
    return "'" + value.replace("'", "''") + "'" if kind == "string" else str(value)


def with_predicates(file, expected):
    """Readers skip groups by our statistics: a value that is there must still be found, as often as it is there."""
    connection = duckdb.connect()
    lazy = polars.scan_parquet(file)
    for name, (kind, _, values) in expected.items():
        present = [value for value in values if value is not None]
        if kind in ("double", "timestampMicros") or not present:
            continue
        for value in {present[0], min(present), max(present)}:
            if isinstance(value, str) and "\0" in value:
                continue
            count = present.count(value)
            table = pyarrow.parquet.read_table(file, columns=[name], filters=[(name, "=", value)])
            if table.num_rows != count:
                fail(file, "pyarrow", name, f"finds {value!r} {table.num_rows} times instead of {count}")
            found = lazy.filter(polars.col(name) == value).select(polars.len()).collect().item()
            if found != count:
                fail(file, "polars", name, f"finds {value!r} {found} times instead of {count}")
            query = f"select count(*) from read_parquet('{file}') where {quoted(name)} = {literal(value, kind)}"
            found = connection.execute(query).fetchone()[0]
            if found != count:
                fail(file, "duckdb", name, f"finds {value!r} {found} times instead of {count}")


def main(folder):
    files = sorted(glob.glob(os.path.join(folder, "*.parquet")))
    readers = [with_pyarrow, with_pandas, with_polars, with_duckdb, with_chdb]
    compared = 0
    for file in files:
        expected = expectation(file[: -len(".parquet")] + ".expected")
        compared += sum(len(values) for _, _, values in expected.values())
        for reader in readers + ([with_predicates] if "predicates" in file else []):
            try:
                reader(file, expected)
            except Exception as error:  # a reader that refuses the file is what this is looking for
                fail(file, reader.__name__, "-", f"{type(error).__name__}: {str(error)[:300]}")
    print(f"{len(files)} files, {compared} values, {len(readers)} readers, {len(failures)} differences")
    for failure in failures[:60]:
        print(failure)
    return 1 if failures or not files else 0


sys.exit(main(sys.argv[1]))
