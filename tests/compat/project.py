"""A project folder and the command line on it: what the lakehouses are made and tested with."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from unittest import mock

from click.testing import CliRunner

from tests.embedding.server import serving

MODES = ("vector", "text", "hybrid")
QUESTIONS = {
    "q1": "where is the printer",
    "q2": "how is a lost badge blocked",
    "q3": "backup of the second disk",
    "q4": "parking behind the building",
}


def words(text: str, dimension: int) -> list[float]:
    """A sum of small whole numbers, some for each word.

    Products of them are exact in float32, in whatever order a processor adds them up: so a score
    has the same bits on every machine.
    """
    vector = [0.0] * (dimension - 1) + [1.0]
    for word in text.lower().split():
        digest = hashlib.sha256(word.strip(".,:#?!").encode()).digest()
        for at in range(dimension - 1):
            vector[at] += digest[at] % 7 - 3
    return vector


@contextmanager
def endpoints(base: Path) -> Iterator[None]:
    """The environment in which a project's models answer: vectors of words, and a base to tune."""
    with serving(words) as endpoint:
        environment = {
            "ALMANAC_EMBEDDER__BASE_URL": endpoint.url,
            "ALMANAC_TUNING__BASE": str(base),
            "OPENAI_API_KEY": "none",
        }
        with mock.patch.dict(os.environ, environment):
            yield


class CommandFailed(Exception):
    """A verb ended with another exit code than 0; says what it printed."""


class Project:
    """A folder with a configuration, documents, logs and a lakehouse."""

    def __init__(self, root: Path, code: Path | None = None) -> None:
        """`code` is a folder with other code than this checkout's, run in processes of its own."""
        self.root, self.code = root, code
        self.config = root / "almanac.toml"

    def almanac(self, *arguments: str) -> Any:
        """What a verb of the command line prints as JSON.

        Raises:
            CommandFailed: its exit code is not 0.
        """
        if self.code:
            return self._by_other_code(self.code, arguments)
        (main,) = entry_points(group="console_scripts", name="almanac")
        command = ["--config", str(self.config), *arguments]
        done = CliRunner().invoke(main.load(), [*command, "--json"])
        if done.exit_code:
            raise CommandFailed(f"almanac {' '.join(arguments)}: {done.output}") from done.exception
        return json.loads(done.stdout)

    def _by_other_code(self, code: Path, arguments: tuple[str, ...]) -> Any:
        from prefect.settings import get_current_settings

        start = "from almanac.cli.app import main; main()"
        command = [sys.executable, "-c", start, "--config", str(self.config), *arguments, "--json"]
        url = get_current_settings().api.url
        environment = os.environ | {"PYTHONPATH": str(code)}
        environment |= {"PREFECT_API_URL": url} if url else {}
        done = subprocess.run(
            command, cwd=code, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CommandFailed(f"almanac {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def search(self, when: str, mode: str) -> dict[str, list[list[Any]]]:
        """[chunk id, score, document] of each hit of each of QUESTIONS."""
        found = {}
        for name, text in QUESTIONS.items():
            answer = self.almanac("search", text, "-k", "8", "--mode", mode, "--as-of", when)
            hits = answer["hits"]
            found[name] = [[hit["chunk_id"], hit["score"], hit["doc_id"]] for hit in hits]
        return found

    def answers(self, when: str) -> dict[str, Any]:
        """What a date or a release answers in each mode."""
        return {mode: self.search(when, mode) for mode in MODES}

    def put(self, path: str, text: str) -> None:
        """Write a document."""
        file = self.root / "docs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def write_lines(self, name: str, rows: list[Any]) -> None:
        """Write JSON lines; a text is a line as it stands."""
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (self.root / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
