"""The REST API of a Prefect server, as a test or a benchmark asks it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import httpx

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
T = TypeVar("T")


def until(look: Callable[[], T | None], seconds: float = 120, what: str = "an answer") -> T:
    """What `look` finds, once it finds something; connections that fail are tried again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except (OSError, httpx.TransportError):
            pass
        time.sleep(0.3)
    raise AssertionError(f"{what}: not in {seconds:g} s")


class Api:
    """What a test asks of the server, in its own words."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/", timeout=300)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self._http.request(method, path, **more)
        for pause in (1, 2, 4, 8):
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:  # its SQLite was busy
                break
            time.sleep(pause)
            answer = self._http.request(method, path, **more)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def post(self, path: str, **body: Any) -> Any:
        return self.ask("POST", path, json=body)

    def get(self, path: str, **query: Any) -> Any:
        return self.ask("GET", path, params=query)

    def start(self, deployment: str, **more: Any) -> str:
        """Create a run of flow/name; its id. `more` is what the API takes, such as parameters."""
        found = self.get(f"deployments/name/{deployment}")["id"]
        made: str = self.post(f"deployments/{found}/create_flow_run", **more)["id"]
        return made

    def run(self, run: str | UUID) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"flow_runs/{run}")
        return found

    def wait(self, run: str, *states: str, seconds: float = 300) -> dict[str, Any]:
        """Wait until the run is in one of these states, by name."""

        def there() -> dict[str, Any] | None:
            found = self.run(run)
            return found if found["state_name"] in states else None

        return until(there, seconds, f"run {run} in {states}, now {self.run(run)['state_name']}")

    def ended(self, run: str, seconds: float = 300) -> dict[str, Any]:
        """Wait until the run has ended, however; its state."""

        def there() -> dict[str, Any] | None:
            state: dict[str, Any] = self.run(run)["state"]
            return state if state["type"] in ENDED else None

        return until(there, seconds, f"the end of run {run}")

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """All runs of flow/name, newest first."""
        name = deployment.partition("/")[2]
        found: list[dict[str, Any]] = self.post(
            "flow_runs/filter",
            deployments={"name": {"any_": [name]}},
            sort="EXPECTED_START_TIME_DESC",
        )
        return found

    def again(self, run: str) -> dict[str, Any] | None:
        """The second attempt at a run, if there is one."""
        key = {"idempotency_key": {"any_": [f"again-{run}"]}}
        found = self.post("flow_runs/filter", flow_runs=key)
        assert len(found) <= 1
        return found[0] if found else None
