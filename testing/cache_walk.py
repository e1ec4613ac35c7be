"""Random sequences of questions, nights, rights, dislikes and erasures against kept answers.

Each question is answered twice: with kept answers, and afresh without. When a kept answer must be
given is told by a plain model: exactly where the same question was answered from the same
passages for the same rights, and neither it nor what was given of it was disliked or erased.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from almanac.assistants.files import configured_prompt
from almanac.cache.store import AnswerStore
from almanac.cache.tending import Tending
from almanac.costs.prices import Prices
from almanac.embedding import shared
from almanac.llm.streaming import Piece
from almanac.retrieval.access import Rights
from almanac.retrieval.open_release import OpenRelease
from almanac.serving.answering import Answering
from almanac.serving.asking import Ask, Ended
from almanac.serving.assistants import Assistant
from almanac.serving.caching import AnswerCache
from almanac.serving.circuit import Circuit
from almanac.serving.legs import Leg
from almanac.serving.who import Caller
from lakehouse.documents import Key
from schemas.feedback import Message, Request
from schemas.sections.guards import GuardSettings
from schemas.sections.serving import CacheSettings
from schemas.settings import AssistantSettings, ModelEndpoint
from testing.house import House

NIGHTS = 8
STEPS = 8  # of a sequence
_WORDS = ("badge", "backup", "holiday", "invoice", "laptop", "parking", "printer", "travel")
_ASKED = (
    "Who looks after the {}?", "who looks after the {}", "Please, who looks after a {}?",
    "Hi, who looks after the {}?", "Tell me who looks after the {}",
    "Where is the {} kept?", "Is the {} not for visitors?", "Is the {} for visitors?",
)  # fmt: skip
_CALLERS = (
    ("ann", frozenset({"public", "user:ann"})),
    ("bob", frozenset({"public", "group:hr"})),
    ("eve", frozenset({"public"})),
    ("zoe", None),
)
_PRINCIPALS = (("public",), ("group:hr",), ("user:ann",), ("user:ann", "group:hr"), ())
_PASSAGE = re.compile(r"^\[(\d+)\] (.*?)(?=^\[\d+\] |^Question: )", re.M | re.S)
_STEPS = ("ask", "night", "rights", "dislike", "erase user", "erase document", "restart")
_WEIGHTS = (60, 14, 8, 8, 3, 3, 4)
_OFF: Any = {
    "question_injection": "off", "question_personal": "off", "passage_injection": "off",
    "answer_personal": "off", "answer_words": "off", "answer_grounding": "off",
}  # fmt: skip


class _Says:
    """A model that says the last line of each passage, in the order of their words."""

    endpoint = ModelEndpoint(base_url="http://nowhere/v1", model="says")

    async def stream(self, messages: Sequence[Message], *_: object) -> AsyncGenerator[Piece]:
        """The answer in one piece."""
        found = _PASSAGE.findall(messages[-1]["content"])
        said = sorted((text.strip().splitlines()[-1].rstrip("."), n) for n, text in found)
        yield Piece(" ".join(f"{text} [{n}]." for text, n in said))
        yield Piece(finish_reason="stop")


class _RightsInHand(Rights):
    """Who may see what, changed without a table."""

    def __init__(self, keys: Collection[Key]) -> None:
        self.allowed = dict.fromkeys(keys, frozenset({"public"}))
        self.times = 0

    def current(self) -> dict[Key, frozenset[str]]:
        return self.allowed

    def generation(self) -> int:
        return self.times

    def give(self, key: Key, principals: Collection[str]) -> None:
        """Let these see a document from now on."""
        self.allowed = self.allowed | {key: frozenset(principals)}
        self.times += 1


class _Nights:
    """The releases of a lakehouse, one of which answers."""

    def __init__(self, opened: Sequence[OpenRelease]) -> None:
        self.opened, self.at = opened, 0

    def as_of(self, when: object) -> OpenRelease:
        return self.opened[self.at]


class _Log:
    def __init__(self) -> None:
        self.requests: list[Request] = []

    def append_request(self, request: Request) -> None:
        self.requests.append(request)


@dataclass
class Found:
    """What the sequences met. `wrong`: in words, each a defect; empty where all is well."""

    steps: Counter[str] = field(default_factory=Counter)
    given: int = 0
    near: int = 0
    wrong: list[str] = field(default_factory=list)


def build(root: Path) -> House:
    """A lakehouse of a few nights in which passages come, change, move and go."""
    rng, house = random.Random(7), House(root)
    for day in range(1, NIGHTS + 1):
        for name in _WORDS:
            path = house.docs / f"{name}.md"
            if day > 1 and rng.random() < 0.15 and path.exists():
                house.remove(name)
            elif day == 1 or rng.random() < 0.4:
                others = rng.sample(_WORDS, 2)
                house.put(name, *(f"Room {rng.randrange(4)} keeps the {one} of the {name}."
                                  for one in others))  # fmt: skip
        (house.docs / "night.md").write_text(f"# Night\n\nThis is night {day}.\n")
        house.night(day)
    return house


class Walk:
    """Sequences over one lakehouse. `forgetful` leaves out a check, to show that it is needed."""

    def __init__(self, house: House, folder: Path) -> None:
        self._file = folder / "answers.sqlite"
        self._lake = house.lake
        history = self._lake.releases(house.settings.index.name).history()
        keys = {("documents", f"{name}.md") for name in (*_WORDS, "night")}
        self._keys = sorted(keys)
        self._rights = _RightsInHand(keys)
        shared._open[history[0].embedder] = house.encoder
        self._nights = _Nights(
            [OpenRelease(house.settings, self._lake, one, self._rights) for one in history]
        )
        prompt, guards = configured_prompt(None), GuardSettings(**_OFF)
        says: Any = _Says()
        leg = Leg("says", "says", says, 256, Prices(house.settings), Circuit(5, 30.0))
        common: Any = {"endpoint": "says", "k": 3, "guards": guards, "max_context_tokens": 300}
        modes: Any = (("hybrid", "exact"), ("text", "exact"), ("text", "semantic"))
        self._assistants = [
            Assistant(
                f"{mode} {kept}",
                AssistantSettings(
                    mode=mode, cache=CacheSettings(mode=kept, threshold=0.0), **common
                ),
                prompt, (leg,), f"{mode} {kept}", f"{mode} {kept}",
            )
            for mode, kept in modes
        ]  # fmt: skip
        self.found = Found()

    def sequences(self, count: int, seed: int) -> Found:
        """Walk so many of them; what was met."""
        asyncio.run(self._sequences(count, seed))
        return self.found

    async def _sequences(self, count: int, seed: int) -> None:
        self._open()
        try:
            for number in range(count):
                await self._sequence(random.Random(f"{seed}|{number}"))
        finally:
            self._store.close()

    def _open(self) -> None:
        self._store = AnswerStore(self._file)
        cache = AnswerCache(self._store, Tending(self._store, self._lake))
        self._cache, self._log = cache, _Log()
        self._with = Answering(self._nights, self._log, cache=cache)  # type: ignore[arg-type]
        self._afresh = Answering(self._nights, _Log())  # type: ignore[arg-type]

    async def _sequence(self, rng: random.Random) -> None:
        self._store.clear()
        # By what it was kept under: the request that made it, and the passages that it shows.
        self._alive: dict[tuple[Any, ...], tuple[str, frozenset[str]]] = {}
        self._barred: dict[tuple[Any, ...], frozenset[str]] = {}
        self._made: dict[str, Request] = {}
        self._origin: dict[str, str] = {}
        # Few, so that questions come again.
        self._asked = [(rng.choice(_ASKED), rng.choice(_WORDS)) for _ in range(2)]
        self._assistant = rng.choice(self._assistants)
        self._callers = rng.sample(_CALLERS, 2)
        for _ in range(STEPS):
            step = rng.choices(_STEPS, _WEIGHTS)[0]
            self.found.steps[step] += 1
            await self._step(step, rng)

    async def _step(self, step: str, rng: random.Random) -> None:
        if step == "ask":
            await self._ask(rng)
        elif step == "night":
            self._nights.at = rng.randrange(NIGHTS)
        elif step == "rights":
            self._rights.give(rng.choice(self._keys), rng.choice(_PRINCIPALS))
        elif step == "dislike" and self._made:
            name = rng.choice(sorted(self._made))
            self._cache.disliked(name)
            origin = self._origin[name]
            for key, (kept, shown) in list(self._alive.items()):
                if kept == origin:
                    self._barred[key] = shown
                    del self._alive[key]
        elif step == "erase user":
            user = rng.choice(_CALLERS)[0]
            gone = {name for name, one in self._made.items() if one.user_id == user}
            self._store.forget(lambda one: one.user_id == user)
            self._forgotten(gone)
        elif step == "erase document":
            key = rng.choice(self._keys)
            gone = {name for name, one in self._made.items() if key in _documents(one)}
            self._store.forget(lambda one: key in one.documents)
            self._forgotten(gone)
        elif step == "restart":
            self._store.close()
            self._open()

    def _forgotten(self, gone: Collection[str]) -> None:
        """Neither the answers are given any more, nor does a byte of them stand in the files."""
        self._alive = {key: one for key, one in self._alive.items() if one[0] not in gone}
        written = b"".join(one.read_bytes() for one in self._file.parent.glob("answers.sqlite*"))
        for name in gone:
            if name.encode() in written:
                self.found.wrong.append(f"{name} was erased, and stands in the file")

    async def _ask(self, rng: random.Random) -> None:
        assistant = self._assistant
        user, principals = rng.choice(self._callers)
        wording, word = rng.choice(self._asked)
        question = (rng.choice(_ASKED) if rng.random() < 0.4 else wording).format(word)
        messages = ({"role": "user", "content": question},)
        ask = Ask(assistant, messages, user, caller=Caller(user, principals), may_be_cached=True)
        said = await _answer(self._with, ask)
        fresh = await _answer(self._afresh, replace(ask, may_be_cached=False))
        self._made[said.request_id] = said
        self._origin[said.request_id] = said.cached or said.request_id
        for name in ("response", "status", "context", "context_hashes", "release", "prompt"):
            if getattr(said, name) != getattr(fresh, name):
                self.found.wrong.append(f"{question}: another {name} than a fresh answer's")
        plain = question.rstrip("?")
        key = (assistant.name, principals, plain[:1].lower() + plain[1:])
        self._hold(key, said, frozenset(said.context_hashes), assistant)

    def _hold(
        self, key: tuple[Any, ...], said: Request, shown: frozenset[str], assistant: Assistant
    ) -> None:
        """Hold what was said against the model, and let that learn of it."""
        kept = self._alive.get(key)
        if kept and kept[1] != shown:
            if said.status in ("answered", "refused"):
                del self._alive[key]  # looked at, and gone
            kept = None
        is_near = assistant.settings.cache.mode == "semantic"
        if said.cached:
            self.found.given += 1
            if kept is None or said.cached != kept[0]:
                self.found.near += 1
                known = {one[0]: one[1] for one in self._alive.values()}
                if not is_near or known.get(said.cached) != shown:
                    self.found.wrong.append(f"{key}: {said.cached} is given, and may not be")
        elif kept:
            self.found.wrong.append(f"{key}: {kept[0]} is not given, and might be")
        elif said.status == "answered" and self._barred.get(key) != shown:
            self._alive[key] = (said.request_id, shown)


def _documents(request: Request) -> set[Key]:
    return {(one["source"], one["doc_id"]) for one in request.details["citations"]}


async def _answer(answering: Answering, ask: Ask) -> Request:
    async with aclosing(answering.answer(ask)) as events:
        async for event in events:
            if isinstance(event, Ended):
                return event.request
    raise AssertionError("an answer has an end")
