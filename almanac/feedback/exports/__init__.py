"""Readers for what other tools export: one a tool, told by what is in a row.

To add one: a module with `matches` and `records` (see `Export`), and a line in `EXPORTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from almanac.feedback.exports import (
    labelstudio,
    langfuse,
    langsmith,
    openwebui,
    phoenix,
    preferences,
)
from almanac.feedback.record import Record
from almanac.feedback.traces import Traces

Row = Mapping[str, Any]


def _nothing(row: Row, traces: Traces) -> None:
    """Most exports hold all of a request in its own row."""


@dataclass(frozen=True, slots=True)
class Export:
    """How rows of one tool are told and read.

    matches: is the row one of this tool? records: its requests and votes. index: what other rows
    need to know of it; called for all rows first.
    """

    name: str
    matches: Callable[[Row], bool]
    records: Callable[[Row, Traces], Iterator[Record]]
    index: Callable[[Row, Traces], None] = _nothing


EXPORTS = (
    Export("Langfuse traces", langfuse.is_trace, langfuse.of_trace),
    Export("Langfuse scores", langfuse.is_score, langfuse.of_score),
    Export("Open WebUI feedback", openwebui.is_feedback, openwebui.of_feedback),
    Export("Open WebUI chats", openwebui.is_chat, openwebui.of_chat),
    Export("LangSmith runs", langsmith.is_run, langsmith.of_run, langsmith.index),
    Export("LangSmith feedback", langsmith.is_feedback, langsmith.of_feedback),
    Export("Phoenix annotations", phoenix.is_annotation, phoenix.of_annotation),
    Export("Label Studio tasks", labelstudio.is_task, labelstudio.of_task),
    Export("trl preferences", preferences.is_pair, preferences.of_pair),
    Export("trl unpaired preferences", preferences.is_unpaired, preferences.of_unpaired),
)


def export_of(row: Row) -> Export | None:
    """The tool that wrote a row; None for a row of Almanac's own fields, or of columns unknown."""
    if "request_id" in row:
        return None
    return next((export for export in EXPORTS if export.matches(row)), None)
