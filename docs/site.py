"""The parts of the documentation site that are made, not written: hooks of MkDocs (`make docs`).

README.md, CHANGELOG.md and the like are pages too, though they lie above docs/; links to files that
are no page lose their address. The reference of verbs, of the Python interface and of HTTP is made
from the code.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
# Pages above docs/, by where they lie in the repository.
ABOVE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "sample/README.md": "sample.md",
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_SOURCE = re.compile(r'src="([^"]+)"')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages above docs/ and the reference."""
    pages = {there: (ROOT / here).read_text("utf-8") for here, there in ABOVE.items()}
    pages |= {"verbs.md": verbs(), "python.md": python_interface(), "http.md": http_interface()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links as GitHub follows them into links of the site."""
    back = {there: here for here, there in ABOVE.items()}
    name = page.file.src_uri
    folder = os.path.dirname(back.get(name, f"docs/{name}"))  # noqa: PTH120 - no path of a disk

    def moved(address: str) -> str | None:
        """Where a link leads on the site; None for a file that is no part of it."""
        if re.match(r"[a-z]+:|#", address):
            return address
        path, hash_sign, anchor = address.partition("#")
        target = os.path.normpath(os.path.join(folder, path))  # noqa: PTH118
        there = ABOVE.get(target, target.removeprefix("docs/") if target != "." else "")
        if files.get_file_from_path(there) is None:
            return None
        start = os.path.dirname(name) or "."  # noqa: PTH120
        return os.path.relpath(there, start) + hash_sign + anchor

    def link(found: re.Match[str]) -> str:
        address = moved(found[3])
        return found[2] if address is None else f"{found[1]}[{found[2]}]({address})"

    def source(found: re.Match[str]) -> str:
        address = moved(found[1])
        # MkDocs leaves HTML alone, and a page is a folder of its own.
        return found[0] if address is None or name == "index.md" else f'src="../{address}"'

    def image(found: re.Match[str]) -> str:
        return f'src="{found[1].removeprefix("docs/")}"'

    text = _LINK.sub(link, markdown)
    return _SOURCE.sub(image if name == "index.md" else source, text)


def verbs() -> str:
    """Every verb with its options, as `--help` has them."""
    from almanac.cli.app import main

    lines = ["# Verbs and options", "", "Made from the command line itself.", ""]
    for path, command in _commands("almanac", main):
        context = click.Context(command, info_name=path)
        lines += [f"## {path}", "", inspect.cleandoc(command.help or ""), ""]
        usage = " ".join(command.collect_usage_pieces(context))
        lines += ["```", f"{path} {usage}", "```", ""]
        rows = [
            record
            for one in command.get_params(context)
            if (record := one.get_help_record(context))
        ]
        if rows:
            lines += ["| option | meaning |", "| --- | --- |"]
            lines += [f"| `{_cell(name)}` | {_cell(meaning)} |" for name, meaning in rows]
            lines.append("")
    return "\n".join(lines)


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name in sorted(command.commands):
        yield from _commands(f"{path} {name}", command.commands[name])


def python_interface() -> str:
    """What an application imports, from the docstrings."""
    from almanac import client
    from lakehouse import AsOf, open_lakehouse
    from lakehouse.search import IndexReader

    lines = ["# Python", "", "Made from the docstrings.", ""]
    for thing in (open_lakehouse, client.log_request, client.log_vote):
        lines += _described(thing, f"{thing.__module__.split('.')[0]}.{thing.__name__}", "##")
    for kind in (AsOf, IndexReader):
        lines += [f"## {kind.__name__}", "", inspect.getdoc(kind) or "", ""]
        for name, member in vars(kind).items():
            function = getattr(member, "func", getattr(member, "fget", member))
            if not name.startswith("_") and inspect.isfunction(function) and function.__doc__:
                lines += _described(function, f"{kind.__name__}.{name}", "###")
    return "\n".join(lines)


def _described(function: Any, name: str, level: str) -> list[str]:
    signature = str(inspect.signature(function)).replace("'", "")
    text = inspect.getdoc(function) or ""
    first, _, rest = text.partition("\n\n")
    more = ["```text", rest, "```", ""] if rest else []
    return [f"{level} {name}", "", "```python", f"{name}{signature}", "```", "", first, "", *more]


def http_interface() -> str:
    """The routes of `almanac serve`, from its OpenAPI description."""
    from almanac.serving.app import application
    from almanac.serving.metrics import Metrics
    from schemas.settings import Settings

    service: Any = SimpleNamespace(settings=Settings(), metrics=Metrics(), is_public=True)
    described = application(service).openapi()
    lines = [
        "# HTTP",
        "",
        "Made from the server's OpenAPI description (`/docs` of a running one).",
        "",
    ]
    for path, methods in sorted(described["paths"].items()):
        for method, route in methods.items():
            lines += [f"## {method.upper()} {path}", "", route.get("description", ""), ""]
            body = route.get("requestBody", {}).get("content", {}).get("application/json", {})
            rows = [
                (one["name"], one["in"], one.get("required"), one.get("description", ""))
                for one in route.get("parameters", ())
            ]
            shape = described["components"]["schemas"].get(
                body.get("schema", {}).get("$ref", "").rpartition("/")[2], {}
            )
            rows += [
                (name, "body", name in shape.get("required", ()), one.get("description", ""))
                for name, one in shape.get("properties", {}).items()
            ]
            if rows:
                lines += ["| name | in | required | meaning |", "| --- | --- | --- | --- |"]
                lines += [
                    f"| `{name}` | {place} | {'yes' if required else ''} | {_cell(meaning)} |"
                    for name, place, required, meaning in rows
                ]
                lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
