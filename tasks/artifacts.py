"""What a run shows in the Prefect UI: pages, tables, pictures, links and progress.

Keys are lower-case words with hyphens. Each function also leaves a line in the run's log where a
person would look for one. Outside a flow run nothing is made. Prefect stores larger artifacts and
then refuses their event (3 MB), so that no automation hears of them: what is too large is cut, and
says so.
"""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from prefect import get_run_logger, runtime
from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.settings import get_current_settings

from almanac.core.markdown import Markup, code, quoted
from almanac.core.markdown import link as markdown_link
from almanac.core.progress import advanced
from schemas.times import isoformat
from tasks import next_steps

_BYTES = 1_000_000  # of one artifact
_ROWS = 1_000  # of one table: a browser draws them all
_TEXT = 2_000  # characters in one cell
_MOVES_AFTER = 2.0  # seconds between two signs of progress
_EXPLAIN = {"nightly-report", "backfill-report", "verify-report", "doctor-report"}  # a failure too


@contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Around what is made for people alone: where it cannot be, the log says so, and no more."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (whatever it is, the run's work is worth more)
        get_run_logger().warning("%s cannot be shown: %s", what, error, exc_info=True)


def page(key: str, markdown: str, description: str) -> None:
    """A Markdown page; its first line also goes to the log."""
    create_markdown_artifact(_cut(markdown), key=key, description=description)
    get_run_logger().info(markdown.splitlines()[0].lstrip("# "))


def table(
    key: str,
    rows: Sequence[Mapping[str, Any]],
    description: str,
    every: str = "",
    total: int | None = None,
) -> None:
    """A table that can be searched. Too many rows are cut; `every` is the command for all.

    Args:
        rows: the first of `total`; all of them where that is None.
    """
    kept = _within([{name: _plain(row[name]) for name in row} for row in rows[:_ROWS]])
    number = len(rows) if total is None else total
    if len(kept) < number:
        all_of_them = f"; all of them: {every}" if every else ""
        description += f" (the first {len(kept):,} of {number:,}{all_of_them})"
    create_table_artifact(kept, key=key, description=description)
    get_run_logger().info("Table %s: %d of %d rows", key, len(kept), number)


def picture(key: str, png: bytes, description: str) -> None:
    """A picture, carried in the artifact itself."""
    data = base64.b64encode(png).decode()
    if len(data) > _BYTES:
        get_run_logger().warning("Picture %s has %d bytes: too large to be shown", key, len(png))
        return
    create_image_artifact(f"data:image/png;base64,{data}", key=key, description=description)


def link(key: str, url: str, text: str, description: str) -> None:
    """A link to a page outside of the UI."""
    create_link_artifact(url, link_text=text, key=key, description=description)


def run_link(run_id: str) -> Markup:
    """A run's id, with a link to its page where the run is Prefect's and there is a server."""
    url = run_url(run_id)
    return markdown_link(url, run_id[:8]) if url else code(run_id)


def run_url(run_id: str) -> str | None:
    """The address of a flow run's page; None where there is none."""
    address = get_current_settings().ui_url
    try:
        name = UUID(run_id)
    except ValueError:
        return None
    return f"{address.rstrip('/')}/v2/runs/flow-run/{name}" if address else None


def has_ui() -> bool:
    """Is there a server whose UI shows what is made here? Pictures are for people alone."""
    return bool(get_current_settings().ui_url)


def form(text: str, changed: Mapping[str, Any]) -> Markup:
    """A link to this deployment's form, filled as this run was but for what is `changed`.

    Empty for a run without a deployment or without a server, and for one below another run: the
    deployment that Prefect names there is that of the run above.
    """
    if runtime.flow_run.parent_flow_run_id:
        return Markup("")
    return _form(runtime.deployment.id, runtime.flow_run.parameters, text, changed)


def _form(
    deployment: Any, parameters: Mapping[str, Any], text: str, changed: Mapping[str, Any]
) -> Markup:
    address = get_current_settings().ui_url
    if not address or not deployment:
        return Markup("")
    filled = {name: value for name, value in {**parameters, **changed}.items() if value is not None}
    return markdown_link(
        f"{address.rstrip('/')}/v2/deployments/deployment/{deployment}/run?parameters="
        f"{quote(json.dumps(filled, default=str), safe='')}",
        text,
    )


def explain(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Why a run failed and what to do next, as a page; unless one of its own says that already.

    A hook: `@flow(on_failure=[showing.explain])`. It also speaks for parameters that were refused.
    """
    error = state.result(raise_on_failure=False)
    reason = str(error) if isinstance(error, Exception) else state.message or "no reason"
    steps = next_steps.after_failure(
        error if isinstance(error, Exception) else RuntimeError(reason),
        lambda text, changed: _form(flow_run.deployment_id, flow_run.parameters, text, changed),
    )
    own = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run.id]))
    with get_client(sync_client=True) as client:
        if any(one.key in _EXPLAIN for one in client.read_artifacts(artifact_filter=own)):
            return
        made = ArtifactCreate(
            key="what-next",
            type="markdown",
            flow_run_id=flow_run.id,
            description=f"{flow.name} failed",
            data="\n".join(
                [
                    f"# The {flow.name} run stopped",
                    "",
                    quoted(reason, 2_000),
                    "",
                    "## What to do next",
                    "",
                    *(f"- {line}" for line in steps),
                ]
            ),
        )
        client.create_artifact(made)


def progress(key: str, what: str, least: int = 1) -> Callable[[int, int], None]:
    """Call the result with (done, total): a progress artifact, and a log line at each tenth.

    Made at the first call, and only where `total` is at least `least`. It moves every two seconds,
    and at the end: each time costs the server some 10 ms of its processor.
    """
    made: list[UUID] = []
    logged, moved_at = -1, 0.0

    def advance(done: int, total: int) -> None:
        nonlocal logged, moved_at
        advanced(what, done, total)
        if total < least:
            return
        percent, now = min(100, 100 * done // max(total, 1)), time.monotonic()
        if not made:
            made.append(create_progress_artifact(float(percent), key=key, description=what))  # type: ignore[arg-type]
            moved_at = now
        elif now >= moved_at + _MOVES_AFTER or (done >= total and percent > logged):
            update_progress_artifact(made[0], progress=float(percent))
            moved_at = now
        if percent // 10 > logged // 10 or (done >= total and percent > logged):
            get_run_logger().info("%d of %d %s", done, total, what)
            logged = percent

    return advance


def _cut(markdown: str) -> str:
    """The page as far as it fits, to the end of a line."""
    data = markdown.encode("utf-8")
    if len(data) <= _BYTES:
        return markdown
    kept = data[: data.rfind(b"\n", 0, _BYTES)].decode("utf-8", "ignore")
    said = f"This page was cut: the first {len(kept):,} of {len(markdown):,} characters"
    return f"{kept}\n\n{said}; the command line has all of it, with `--json`.\n"


def _within(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first rows that together stay below the limit."""
    size = 0
    for at, row in enumerate(rows):
        size += len(json.dumps(row))
        if size > _BYTES:
            return rows[:at]
    return rows


def _plain(value: Any) -> Any:
    """A cell as JSON knows it and a browser reads it: no NaN, no date, no nested value."""
    if hasattr(value, "item"):  # of numpy
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return isoformat(value)
    if isinstance(value, date):
        return value.isoformat()
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
