"""Secrets of the configuration and the environment stay there, whatever happens to a run."""

from __future__ import annotations

import base64
import json
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from almanac.sources.reading import read_file
from schemas.documents import SourceFile
from schemas.errors import AlmanacError
from schemas.settings import SourceSettings
from tests.dataset.logged import asked, vote
from tests.embedding import server as embedding
from tests.flows.conftest import House
from tests.llm import server as chat

pytestmark = pytest.mark.slow
EMBEDDER_KEY = "sk-planted0embedder0key"
JUDGE_KEY = "sk-planted0judge0key"
LAKE_SECRET = "planted0lakehouse0secret"
CLOUD_SECRET = "planted0environment0secret"
SOURCE_SECRET = "planted0source0secret"
PASSWORD = "planted0address0password"
SIGNATURE = "planted0address0signature"
ALARM_TOKEN = "planted0alarms0token"
NO_TEXT = 8264826482648264  # a secret that somebody wrote without quotes
PLANTED = {
    value: base64.b64encode(value.encode()).decode().rstrip("=")
    for value in (
        EMBEDDER_KEY,
        JUDGE_KEY,
        LAKE_SECRET,
        CLOUD_SECRET,
        SOURCE_SECRET,
        PASSWORD,
        SIGNATURE,
        ALARM_TOKEN,
        str(NO_TEXT),
    )
}
COOKIES = json.dumps({"cookies": {"session": SOURCE_SECRET}})
NOWHERE = "127.0.0.1:9"  # the port for discarding: nothing listens
QUESTION = "Who approves travel in the branch office?"
TRAVEL = "# Travel\n\nThe head of the department approves travel in the branch office.\n"


@dataclass
class Said:
    """All that could be seen of the runs by somebody who may not see the secrets."""

    texts: list[str] = field(default_factory=list)

    def run(self, flow: Any, house: House, **parameters: Any) -> str:
        """How a run ended, from its report or its error."""
        try:
            report = flow(config=str(house.config), **parameters)
        except AlmanacError as error:
            self.texts += [str(error), repr(error)]
            return type(error).__name__
        self.texts.append(json.dumps(report, default=str))
        return str(report.get("published", "done"))


@pytest.fixture
def secretive(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[House, embedding.Endpoint, chat.ChatEndpoint]]:
    """A house whose every setting that takes a secret holds one."""
    for name, value in {
        "EMBEDDER_KEY": EMBEDDER_KEY,
        "JUDGE_KEY": JUDGE_KEY,
        "AWS_SECRET_ACCESS_KEY": CLOUD_SECRET,
        "ALMANAC_ALARMS__ADDRESS": f"https://hooks.example.com/{ALARM_TOKEN}",
    }.items():
        monkeypatch.setenv(name, value)
    with (
        embedding.serving() as vectors,
        chat.serving(chat.status(401, f"no: {JUDGE_KEY}")) as judge,
    ):
        house.configure(
            f"[sources.documents.storage_options]\nclient_kwargs = '{COOKIES}'\n"
            f'[storage_options]\nAWS_SECRET_ACCESS_KEY = "{LAKE_SECRET}"\n'
            f'[embedder]\nprovider = "openai"\nmodel = "m"\nbase_url = "{vectors.url}"\n'
            'api_key_env = "EMBEDDER_KEY"\ndimension = 4\nmax_retries = 0\n'
            f'[judge]\nmodel = "j"\nbase_url = "{judge.url}"\napi_key_env = "JUDGE_KEY"\n'
            "max_retries = 0\n"
        )
        house.put("travel.md", TRAVEL)
        yield house, vectors, judge


@pytest.fixture
def logged_by_the_server(prefect_api: None) -> Iterator[Path]:
    """The database of the Prefect server, which gets the log too."""
    from prefect.settings import (
        PREFECT_LOGGING_TO_API_ENABLED,
        get_current_settings,
        temporary_settings,
    )

    url = get_current_settings().server.database.connection_url
    assert url is not None
    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: True}):
        yield Path(url.get_secret_value().partition(":///")[2])


def test_no_secret_is_seen(
    logged_by_the_server: Path,
    secretive: tuple[House, embedding.Endpoint, chat.ChatEndpoint],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from flows.feedback import feedback
    from flows.nightly import nightly

    house, vectors, judge = secretive
    said = Said()
    assert said.run(nightly, house, as_of=house.at(1)) == "True"
    assert vectors.keys[-1] == f"Bearer {EMBEDDER_KEY}"  # it is used, so it could be seen

    house.put("mail.md", "# Mail\n\nOpen the settings of the phone.\n")
    vectors.faults = [embedding.status(401, text=f"the key {EMBEDDER_KEY} is wrong")] * 9
    assert said.run(nightly, house, as_of=house.at(2)) == "EmbeddingFailed"
    vectors.faults.clear()

    log, votes = _disliked(tmp_path)
    assert said.run(feedback, house, log=log, votes=votes) == "done"
    assert judge.keys[-1] == f"Bearer {JUDGE_KEY}"

    right = house.config.read_text()
    with _reading_room() as room:
        address = f"http://reader:{PASSWORD}@127.0.0.1:{room.server_port}/docs/"
        house.config.write_text(right.replace('uri = "docs"', f'uri = "{address}"'))
        ended = said.run(nightly, house, as_of=house.at(3), accept_losses=True)
    assert ended == "True"
    assert room.refused
    bare = right.replace("client_kwargs", "# client_kwargs")
    for address in _addresses():
        house.config.write_text(bare.replace('uri = "docs"', f'uri = "{address}"'))
        assert said.run(nightly, house, as_of=house.at(4)) == "SourceUnavailable", address
    house.config.write_text(right.replace(f"'{COOKIES}'", str(NO_TEXT)))
    assert said.run(nightly, house, as_of=house.at(4)) == "ConfigError"

    marker = f"is this ever seen {time.time_ns()}"
    said.run(nightly, house, as_of=house.at(4), source=marker)
    _wait_until_logged(logged_by_the_server, marker)
    captured = capfd.readouterr()
    places = {
        "reports and errors": "\n".join(said.texts),
        "what was printed": captured.out + captured.err,
    }
    seen = {place: _found(text.encode()) for place, text in places.items()}
    for folder in (logged_by_the_server.parent, tmp_path / "lake", _results()):
        seen |= {
            str(file): _found(file.read_bytes()) for file in folder.rglob("*") if file.is_file()
        }
    assert {place: found for place, found in seen.items() if found} == {}


def test_a_broken_read_repeats_no_secret_in_its_traceback() -> None:
    """Which Prefect stores; and it tries the read again, so that it comes several times."""
    with _reading_room() as room:
        uri = f"http://reader:{PASSWORD}@127.0.0.1:{room.server_port}/broken.csv?sig={SIGNATURE}"
        source = SourceSettings(uri=uri)
        with pytest.raises(OSError, match="500") as error:
            read_file(source, SourceFile("broken.csv", 1, None))
    told = "".join(traceback.format_exception(error.value))
    assert "broken.csv" in told
    assert _found(told.encode()) == []


class ReadingRoom(ThreadingHTTPServer):
    """Two documents for whoever has the password; one of them is refused all the same."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Reader)
        self.refused = 0


class _Reader(BaseHTTPRequestHandler):
    server: ReadingRoom
    pages: ClassVar = {
        "/docs/": b'<a href="open.md">open</a> <a href="closed.md">closed</a>',
        "/docs/open.md": b"# Badges\n\nA badge opens the door of the archive.\n",
    }

    def do_GET(self) -> None:
        expected = base64.b64encode(f"reader:{PASSWORD}".encode()).decode()
        page = self.pages.get(self.path.partition("?")[0])
        if self.headers["Authorization"] != f"Basic {expected}":
            self._answer(401, b"")
        elif "broken" in self.path:
            self._answer(500, b"")
        elif page is None:
            self.server.refused += self.command == "GET"
            self._answer(403, f"{self.path} {PASSWORD} {SIGNATURE}".encode())
        else:
            self._answer(200, page)

    do_HEAD = do_GET

    def _answer(self, status: int, page: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def _reading_room() -> Iterator[ReadingRoom]:
    server = ReadingRoom()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _disliked(folder: Path) -> tuple[str, str]:
    """A request and its dislike without a correction, which only a judge can decide."""
    request = asked(0, question=QUESTION, response="Nobody approves travel.")
    said = vote(request, -1)
    log, votes = folder / "log.jsonl", folder / "votes.jsonl"
    log.write_text(json.dumps(request.as_row()))
    row = {"request_id": said.request_id, "user_id": said.user_id, "rating": -1}
    votes.write_text(json.dumps(row | {"rated_at": said.rated_at.isoformat()}))
    return str(log), str(votes)


def _addresses() -> Iterator[str]:
    """Of sources that cannot be reached, with credentials in them."""
    yield f"http://reader:{PASSWORD}@{NOWHERE}/docs/?sig={SIGNATURE}"
    yield f"http://reader:{PASSWORD}@{NOWHERE}/items.csv?X-Amz-Signature={SIGNATURE}"
    yield f"ftp://reader:{PASSWORD}@{NOWHERE}/docs"
    yield f"nonsense://reader:{PASSWORD}@{NOWHERE}/docs?token={SIGNATURE}"


def _found(data: bytes) -> list[str]:
    """The secrets in it, as they are or in base64, as a header has them."""
    return [one for one, coded in PLANTED.items() if one.encode() in data or coded.encode() in data]


def _results() -> Path:
    """Where Prefect stores results of runs."""
    from prefect.settings import get_current_settings

    return get_current_settings().home / "storage"


def _wait_until_logged(database: Path, marker: str) -> None:
    """Until the log of the last run stands in the database, which is thus what is looked at."""
    from prefect.logging.handlers import APILogHandler

    APILogHandler().flush()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        files = database.parent.glob(f"{database.name}*")
        if any(marker.encode() in file.read_bytes() for file in files):
            return
        time.sleep(0.5)
    raise AssertionError("the log of a run did not come into the database")
