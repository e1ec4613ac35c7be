"""The options that say which documents a search is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import click

_DAY = click.DateTime(["%Y-%m-%d"])
_OPTIONS = (
    click.option(
        "--source", "sources", multiple=True, metavar="NAME", help="Of this source. Repeatable."
    ),
    click.option(
        "--path",
        "paths",
        multiple=True,
        metavar="GLOB",
        help="Whose id matches, as in hr/** or *.pdf. Repeatable.",
    ),
    click.option(
        "--field",
        "fields",
        multiple=True,
        metavar="NAME=VALUE",
        help="Whose metadata has this, as tags=travel. Repeatable: all of them.",
    ),
    click.option("--after", type=_DAY, help="Whose metadata's date is this day or later."),
    click.option("--before", type=_DAY, help="Whose metadata's date is this day or before."),
)


def filtered(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options, as one argument `filters`."""

    @wraps(verb)
    def command(
        sources: tuple[str, ...],
        paths: tuple[str, ...],
        fields: tuple[str, ...],
        after: datetime | None,
        before: datetime | None,
        **given: Any,
    ) -> None:
        from almanac.cli.options import one_line_errors
        from almanac.retrieval.filters import Filters, parse_fields

        with one_line_errors():
            days = [day.date() if day else None for day in (after, before)]
            filters = Filters(sources, paths, parse_fields(fields), *days)
        verb(**given, filters=filters)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command
