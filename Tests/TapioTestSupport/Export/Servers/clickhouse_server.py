"""ClickHouse's HTTP interface, as far as the exporter needs it, before chdb (ClickHouse in process), behind a way on which
things go wrong. Arguments: a directory for its data, a user and a password."""

import os
import sys
import tempfile
import threading
import urllib.parse

from chdb import session

from fault_proxy import Proxy

folder, user, password = sys.argv[1:4]
database = session.Session(os.path.join(folder, "chdb"))
lock = threading.Lock()
# Of HTTP alone.
http_only = {"query", "database", "wait_end_of_query"}


def ask(text):
    with lock:
        result = database.query(text, "TabSeparated")
        return result.bytes() if result is not None and result.size() else b""


def fail(text, status=500):
    code = text.split("Code: ", 1)[1].split(".", 1)[0] if "Code: " in text else "1001"
    text = text[text.index("Code: "):] if "Code: " in text else text
    return status, {"X-ClickHouse-Exception-Code": code}, text.encode()


def answer(method, target, headers, body):
    if headers.get("X-ClickHouse-User", "default") != user or headers.get("X-ClickHouse-Key", "") != password:
        return fail(f"Code: 516. DB::Exception: {user}: Authentication failed", 403)
    items = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query, keep_blank_values=True))
    query = items.get("query")
    try:
        ask(f"USE {items.get('database', 'default')}")
        if query is None:
            text = ask(body.decode())
        else:
            settings = ", ".join(f"{k} = '{v}'" for k, v in items.items() if k not in http_only)
            with tempfile.NamedTemporaryFile(suffix=".parquet", dir=folder) as file:
                file.write(body)
                file.flush()
                head, format = query.rsplit(" FORMAT ", 1)
                text = ask(f"{head} FROM INFILE '{file.name}' SETTINGS {settings} FORMAT {format}")
    except Exception as error:
        return fail(str(error))
    return 200, {"X-ClickHouse-Query-Id": "1", "X-ClickHouse-Summary": "{}"}, text


def query(text):
    return {"rows": [line.split("\t") for line in ask(text).decode().splitlines()]}


Proxy(answer).serve({"query": query})
