"""`almanac init`: a first almanac.toml."""

from __future__ import annotations

from pathlib import Path

import click

from almanac.cli.options import given_options, located, one_line_errors
from schemas.errors import AlmanacError
from schemas.secrets import refuse_credentials
from schemas.settings import DEFAULT_FILE
from schemas.template import template

_NEXT = """\
Wrote {file}, which reads {source}; every other setting stands in it, commented out.
Next: almanac plan      what a first night would do, at no cost
      almanac nightly   read, index, publish
      almanac search "a question"
"""


@click.command()
@click.option(
    "--source", default="./docs", show_default=True, metavar="PATH_OR_URL", help="What to read."
)
@located
def init(source: str) -> None:
    """Write a commented almanac.toml with every setting; never over one that is there."""
    with one_line_errors():
        file = Path(given_options()["config"] or DEFAULT_FILE)
        refuse_credentials(source)
        _write(file, template(source))
    click.echo(_NEXT.format(file=file, source=source), nl=False)
    if "://" not in source and not (file.parent / Path(source).expanduser()).exists():
        click.echo(f"There is no {source} yet: make it, or correct uri in {file}.")


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise AlmanacError(
            f"{file} is there already and was left as it is: move it away first, or name another "
            "file with --config"
        ) from None
    except OSError as error:
        raise AlmanacError(f"{file} cannot be written: {error.strerror}") from None


VERBS = (init,)
