"""What a run shows in the Prefect UI: pages, tables, pictures, links and progress.

Keys are lower-case words with hyphens. Each function also leaves a line in the run's log where a
person would look for one. Outside a flow run nothing is made.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)


def page(key: str, markdown: str, description: str) -> None:
    """A Markdown page; its first line also goes to the log."""
    create_markdown_artifact(markdown, key=key, description=description)
    get_run_logger().info(markdown.splitlines()[0].lstrip("# "))


def table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """A table that can be searched; its values must be what JSON knows."""
    create_table_artifact([dict(row) for row in rows], key=key, description=description)


def picture(key: str, png: bytes, description: str) -> None:
    """A picture, carried in the artifact itself."""
    data = base64.b64encode(png).decode()
    create_image_artifact(f"data:image/png;base64,{data}", key=key, description=description)


def link(key: str, url: str, text: str, description: str) -> None:
    """A link to a page outside of the UI."""
    create_link_artifact(url, link_text=text, key=key, description=description)


def progress(key: str, what: str, least: int = 1) -> Callable[[int, int], None]:
    """Call the result with (done, total): a progress artifact, and a log line at each tenth.

    Made at the first call, and only where `total` is at least `least`.
    """
    made: list[UUID] = []
    shown = -1

    def advance(done: int, total: int) -> None:
        nonlocal shown
        percent = 100 * done // max(total, 1)
        if total < least or percent == shown:
            return
        if made:
            update_progress_artifact(made[0], progress=float(percent))
        else:
            made.append(create_progress_artifact(float(percent), key=key, description=what))  # type: ignore[arg-type]
        if percent // 10 != shown // 10:
            get_run_logger().info("%d of %d %s", done, total, what)
        shown = percent

    return advance
