"""A server over a small handbook of two releases, with a stub of a model behind it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from almanac.embedding.factory import open_encoder
from lakehouse import Lakehouse, open_lakehouse
from schemas.settings import Settings, load_settings
from testing.chat_endpoint import DIMENSION, StubModel, stub_model
from tests.releases.conftest import night

ROOT = Path(__file__).resolve().parents[2]
FIRST = {
    "travel.md": "# Travel\n\nYour manager approves travel that costs over 500 euro.\n",
    "backup.md": "# Backups\n\nA backup of the database is written nightly at two.\n",
    "hr/pay.md": "# Pay\n\nSalaries are paid on the last working day of the month.\n",
}
SECOND = {"travel.md": "# Travel\n\nThe board approves travel that costs over 900 euro.\n"}


@dataclass
class House:
    """A handbook, its lakehouse and its configuration."""

    folder: Path
    model: StubModel
    more: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    revision: str = "1"  # of the embedder: one a stub, since an encoder is opened once a process

    @property
    def config(self) -> Path:
        file = self.folder / "almanac.toml"
        if not file.exists():
            # What guards open takes seconds of each server: tests/serving/test_guards.py has them.
            # The stub says numbers that no passage has.
            guards = '{ meaning = false, question_personal = "off", answer_personal = "off", '
            guards += 'answer_grounding = "flag" }'
            guarded = f'[assistants.documents]\nendpoint = "stub"\nguards = {guards}\n'
            file.write_text(
                f'lakehouse = "lake"\n[sources.handbook]\nuri = "docs"\n{self.more}\n'
                f"{'' if '[assistants' in self.more else guarded}"
                f'[endpoints.stub]\nbase_url = "{self.model.url}"\nmodel = "stub-1"\n'
                "first_token_seconds = 5\n[serving]\npoll_seconds = 0.2\n"
                f'[embedder]\nprovider = "openai"\nbase_url = "{self.model.url}"\n'
                f'model = "words"\nrevision = "{self.revision}"\ndimension = {DIMENSION}\n'
            )
        return file

    @property
    def settings(self) -> Settings:
        return load_settings(self.config)

    @property
    def lake(self) -> Lakehouse:
        return open_lakehouse(str(self.folder / "lake"))

    def write(self, documents: dict[str, str]) -> None:
        for name, text in documents.items():
            file = self.folder / "docs" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def night(self, day: str, documents: dict[str, str]) -> None:
        """Publish the documents as of the end of a day, without Prefect."""
        self.write(documents)
        moment = datetime.fromisoformat(f"{day}T23:00:00").replace(tzinfo=UTC)
        night(self.settings, moment, open_encoder(self.settings.embedder))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "almanac", "--config", str(self.config), *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=self._environment,
            text=True,
            capture_output=True,
            check=False,
            timeout=120,
        )

    @contextmanager
    def served(self, *arguments: str) -> Iterator[Served]:
        """`almanac serve` from its first line to its end."""
        process = subprocess.Popen(
            self.command("serve", "--port", "0", "--json", *arguments),
            cwd=ROOT,
            env=self._environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=(self.folder / "serve.log").open("w"),
        )
        assert process.stdout
        line = process.stdout.readline()
        assert line, (self.folder / "serve.log").read_text()
        ready = json.loads(line)
        with httpx.Client(base_url=ready["address"], timeout=30) as client:
            yield Served(self, process, ready["address"], ready, client)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)

    @property
    def _environment(self) -> dict[str, str]:
        plain = {key: value for key, value in os.environ.items() if not key.startswith("ALMANAC_")}
        return plain | {"OMP_NUM_THREADS": "1"} | self.environment


@dataclass
class Served:
    """A server that answers."""

    house: House
    process: subprocess.Popen[str]
    address: str
    ready: dict[str, Any]
    client: httpx.Client

    def chat(self, question: str, **more: Any) -> httpx.Response:
        messages = [{"role": "user", "content": question}]
        body = {"model": "documents", "messages": messages} | more
        return self.client.post("/v1/chat/completions", json=body)

    def events(self, question: str, **more: Any) -> list[dict[str, Any]]:
        """Every event of a streamed answer but the mark of its end, which must be there."""
        response = self.chat(question, stream=True, **more)
        parts = [part.removeprefix("data: ") for part in response.text.split("\n\n") if part]
        assert parts.pop() == "[DONE]", parts
        return [json.loads(part) for part in parts]

    def agent(self, tool: str, values: dict[str, Any], key: str | None = None) -> str:
        """What a tool says to an agent that comes over HTTP."""
        return asyncio.run(_call_tool(f"{self.address}/mcp", tool, values, key))


async def _call_tool(address: str, tool: str, values: dict[str, Any], key: str | None) -> str:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        httpx.AsyncClient(headers=headers, timeout=30) as client,
        streamable_http_client(address, http_client=client) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        await session.initialize()
        return (await session.call_tool(tool, values)).model_dump_json()


def text_of(events: list[dict[str, Any]]) -> str:
    """The words of a stream."""
    choices = [event["choices"][0] for event in events if event.get("choices")]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@pytest.fixture(scope="session")
def model() -> Iterator[StubModel]:
    with stub_model() as model:
        yield model


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, model: StubModel) -> House:
    house = House(tmp_path_factory.mktemp("serving"), model)
    house.night("2026-03-01", FIRST)
    house.night("2026-03-02", SECOND)
    return house


@pytest.fixture(scope="module")
def served(house: House) -> Iterator[Served]:
    with house.served() as served:
        yield served
