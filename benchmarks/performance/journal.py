"""What a logged request costs: in the journal, and as before by Great Expectations and a commit.

    python benchmarks/performance/journal.py --requests 300 --threads 16

Both in the same run, on the same disk, since ratios hold where absolutes do not. The way of before
is a validation by the suite and a Delta commit a call, of which a few are measured.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from almanac.client import log_request
from almanac.feedback.drain import drain
from almanac.journal import Journal, journal_places, new_request_id
from expectations.feedback import requests_frame
from expectations.runner import validate
from lakehouse import Lakehouse, open_lakehouse
from schemas.feedback import Passage, Request

TEXT = "A sentence of a passage that a model was shown. " * 20


def log(lake: Lakehouse) -> None:
    """One call as an application makes it, of about 4 kB."""
    log_request(
        lake,
        question="Who approves travel?",
        response="Your manager. " * 10,
        context=[{"chunk_id": f"c{at}", "text": TEXT} for at in range(4)],
        user_id="ann",
        request_id=new_request_id(),
    )


def log_as_before(lake: Lakehouse) -> None:
    """The same as it was before the journal: the suite, the look for its id, and a commit."""
    context = tuple(Passage(f"c{at}", TEXT) for at in range(4))
    now = datetime.now(UTC)
    request = Request(new_request_id(), now, "ann", "Who approves travel?", "Your", context)
    assert not validate("requests", requests_frame([request])).kept_out
    lake.requests.hashes([request.request_id])
    lake.requests.append([replace(request, response="Your manager. " * 10)])


def timed(call: Callable[[], None], count: int, threads: int = 1) -> tuple[list[float], float]:
    """Milliseconds of each call, and of the processor a call on average."""

    def one(_: int) -> float:
        began = time.perf_counter()
        call()
        return (time.perf_counter() - began) * 1000

    call()
    began = time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        taken = list(pool.map(one, range(count)))
    return sorted(taken), (time.process_time() - began) * 1000 / count


def told(name: str, taken: list[float], cpu: float) -> None:
    """Print one line."""
    cut = quantiles(taken, n=100)
    print(f"{name:28} p50 {cut[49]:8.2f} ms  p99 {cut[98]:8.2f} ms  processor {cpu:7.2f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--before", type=int, default=20)
    parser.add_argument("--threads", type=int, default=16)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = open_lakehouse(str(Path(folder) / "lake"))
        old = open_lakehouse(str(Path(folder) / "old"))
        before, cpu_before = timed(lambda: log_as_before(old), given.before)
        after, cpu = timed(lambda: log(lake), given.requests)
        many, cpu_many = timed(lambda: log(lake), given.requests, given.threads)
        told("before (suite and commit)", before, cpu_before)
        told("journal, one thread", after, cpu)
        told(f"journal, {given.threads} threads", many, cpu_many)
        middle = before[len(before) // 2] / after[len(after) // 2]
        print(f"ratio of the medians {middle:.0f}, of the processor {cpu_before / cpu:.0f}")
        journal = Journal(journal_places(lake.location.uri)[0])
        began = time.perf_counter()
        done = drain(lake, journal)
        seconds = time.perf_counter() - began
        print(
            f"drained {done.requests} requests in {seconds:.2f} s; stored {lake.requests.count()}"
        )


if __name__ == "__main__":
    main()
