"""Every regular expression of the product, and texts that are made to slow each of them down."""

from __future__ import annotations

import ast
import importlib
import re
import re._parser as parser  # type: ignore[import-not-found]  # how `re` itself reads a pattern
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from testing.growth import Growth, growth

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("almanac", "expectations", "flows", "lakehouse", "schemas", "tasks")
# What is between two matches, or ends the text so that a match fails late.
_AROUND = ("\n", " ", "a", " \n", "a\n", "\n\n a")


@dataclass(frozen=True, slots=True)
class Used:
    """A pattern, and whether it is only ever tried at the beginning of a text."""

    pattern: re.Pattern[str]
    at_start: bool


def patterns() -> dict[str, Used]:
    """Every pattern over texts, by `module:line` or `module:NAME`."""
    found: dict[str, Used] = {}
    for path, source in _sources():
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for name, one in _compiled(module):
            known = re.match(r"\w+", name)
            found[f"{module}:{name}"] = Used(one, _only_at_start(known[0] if known else name))
        found |= {f"{module}:{line}": one for line, one in _called(ast.parse(source))}
    unique: dict[tuple[str, int, bool], str] = {}
    for name, used in found.items():
        unique.setdefault((used.pattern.pattern, used.pattern.flags, used.at_start), name)
    return {name: found[name] for name in unique.values()}


@cache
def _sources() -> list[tuple[Path, str]]:
    paths = (path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py")))
    found = ((path, path.read_text(encoding="utf-8")) for path in paths)
    return [(path, source) for path, source in found if "import re\n" in source]


def _only_at_start(name: str) -> bool:
    """Is a pattern of that name used with `match` and `fullmatch` alone, wherever it is?"""
    methods = {
        found[1] for _, source in _sources() for found in re.finditer(rf"\b{name}\.(\w+)", source)
    }
    return bool(methods) and methods <= {"match", "fullmatch"}


def _compiled(module: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    """What a module compiled when it was imported, also within its tables."""
    for name, value in vars(importlib.import_module(module)).items():
        inside = value.values() if isinstance(value, dict) else value
        every = inside if isinstance(inside, list | tuple | set | type({}.values())) else [value]
        for at, one in enumerate(every):
            if isinstance(one, re.Pattern) and isinstance(one.pattern, str):
                yield f"{name}[{at}]" if len(every) > 1 else name, one


def _called(tree: ast.AST) -> Iterator[tuple[int, Used]]:
    """Patterns that are written where they are used."""
    for node in ast.walk(tree):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if not is_call or getattr(node.func.value, "id", "") != "re" or not node.args:
            continue
        given = node.args[0]
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            flags = [ast.unparse(one.value) for one in node.keywords if one.arg == "flags"]
            value = eval(flags[0], {"re": re}) if flags else 0  # our own source
            at_start = node.func.attr in ("match", "fullmatch")
            if node.func.attr != "compile":
                yield node.lineno, Used(re.compile(given.value, value), at_start)


def pieces(pattern: re.Pattern[str]) -> list[str]:
    """What the pattern repeats, each by itself and with something between: short texts."""
    found: dict[str, None] = {}
    for body in _repeated(parser.parse(pattern.pattern, pattern.flags)):
        piece = _sample(body)
        for around in ("", *_AROUND):
            if piece + around:
                found[piece + around] = None
    whole = _sample(parser.parse(pattern.pattern, pattern.flags))
    for one in (whole, whole[:-1], whole[: len(whole) // 2]):
        if one:
            found[one] = None
    return list(found)


def _repeated(tree: Any) -> Iterator[Any]:
    for kind, value in tree:
        name = str(kind)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            if value[1] > 50:
                yield value[2]
            yield from _repeated(value[2])
        elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
            yield from _repeated(value[-1] if name == "SUBPATTERN" else value)
        elif name == "BRANCH":
            for one in value[1]:
                yield from _repeated(one)
        elif name in ("ASSERT", "ASSERT_NOT"):
            yield from _repeated(value[1])


def _sample(tree: Any) -> str:
    """A short text that the pattern matches, as far as one can be read from it."""
    return "".join(_one(str(kind), value) for kind, value in tree)


def _one(name: str, value: Any) -> str:
    if name == "LITERAL":
        return chr(value)
    if name == "ANY":
        return "a"
    if name == "NOT_LITERAL":
        return "a" if value != ord("a") else "b"
    if name == "IN":
        return _of_class(value)
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return _sample(value[2]) * min(max(value[0], 1), 8)
    if name == "SUBPATTERN":
        return _sample(value[-1])
    if name == "ATOMIC_GROUP":
        return _sample(value)
    if name == "BRANCH":
        return _sample(value[1][0])
    return ""


def _of_class(members: Iterable[tuple[Any, Any]]) -> str:
    chosen = [(str(kind), value) for kind, value in members]
    if chosen and chosen[0][0] == "NEGATE":
        source = re.compile("[^" + "".join(map(_written, chosen[1:])) + "]")
        return next(one for one in "a b\n1.-字" if source.match(one))
    kind, value = chosen[0]
    if kind == "LITERAL":
        return chr(value)
    if kind == "RANGE":
        return chr(value[0])
    return {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " ", "CATEGORY_NOT_DIGIT": "a",
            "CATEGORY_NOT_SPACE": "a", "CATEGORY_NOT_WORD": "-"}.get(str(value), "a")  # fmt: skip


def _written(member: tuple[str, Any]) -> str:
    kind, value = member
    if kind == "LITERAL":
        return re.escape(chr(value))
    if kind == "RANGE":
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    letters = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}
    short = str(value).removeprefix("CATEGORY_").removeprefix("NOT_")
    letter = letters.get(short, "")
    return f"\\{letter.upper() if 'NOT_' in str(value) else letter}" if letter else ""


def measured(name: str, used: Used, tried: Iterable[str], n: int) -> Iterator[Growth]:
    """How the search for all matches grows, or the look at the beginning, on each piece."""

    def search(text: str) -> object:
        if used.at_start:
            return used.pattern.match(text), used.pattern.fullmatch(text)
        return sum(1 for _ in used.pattern.finditer(text))

    for piece in tried:
        yield growth(name, search, piece, n, 2.0)
