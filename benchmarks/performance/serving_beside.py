"""The same questions to `almanac serve` and to LangChain with FAISS behind FastAPI, in one run.

    python benchmarks/performance/serving_beside.py --rivals-python .rivals-chat/bin/python

`requirements-rivals-chat.txt` says how to make that environment. Both index `sample/documents` and
answer from six passages with the same stub of a model and an encoder; the questions go to the one
and the other in turn. `almanac serve` moreover searches by words, checks what guards look for and
what is cited, and has each answer on the disk before its last word. One line of JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
from serving import QUESTIONS, SAMPLE, milliseconds, spread, stub_in_a_process

from tests.serving.conftest import House

RIVAL = Path(__file__).with_name("rival_chat.py")
SUBJECTS = ("expenses", "laptop", "holiday", "visa", "training", "badge", "invoice", "printer")


def main() -> None:
    """Serve both, ask both, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rivals-python", type=Path, required=True)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--clients", type=int, default=16)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stub_in_a_process() as model:
        house = House(Path(folder), model)
        house.environment = {"ALMANAC_SERVING__POLL_SECONDS": "2"}
        shutil.copytree(SAMPLE, house.folder / "docs")
        house.night("2026-03-01", {})
        port = random.randrange(20_000, 30_000)
        command = [str(given.rivals_python), str(RIVAL), str(house.folder / "docs"), model.url]
        with house.served() as served, subprocess.Popen([*command, str(port)]) as rival:
            try:
                address = f"http://127.0.0.1:{port}"
                chunks = _chunks(address, rival)
                asks: dict[str, Callable[[str], httpx.Response]] = {
                    "almanac": lambda question: served.chat(question),
                    "langchain": _by_one_client(address),
                }
                pids = {"almanac": served.process.pid, "langchain": rival.pid}
                one = _compare(asks, pids, given.requests, 1)
                many = _compare(asks, pids, given.requests, given.clients)
            finally:
                rival.terminate()
        rows = house.lake.releases("documents").as_of(None).rows
    chunks_of = {"almanac": rows, "langchain": chunks}
    found = {
        name: {"chunks": chunks_of[name], "one_client": one[name], "clients": many[name]}
        for name in asks
    }
    print(json.dumps({"requests": given.requests, "clients": given.clients, **found}))


def _by_one_client(address: str) -> Callable[[str], httpx.Response]:
    client = httpx.Client(base_url=address, timeout=60)
    return lambda question: client.post("/ask", json={"question": question})


def _chunks(address: str, rival: subprocess.Popen[bytes]) -> int:
    """How many it indexed, once it answers."""
    for _ in range(600):
        if rival.poll() is not None:
            raise SystemExit("the rival ended: see the lines above")
        try:
            return int(httpx.get(f"{address}/chunks").text)
        except httpx.HTTPError:
            time.sleep(0.2)
    raise SystemExit("the rival did not answer within two minutes")


def _compare(
    asks: dict[str, Callable[[str], httpx.Response]],
    pids: dict[str, int],
    requests: int,
    clients: int,
) -> dict[str, Any]:
    """Both in turn, in parts of an equal number of questions."""
    times: dict[str, list[float]] = {name: [] for name in asks}
    used = dict.fromkeys(asks, 0.0)
    spent = dict.fromkeys(asks, 0.0)
    lock = threading.Lock()
    for part in range(-1, 5):  # the first is not counted
        for name, ask in asks.items():
            before, began = _processor(pids[name]), time.perf_counter()

            def one(at: int, name: str = name, ask: Callable[[str], Any] = ask) -> None:
                taken = milliseconds(lambda: ask(_question(at)).raise_for_status())
                with lock:
                    times[name].append(taken)

            with ThreadPoolExecutor(clients) as pool:
                list(pool.map(one, range(requests // 5)))
            if part < 0:
                times[name].clear()
                continue
            used[name] += _processor(pids[name]) - before
            spent[name] += time.perf_counter() - began
    return {
        name: {
            "answer_ms": spread(times[name]),
            "answers_a_second": round(len(times[name]) / spent[name], 1),
            "cpu_ms": round(1000 * used[name] / len(times[name]), 1),
            "memory_mb": round(sum(one.memory_info().rss for one in _family(pids[name])) / 1e6),
        }
        for name in asks
    }


def _question(at: int) -> str:
    known = (*QUESTIONS, *(f"What is the rule for {one}?" for one in SUBJECTS))
    return known[at % len(known)]


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _processor(pid: int) -> float:
    """Seconds of a server and of the processes that it started."""
    times = [one.cpu_times() for one in _family(pid)]
    return sum(one.user + one.system for one in times)


if __name__ == "__main__":
    main()
