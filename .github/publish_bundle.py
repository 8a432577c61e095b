"""Put a commit's DAG files and model definitions into S3, once.

.venv/bin/python .github/publish_bundle.py s3://BUCKET/PREFIX [COMMIT]

They land below PREFIX/<commit>/, which is never written again, so that an address means the same files for ever. The last
object is `bundle.json`, which names them all with their digests: where it is missing, the bundle is not complete.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from botocore.client import BaseClient

PATHS = ("dags", "include/models", ".airflowignore")
"""What a bundle has; the code comes with the image. `.airflowignore` keeps Airflow from taking a definition for a DAG file."""
MANIFEST = "bundle.json"


def files_of(commit: str) -> dict[str, bytes]:
    """Return the committed files of a bundle by path; what lies uncommitted in the checkout is in none."""
    archive = subprocess.run(["git", "archive", "--format=tar", commit, "--", *PATHS], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        members = [member for member in opened.getmembers() if member.isfile()]
        return {member.name: opened.extractfile(member).read() for member in members}  # type: ignore[union-attr]


def put_once(client: BaseClient, bucket: str, key: str, body: bytes) -> bool:
    """Write an object unless it is there; return whether it was written.

    Raises:
        SystemExit: Other bytes are there.
    """
    try:
        client.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
        if client.get_object(Bucket=bucket, Key=key)["Body"].read() != body:
            raise SystemExit(f"error: s3://{bucket}/{key} holds other bytes than this commit; nobody may write there") from None
        return False
    return True


def publish(destination: str, commit: str, client: BaseClient) -> str:
    """Write a commit's bundle and return its address."""
    bucket, _, prefix = destination.removeprefix("s3://").strip("/").partition("/")
    if not destination.startswith("s3://") or not bucket or not prefix:
        raise SystemExit(f"error: {destination!r} is no s3://BUCKET/PREFIX")
    files = files_of(commit)
    manifest = {"commit": commit, "files": {name: hashlib.sha256(body).hexdigest() for name, body in sorted(files.items())}}
    files[MANIFEST] = json.dumps(manifest, indent=1).encode()  # last: dictionaries keep their order
    written = sum(put_once(client, bucket, f"{prefix}/{commit}/{name}", body) for name, body in files.items())
    sys.stderr.write(f"{len(files)} files, {written} of them written now\n")
    return f"s3://{bucket}/{prefix}/{commit}"


def main(arguments: list[str]) -> None:
    """Publish the named commit, or HEAD, and print where it is."""
    if len(arguments) not in (1, 2):
        raise SystemExit(__doc__)
    revision = arguments[1] if len(arguments) == 2 else "HEAD"
    commit = subprocess.run(
        ["git", "rev-parse", "--verify", f"{revision}^{{commit}}"], check=True, capture_output=True, text=True
    ).stdout.strip()
    sys.stdout.write(publish(arguments[0], commit, boto3.client("s3")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
