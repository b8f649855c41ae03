"""moto's S3, STS and IAM behind a way on which things go wrong. It checks signatures once `lock` was asked for."""

import hashlib
import json
import os

os.environ.setdefault("AWS_ACCESS_KEY_ID", "setup")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "setup")
os.environ["AWS_DEFAULT_REGION"] = "eu-central-1"

import boto3  # noqa: E402
import moto.settings  # noqa: E402
from moto.core.responses import ActionAuthenticatorMixin  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

import logging  # noqa: E402

logging.getLogger("werkzeug").setLevel(logging.ERROR)

from fault_proxy import Proxy  # noqa: E402

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
direct = f"http://{host}:{port}"


def client(service):
    return boto3.client(service, endpoint_url=direct, region_name="eu-central-1")


def unlocked(body):
    """Runs as if nobody checked: the test's own look at things."""
    before = moto.settings.INITIAL_NO_AUTH_ACTION_COUNT
    moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")
    try:
        return body()
    finally:
        moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = before


def bucket(name):
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})


def lock(actions):
    """A user that may do these actions, and nobody else anything."""
    iam = client("iam")
    iam.create_user(UserName="tapio")
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_user_policy(UserName="tapio", PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="tapio")["AccessKey"]
    ActionAuthenticatorMixin.request_count = 0
    moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    return {"access": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def objects(name):
    def look():
        s3 = client("s3")
        found = {}
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
            for entry in page.get("Contents", []):
                body = s3.get_object(Bucket=name, Key=entry["Key"])["Body"].read()
                found[entry["Key"]] = hashlib.sha256(body).hexdigest()
        return {"objects": found}

    return unlocked(look)


def uploads(name):
    def look():
        listed = client("s3").list_multipart_uploads(Bucket=name).get("Uploads", [])
        return {"uploads": [upload["Key"] for upload in listed]}

    return unlocked(look)


def download(name, folder):
    def look():
        s3 = client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
            for entry in page.get("Contents", []):
                path = os.path.join(folder, entry["Key"])
                os.makedirs(os.path.dirname(path), exist_ok=True)
                s3.download_file(name, entry["Key"], path)

    unlocked(look)


def compare(name, folder):
    """What the bucket lacks of the segments in a folder, has otherwise, and has besides."""
    stored = objects(name)["objects"]
    local = {}
    for parent, _, files in os.walk(folder):
        for file in files:
            path = os.path.join(parent, file)
            if file.endswith(".parquet"):
                with open(path, "rb") as stream:
                    local[os.path.relpath(path, folder)] = hashlib.sha256(stream.read()).hexdigest()
    return {
        "missing": sorted(key for key in local if key not in stored),
        "different": sorted(key for key in local if key in stored and stored[key] != local[key]),
        "besides": sorted(key for key in stored if key not in local and key.endswith(".parquet")),
        "same": sum(stored.get(key) == digest for key, digest in local.items()),
    }


def read(folder):
    """What other readers make of the tree, by partition."""
    import duckdb
    import pyarrow.dataset

    rows = duckdb.sql(
        f"SELECT node, count(*), min(hour) FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true) GROUP BY node"
    ).fetchall()
    arrow = pyarrow.dataset.dataset(folder, format="parquet", partitioning="hive", exclude_invalid_files=True)
    return {"duckdb": [[str(value) for value in row] for row in rows], "pyarrow": arrow.count_rows()}


commands = [bucket, lock, objects, uploads, download, compare, read]
Proxy((host, port)).serve({command.__name__: command for command in commands})
