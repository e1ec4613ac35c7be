"""The parser process: reads files on stdin, answers on stdout, knows nothing of the rest.

A request is one line of JSON, {"format", "size", "timeout", "options", "columns"}, and `size` bytes
of the file.
The answer is one line of JSON: {"parsed": {...}}, {"rows": [...]} or {"refused": {...}}.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
from dataclasses import asdict
from typing import Any, BinaryIO

from almanac.sources.formats import HTML, format_named
from almanac.sources.isolation import OUT_OF_MEMORY
from almanac.sources.jsonsafe import json_safe
from almanac.sources.parsed import Note, Options, Row, Unreadable
from schemas.settings import Columns

_GRACE_SECONDS = 10


def main() -> None:
    """Answer requests until stdin ends. The only argument is the memory limit in bytes."""
    _limit_memory(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the parent to handle
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not garble the answers
    HTML.parse(b"<p>", Options())  # compiles the selectors, so that no file waits for it
    gc.freeze()
    gc.disable()  # trees of many nodes are built and dropped whole; collecting within costs half
    _send(answers, {"ready": True})
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        # The parent ends us at the time limit; should it die meanwhile, this does.
        signal.setitimer(signal.ITIMER_REAL, request["timeout"] + _GRACE_SECONDS)
        try:
            answer = _answer(request, sys.stdin.buffer.read(request["size"]))
        except MemoryError:  # nothing is certain any more
            raise SystemExit(OUT_OF_MEMORY) from None
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(answers, answer)
        gc.collect()


def _limit_memory(limit: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _send(answers: BinaryIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode("ascii") + b"\n")
    answers.flush()


def _answer(request: dict[str, Any], data: bytes) -> dict[str, Any]:
    try:
        read_as = format_named(request["format"])
        if read_as.is_table:
            rows, _ = read_as.rows(data, Columns(**request["columns"]))
            return {"rows": [asdict(_sendable(row)) for row in rows]}
        return {"parsed": asdict(read_as.parse(data, _options(request["options"])))}
    except Unreadable as refusal:
        return {"refused": asdict(refusal.note)}
    except MemoryError:
        raise
    except RecursionError:
        return _refused("it is nested too deeply")
    except Exception as error:  # noqa: BLE001 - parsers of hostile files raise what they will
        return _refused(f"the parser failed: {type(error).__name__}: {error}")


def _refused(reason: str) -> dict[str, Any]:
    return {"refused": asdict(Note("file_is_parseable", reason))}


def _options(values: dict[str, Any]) -> Options:
    return Options(**{name: _frozen(value) for name, value in values.items()})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _sendable(row: Row) -> Row:
    """The row with JSON types only; one that cannot be becomes a row with a problem."""
    try:
        return Row(row.where, json_safe(row.values))
    except ValueError as error:
        return Row(row.where, {}, Note("row_is_json", f"it cannot be kept: {error}"))


if __name__ == "__main__":
    main()
