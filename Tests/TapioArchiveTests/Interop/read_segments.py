"""Reads each `<path>=<rows>` with pyarrow, checks all of it, and compares the number of rows and the key-values."""

import json
import sys

import pyarrow.parquet

for argument in sys.argv[1:]:
    path, rows = argument.rsplit("=", 1)
    file = pyarrow.parquet.ParquetFile(path)
    table = file.read()
    table.validate(full=True)
    assert table.num_rows == int(rows), (path, table.num_rows)
    facts = {key.decode(): value.decode() for key, value in file.metadata.metadata.items()}
    assert facts["tapio.rows"] == rows, facts
    assert json.loads(facts["tapio.kinds"])["exec"]["rows"] == int(rows), facts
    numbers = table.column("seq").to_pylist()
    assert all(number % 1000 < 100 for number in numbers) and len(set(numbers)) == int(rows)
