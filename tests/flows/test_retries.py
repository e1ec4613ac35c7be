"""What the outside breaks is tried again; what is refused for a reason is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from schemas.errors import SourceUnavailable
from tests.flows.conftest import House

pytestmark = pytest.mark.slow
ITEMS = b"id,title,text\n1,Badges,A badge opens the door.\n2,Keys,A key opens the cabinet.\n"


class FlakyServer(ThreadingHTTPServer):
    """Serves one table, after as many failures of its content as it is told."""

    def __init__(self, failures: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.failures = failures
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/items.csv"


class _Handler(BaseHTTPRequestHandler):
    server: FlakyServer

    def do_HEAD(self) -> None:
        self._head(200)

    def do_GET(self) -> None:
        self.server.asked += 1
        if self.server.asked <= self.server.failures:
            self._head(503)
            return
        self._head(200)
        self.wfile.write(ITEMS)

    def _head(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(ITEMS)) if status == 200 else "0")
        self.send_header("ETag", '"first"')
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def flaky() -> Iterator[FlakyServer]:
    server = FlakyServer(failures=2)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_source_that_fails_for_a_while_is_read_in_the_end(
    house: House, flaky: FlakyServer
) -> None:
    report = house.nightly(source=flaky.url)
    assert report["published"]
    assert {doc_id for doc_id, _ in house.index_rows()} == {"1", "2"}
    assert flaky.asked > 2
    asked = flaky.asked
    assert house.nightly(source=flaky.url)["documents"]["unchanged"] == 2
    assert flaky.asked == asked  # the ETag said that nothing changed


def test_a_source_that_is_not_there_is_not_tried_again(house: House) -> None:
    with pytest.raises(SourceUnavailable):
        house.nightly(source=str(house.docs / "nowhere"))
    assert [run["status"] for run in house.lake.runs.rows()] == ["failed"]
    assert _tries_of("read-and-validate") == 1


def _tries_of(task: str) -> int:
    """How often the task of that name ran in the newest flow run."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import TaskRunSort

    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(sort=TaskRunSort.EXPECTED_START_TIME_DESC, limit=20)
    return next(run.run_count for run in runs if run.name.startswith(task))
