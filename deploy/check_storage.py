"""Make the lakehouse's bucket where it is missing, and prove that it is safe to commit to.

Delta and Lance commit by writing an object only if it is not there (If-None-Match). A store that
ignores this, or decides it after the fact, loses commits silently. Of 16 writers of one new object
exactly one must win, ten times over. Exit code 1 where the store lets more of them win.
"""

from __future__ import annotations

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from schemas.settings import Settings, load_settings

WRITERS = 16
ROUNDS = 10
log = logging.getLogger("almanac.check_storage")


def main() -> int:
    """Check the bucket of the configured lakehouse; 0 where it is safe or no object store."""
    logging.basicConfig(format="%(message)s")
    log.setLevel(logging.INFO)
    settings = load_settings()
    if not settings.lakehouse.startswith("s3://"):
        log.info("The lakehouse %s is not on S3: nothing to check", settings.lakehouse)
        return 0
    bucket, _, prefix = settings.lakehouse.removeprefix("s3://").partition("/")
    client = _client(settings)
    _make(client, bucket)
    try:
        wins = [_race(client, bucket, f"{prefix}/.check-{uuid4()}") for _ in range(ROUNDS)]
    except BotoCoreError as error:
        log.error("Bucket %s: an answer was lost (%s), so check it again", bucket, error)
        return 1
    if set(wins) != {1}:
        log.error(
            "Bucket %s is not safe: of %d writers of one new object %s were told that they made "
            "it, where one must be; use a store with conditional writes (If-None-Match)",
            bucket,
            WRITERS,
            sorted(wins),
        )
        return 1
    log.info("Bucket %s is safe: one of %d writers won, %d times", bucket, WRITERS, ROUNDS)
    return 0


def _client(settings: Settings) -> Any:
    """A client as the lakehouse is reached; keys come from the environment unless configured.

    It asks once: a second try at an object that the first one made would look like a lost race.
    """
    options = {key.upper(): value for key, value in settings.storage_options.items()}
    return botocore.session.get_session().create_client(
        "s3",
        endpoint_url=options.get("AWS_ENDPOINT_URL"),
        region_name=options.get("AWS_REGION"),
        aws_access_key_id=options.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=options.get("AWS_SECRET_ACCESS_KEY"),
        config=Config(max_pool_connections=WRITERS, retries={"total_max_attempts": 1}),
    )


def _make(client: Any, bucket: str) -> None:
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        client.create_bucket(Bucket=bucket, **_place(client.meta))
        log.info("Made the bucket %s", bucket)


def _place(client: Any) -> dict[str, Any]:
    """AWS wants its region said again, unless it is the first; other stores may know none."""
    region, first = client.region_name, ("us-east-1", "aws-global")
    if ".amazonaws.com" not in client.endpoint_url or region in first:
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _race(client: Any, bucket: str, key: str) -> int:
    """How many of the writers, all starting at once, were told that they made the object."""
    start = Barrier(WRITERS)

    def write(number: int) -> bool:
        start.wait()
        try:
            client.put_object(Bucket=bucket, Key=key, Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as error:
            # 412: another one made it. 409: another one is making it.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                return False
            raise
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        won = sum(pool.map(write, range(WRITERS)))
    client.delete_object(Bucket=bucket, Key=key)
    return won


if __name__ == "__main__":
    sys.exit(main())
