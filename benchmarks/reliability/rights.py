"""Does anyone see what is not theirs? Random users, questions, releases and changes of rights.

    python benchmarks/reliability/rights.py --draws 100000 --seed 1

Each document bears a word of its own in title, heading and text. Rights change all the while. Each
draw searches a release for a user, and the hits must be those that an exhaustive search gives among
the documents that the user may see now and that release has: no more (a leak), no fewer. Every
`--http-every`th draw goes through the HTTP interface, too: passages, answers, the document, the
logged request and its replay, errors, headers, and the server's log. Prints one line of JSON;
`leaks`, `lost` and `wrong` must be 0.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import logging
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from almanac.retrieval.open_release import OpenRelease
from almanac.serving.app import application
from almanac.serving.service import Service
from lakehouse.documents import Key
from lakehouse.ranking import Ranked, fuse
from lakehouse.search import Mode
from schemas.documents import Access
from testing.chat_endpoint import stub_model
from tests.serving.conftest import House

DOCUMENTS, USERS, GROUPS, NIGHTS = 240, 40, 8, 4
TOPICS = "travel pay backup contract garden kitchen audit printer lease bicycle insurance canteen"
QUESTIONS = [
    f"Who approves the {one} {other}?" for one in TOPICS.split() for other in ("cost", "plan")
]
MODES: tuple[Mode, ...] = ("hybrid", "vector", "text")
CANDIDATES = 100  # of each side of a hybrid search
WORD = re.compile(r"zq\d{4}x")


def main() -> int:
    """Draw, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=100_000)
    parser.add_argument("--http-every", type=int, default=50)
    parser.add_argument("--change-every", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stub_model() as model:
        rules = '[sources.handbook.access]\ndefault = ["public"]\n'
        house = House(Path(folder), model, rules)
        house.environment = {}
        walk = Walk(house, given.seed)
        found = asyncio.run(walk.run(given.draws, given.http_every, given.change_every))
    print(json.dumps({"seed": given.seed, **found}))
    return 1 if found["leaks"] or found["lost"] or found["wrong"] else 0


class Walk:
    """A house whose rights change, and what is drawn in it.

    `allowed` is the oracle's own record of who may see what; nothing of it is read from Almanac.
    """

    def __init__(self, house: House, seed: int) -> None:
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.first: list[str] = []  # the first faults, in words
        held: dict[str, str] = {}
        for night in range(NIGHTS):
            for number in range(DOCUMENTS):
                name = _name(number)
                if self.random.random() < (0.85 if night == 0 else 0.1):
                    held[name] = _text(number, night, self.random)
                elif self.random.random() < 0.05:
                    held.pop(name, None)
                    (house.folder / "docs" / name).unlink(missing_ok=True)
            house.night(f"2026-03-{1 + night:02d}", held)
        settings = house.settings
        serving = settings.serving.model_copy(update={"poll_seconds": 0.02})
        self.service = Service(settings.model_copy(update={"serving": serving}))
        self.poll_seconds = serving.poll_seconds
        self.opened = [self.service.releases.as_of(1 + at) for at in range(NIGHTS)]
        _remember(self.opened[0])
        self.allowed: dict[Key, set[str]] = {
            key: {"public"} for one in self.opened for key in one.documents
        }
        self.users = {f"user{at}": self._groups() for at in range(USERS)}
        self.keys = {
            user: self.service.keys.create(user, sorted(groups), ["ask", "read_logs"])
            for user, groups in self.users.items()
        }
        self.logged: list[tuple[str, str]] = []  # request and its user
        self.full = cache(self._full)
        for key in sorted(self.allowed):
            self._grant(key)
        self._record(list(self.allowed))

    async def run(self, draws: int, http_every: int, change_every: int) -> dict[str, Any]:
        """All draws; the counts of what was looked at and found."""
        log = io.StringIO()
        handler = logging.StreamHandler(log)
        logging.getLogger("almanac").addHandler(handler)
        logging.getLogger("almanac").setLevel(logging.INFO)
        logging.getLogger("almanac").propagate = False
        transport = httpx.ASGITransport(app=application(self.service), raise_app_exceptions=False)
        began = time.monotonic()
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", timeout=60
        ) as client:
            for at in range(draws):
                if at % change_every == 0:
                    self._change()
                self._search()
                if at % http_every == 0:
                    await self._over_http(client)
                if at % 1_000 == 0:
                    spent = time.monotonic() - began
                    sys.stderr.write(f"{at} draws, {spent:.0f} s, {dict(self.counts)}\n")
        self.counts["leaks in the log"] += len(WORD.findall(log.getvalue()))
        leaks = sum(count for name, count in self.counts.items() if name.startswith("leaks"))
        return {
            "draws": draws,
            "leaks": leaks,
            "lost": self.counts["lost"],
            "wrong": self.counts["wrong"],
            "seconds_until_a_change_holds": self.poll_seconds,
            "first_faults": self.first,
            **{name: count for name, count in sorted(self.counts.items())},
        }

    # Rights

    def _groups(self) -> set[str]:
        return {f"g{at}" for at in range(GROUPS) if self.random.random() < 0.25}

    def _grant(self, key: Key) -> None:
        kind = self.random.random()
        if kind < 0.15:
            self.allowed[key] = {"public"}
        elif kind < 0.25:
            self.allowed[key] = set()  # nobody
        else:
            some = {f"group:g{self.random.randrange(GROUPS)}" for _ in range(2)}
            self.allowed[key] = some | {f"user:user{self.random.randrange(USERS)}"}

    def _record(self, keys: list[Key]) -> None:
        now = datetime.now(UTC)
        words = {key: Access(tuple(sorted(self.allowed[key])), "manual") for key in keys}
        self.service.lake.access.record(words, now)
        time.sleep(self.poll_seconds)

    def _change(self) -> None:
        """Other rights on a few documents, or other groups of a user, by a key of their own."""
        self.counts["changes"] += 1
        if self.random.random() < 0.3:
            user = self.random.choice(sorted(self.users))
            self.users[user] = self._groups()
            old = self.keys[user][0]
            self.keys[user] = self.service.keys.create(
                user, sorted(self.users[user]), ["ask", "read_logs"]
            )
            self.service.keys.revoke(old.key_id)
            return
        keys = self.random.sample(sorted(self.allowed), 5)
        for key in keys:
            self._grant(key)
        self._record(keys)

    def _principals(self, user: str) -> frozenset[str]:
        groups = {f"group:{one}" for one in self.users[user]}
        return frozenset({"public", f"user:{user}", *groups})

    def _may(self, user: str, key: Key) -> bool:
        return bool(self.allowed.get(key, set()) & self._principals(user))

    # One draw

    def _full(self, release: int, question: str, mode: Mode) -> list[Ranked]:
        """Every row in its rank, by a search that knows no rights; vectors by numpy."""
        opened = self.opened[release]
        reader = opened._searcher.reader
        rows = max(1, opened.release.rows)
        if mode == "text":
            return reader.rank_text(question, rows)
        (query,) = opened._searcher.encoder.encode_queries([question]).astype(np.float64)
        found = []
        for batch in reader._dataset.to_batches(columns=["chunk_id", "vector"], with_row_id=True):
            for row in batch.to_pylist():
                vector = np.asarray(row["vector"], np.float64)
                size = float(np.linalg.norm(vector) * np.linalg.norm(query))
                distance = np.float32(1.0 - float(vector @ query) / size)
                found.append(Ranked(row["chunk_id"], 1.0 - float(distance), row["_rowid"]))
        return sorted(found, key=lambda one: (-one.score, one.chunk_id))

    @staticmethod
    def _keys_of(opened: OpenRelease) -> dict[str, Key]:
        columns = ["chunk_id", "source", "doc_id"]
        rows = opened._searcher.reader._dataset.to_table(columns=columns).to_pylist()
        return {row["chunk_id"]: (row["source"], row["doc_id"]) for row in rows}

    def _expected(self, user: str, release: int, question: str, mode: Mode, k: int) -> list[str]:
        owners = self._owners(release)

        def among(side: Mode) -> list[Ranked]:
            ranked = self.full(release, question, side)
            return [one for one in ranked if self._may(user, owners[one.chunk_id])]

        if mode == "hybrid":
            ranked = fuse(among("vector")[:CANDIDATES], among("text")[:CANDIDATES])
        else:
            ranked = among(mode)
        return [one.chunk_id for one in ranked[:k]]

    @cache  # noqa: B019 (one walk a process)
    def _owners(self, release: int) -> dict[str, Key]:
        return self._keys_of(self.opened[release])

    def _search(self) -> None:
        user = self.random.choice(sorted(self.users))
        release = self.random.randrange(NIGHTS)
        question, mode = self.random.choice(QUESTIONS), self.random.choice(MODES)
        k = self.random.choice((1, 4, 10))
        hits = self.opened[release].search(question, k, mode, principals=self._principals(user))
        wanted = self._expected(user, release, question, mode, k)
        told = [one.chunk_id for one in hits]
        self.counts["searches"] += 1
        for one in hits:
            if not self._may(user, (one.source, one.doc_id)):
                self._fault("leaks in hits", f"{user} found {one.doc_id} for {question!r}")
        if told != wanted:
            name = "lost" if set(wanted) - set(told) else "wrong"
            self._fault(name, f"{user}, release {release + 1}, {mode}, {k}: {told} not {wanted}")

    async def _over_http(self, client: httpx.AsyncClient) -> None:
        user = self.random.choice(sorted(self.users))
        release = self.random.randrange(NIGHTS)
        headers = {"Authorization": f"Bearer {self.keys[user][1]}"}
        question = self.random.choice(QUESTIONS)

        async def call(method: str, path: str, body: Any = None) -> httpx.Response:
            response = await client.request(method, path, json=body, headers=headers)
            self.counts["responses"] += 1
            self._look(user, f"{method} {path}", response)
            return response

        when = {"as_of": str(release + 1)}
        found = await call("POST", "/v1/retrieve", {"query": question, "k": 6, **when})
        told = [one["chunk_id"] for one in found.json()["passages"]]
        if told != self._expected(user, release, question, "hybrid", 6):
            self._fault("lost", f"/v1/retrieve of {user}: {told}")
        body: dict[str, Any] = {
            "model": "documents",
            "messages": [{"role": "user", "content": question}],
            "stream": self.random.random() < 0.5,
        }
        if self.random.random() < 0.5:
            body["almanac"] = when  # else of the latest, which may come from the kept answers
        answered = await call("POST", "/v1/chat/completions", body)
        if answered.status_code == 200:
            self.logged.append((answered.headers["X-Request-Id"], user))
        await self._document(call, user, release)
        await self._log_of_another(call, user)
        await call("POST", "/v1/retrieve", {"query": question, "as_of": "2020-01-01"})
        await call("GET", "/v1/releases")
        await call("GET", "/v1/models")

    async def _document(self, call: Callable[..., Any], user: str, release: int) -> None:
        key = self.random.choice(sorted(self.allowed))
        response = await call("GET", f"/v1/documents/{key[0]}/{key[1]}?release={release + 1}")
        is_there = key in self.opened[release].documents and self._may(user, key)
        if response.status_code != (200 if is_there else 404):
            self._fault("wrong", f"{key[1]} for {user}: {response.status_code}")
        if not is_there:
            none = await call("GET", f"/v1/documents/{key[0]}/none.md?release={release + 1}")
            if none.text.replace("none.md", key[1]) != response.text:
                self._fault("leaks in errors", f"a 404 tells that {key[1]} exists")

    async def _log_of_another(self, call: Callable[..., Any], user: str) -> None:
        if not self.logged:
            return
        request_id, _ = self.random.choice(self.logged)
        cited = self.service.request(request_id).details["citations"]
        may = all(self._may(user, (one["source"], one["doc_id"])) for one in cited)
        for method, path in (("GET", ""), ("POST", "/replay")):
            response = await call(method, f"/v1/requests/{request_id}{path}")
            if (response.status_code == 200) != may:
                self._fault("leaks in logs" if not may else "wrong", f"{path} {response.text[:90]}")

    def _look(self, user: str, what: str, response: httpx.Response) -> None:
        """No word of a document that the user may not see now, wherever it stands."""
        text = response.text + str(response.headers)
        for number in {int(word[2:6]) for word in WORD.findall(text)}:
            if not self._may(user, ("handbook", _name(number))):
                self._fault(f"leaks over HTTP: {what.split('?')[0][:24]}", f"{user}: {number}")
        if response.headers.get("cache-control") != "no-store":
            self._fault("leaks to caches", what)
        if response.status_code >= 500:
            self._fault("wrong", f"{what}: {response.status_code} {response.text[:200]}")

    def _fault(self, name: str, said: str) -> None:
        self.counts[name] += 1
        if len(self.first) < 5:
            self.first.append(f"{name}: {said}")


def _name(number: int) -> str:
    return f"{'hr' if number % 3 else 'it'}/document{number:04d}.md"


def _text(number: int, night: int, draw: random.Random) -> str:
    word = f"zq{number:04d}x"
    topics = " ".join(draw.sample(TOPICS.split(), 3))
    return (
        f"# Title {word}\n\n## Part {word}\n\nThe {topics} cost and plan number {night} is "
        f"approved by the board of {word}.\n"
    )


def _remember(opened: OpenRelease) -> None:
    """The stub's vector of a question is asked for once, however many search for it."""
    encoder: Any = opened._searcher.encoder
    ask = encoder.encode_queries
    known = cache(lambda text: ask([text])[0])
    encoder.encode_queries = lambda texts: np.stack([known(text) for text in texts])


if __name__ == "__main__":
    raise SystemExit(main())
