"""What the server adds to an answer, and what it keeps of it: load, kills, new releases.

    python benchmarks/performance/serving.py overhead --requests 1000
    python benchmarks/performance/serving.py load --rate 50 --seconds 600
    python benchmarks/performance/serving.py kills --times 200
    python benchmarks/performance/serving.py swaps --times 100

`almanac serve` runs as a process of its own over a small handbook, and a stub stands for model and
encoder, so what is measured is Almanac. Each part prints one line of JSON; `wrong` must be 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

from testing.chat_endpoint import StubModel, stub_model
from tests.serving.conftest import FIRST, SECOND, House, Served, text_of
from tests.serving.test_durability import Readers

SAMPLE = Path(__file__).resolve().parents[2] / "sample/documents"
QUESTIONS = ("Who approves travel?", "When is a backup written?", "When are salaries paid?")


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("overhead", "load", "kills", "swaps"))
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--clients", type=int, default=16)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stub_in_a_process() as model:
        house = House(Path(folder), model)
        house.night("2026-03-01", FIRST)
        house.night("2026-03-02", SECOND)
        parts = {
            "overhead": lambda: overhead(house, given.requests),
            "load": lambda: load(house, given.rate, given.seconds),
            "kills": lambda: kills(house, given.times, given.clients),
            "swaps": lambda: swaps(house, given.times, given.clients),
        }
        print(json.dumps({"part": given.part, **parts[given.part]()}), flush=True)


def overhead(house: House, requests: int) -> dict[str, Any]:
    """Milliseconds that an answer takes beyond those of model and encoder, asked one by one."""
    shutil.copytree(SAMPLE, house.folder / "docs", dirs_exist_ok=True)
    house.night("2026-03-03", {})
    house.environment |= {"ALMANAC_SERVING__POLL_SECONDS": "2"}
    chat = {"model": "stub-1", "messages": [{"role": "user", "content": "Question: Who?"}]}
    texts = {"model": "words", "input": ["Who?"], "encoding_format": "base64"}
    answers, model, encoder, over = [], [], [], []
    url = house.model.url
    with house.served() as served, httpx.Client(timeout=30) as alone:
        for at in range(50):
            ask(served, at)
        used = cpu_seconds(served)
        for at in range(requests):
            answers.append(milliseconds(partial(ask, served, at)))
            model.append(
                milliseconds(
                    lambda: alone.post(f"{url}/chat/completions", json=chat | {"stream": True})
                )
            )
            encoder.append(milliseconds(lambda: alone.post(f"{url}/embeddings", json=texts)))
            over.append(answers[-1] - model[-1] - encoder[-1])
        used = cpu_seconds(served) - used
    return {
        "requests": requests,
        "chunks": house.lake.releases("documents").as_of(None).rows,
        "answer_ms": spread(answers),
        "model_alone_ms": spread(model),
        "encoder_alone_ms": spread(encoder),
        "overhead_ms": spread(over),
        "server_cpu_ms": round(1000 * used / requests, 1),
    }


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def load(house: House, rate: float, seconds: float) -> dict[str, Any]:
    """Questions at a rate that does not wait for answers; what was answered is stored once."""
    commits = len(list((house.folder / "lake/delta/requests/_delta_log").glob("*.json")))
    with house.served() as served:
        delivered, failed, times = asyncio.run(_at_a_rate(served.address, rate, seconds))
        answered = time.monotonic()
        while served.client.get("/metrics").text.find("almanac_journal_rows 0.0") < 0:
            if time.monotonic() - answered > 120:
                raise SystemExit("the journal was not empty after two minutes")
            time.sleep(0.2)
        drained = time.monotonic() - answered
    table = house.folder / "lake/delta/requests"
    return {
        "sent": len(delivered) + len(failed),
        "failed": len(failed),
        "first_failures": sorted(set(failed))[:3],
        "answer_ms": spread(times),
        "seconds_until_in_delta": round(drained, 1),
        "commits": len(list((table / "_delta_log").glob("*.json"))) - commits,
        "files": len(list(table.rglob("*.parquet"))),
        "wrong": _not_stored(house, delivered),
    }


def kills(house: House, times: int, clients: int) -> dict[str, Any]:
    """SIGKILL under streams; what was delivered whole is stored, once and equal."""
    delivered: dict[str, str] = {}
    broken = 0
    for _ in range(times):
        with house.served() as served:
            readers = Readers(served, clients)
            time.sleep(0.5)
            served.process.kill()
            served.process.wait(10)
            readers.end()
            broken += readers.broken
            delivered |= {events[0]["id"]: text_of(events) for events in readers.whole}
    house.run("feedback", "drain")
    return {
        "kills": times,
        "delivered": len(delivered),
        "broken": broken,
        "wrong": _not_stored(house, delivered),
    }


def swaps(house: House, times: int, clients: int) -> dict[str, Any]:
    """New releases under streams; every answer comes from the release that it names."""
    with house.served() as served:
        readers = Readers(served, clients, "SLOW What does the release say?")
        for at in range(times):
            text = f"# Travel\n\nRelease number {3 + at} says so.\n"
            house.night(f"2026-{4 + at // 25:02d}-{1 + at % 25:02d}", {"travel.md": text})
            while served.client.get("/readyz").json()["release"] < 3 + at:
                time.sleep(0.05)
        readers.end()
    mixed = 0
    seen = set()
    for events in readers.whole:
        seq = events[0]["almanac"]["release"]
        seen.add(seq)
        names = events[-1]["almanac"]["release"]
        said = re.match(r"Release number (\d+)", text_of(events))  # or of another document
        mixed += names != seq or (said is not None and int(said[1]) != seq)
    return {
        "swaps": times,
        "answers": len(readers.whole),
        "releases_seen": len(seen),
        "failed": readers.broken,
        "wrong": mixed + readers.broken,
    }


def ask(served: Served, at: int) -> None:
    """One answer, not streamed."""
    served.chat(QUESTIONS[at % len(QUESTIONS)]).raise_for_status()


def cpu_seconds(served: Served) -> float:
    """Of the server's process so far, user and system."""
    fields = Path(f"/proc/{served.process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(one) for one in fields[11:13]) / os.sysconf("SC_CLK_TCK")


def spread(milliseconds: list[float]) -> dict[str, float]:
    """Median, 95 and 99 of a hundred."""
    cuts = quantiles(milliseconds, n=100)
    return {name: round(cuts[at - 1], 1) for name, at in (("p50", 50), ("p95", 95), ("p99", 99))}


@contextmanager
def stub_in_a_process() -> Iterator[StubModel]:
    """The stub in a process of its own, so that it takes no time of the clients'."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_stub, args=(theirs,), daemon=True)
    process.start()
    model = StubModel()
    model.url = ours.recv()
    yield model
    process.terminate()
    process.join()


def _stub(pipe: Any) -> None:
    with stub_model() as model:
        pipe.send(model.url)
        while True:
            time.sleep(60)


async def _at_a_rate(
    address: str, rate: float, seconds: float
) -> tuple[dict[str, str], list[str], list[float]]:
    delivered: dict[str, str] = {}
    failed: list[str] = []
    times: list[float] = []

    async def one(client: httpx.AsyncClient, at: int) -> None:
        messages = [{"role": "user", "content": QUESTIONS[at % len(QUESTIONS)]}]
        began = time.perf_counter()
        try:
            response = await client.post(
                "/v1/chat/completions", json={"model": "documents", "messages": messages}
            )
            response.raise_for_status()
        except httpx.HTTPError as error:
            failed.append(repr(error)[:120])
            return
        times.append(1000 * (time.perf_counter() - began))
        body = response.json()
        delivered[body["id"]] = body["choices"][0]["message"]["content"]

    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
        began = time.perf_counter()
        tasks = []
        for at in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + at / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(one(client, at)))
        await asyncio.gather(*tasks)
    return delivered, failed, times


def _not_stored(house: House, delivered: dict[str, str]) -> int:
    """Delivered answers that are not in Delta, or in other words; and rows that are there twice."""
    rows = house.lake.requests.rows()
    stored = {one.request_id: one.response for one in rows}
    return len(rows) - len(stored) + sum(stored.get(key) != text for key, text in delivered.items())


if __name__ == "__main__":
    main()
