"""What engines raise over damaged files or failing storage, told in one sentence of our own.

Delta, LanceDB, Arrow and DuckDB raise whatever they like over bytes they can't read, panics of
their native code included, which are no `Exception`. Nothing of their texts reaches a user: the
sentence names the table, what is in it and the command; the engine's words are the error's cause.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Callable
from types import TracebackType

from lakehouse.location import Location
from schemas.errors import AlmanacError, LakehouseDamaged, StorageUnavailable

# What a reader loses with each table.
CONTENT = {
    "document_changes": "the documents of every date",
    "chunks": "the passages of the documents",
    "embeddings": "the vectors of the passages",
    "releases": "which releases there are",
    "quarantine": "which rows were rejected",
    "runs": "the reports of runs",
    "source_files": "what each source file was when last read",
    "access": "who may see each document",
    "lease": "who writes now",
    "placements": "where each release stands, and its seal",
    "sealed_files": "the hashes of files",
    "ann_models": "the training of vector indexes",
    "erasures": "what was erased and may not come back",
    "requests": "answered requests",
    "votes": "votes",
    "triage": "verdicts on disliked answers",
    "triage_labels": "causes that people settled",
    "training_examples": "training examples",
    "synthetic_corrections": "what the teacher model wrote",
    "rejected_examples": "rejected examples",
    "datasets": "the manifests of datasets",
    "splits": "the sides of questions",
    "adapters": "the steps of adapters",
    "evaluations": "the answers of evaluations",
    "prompts": "the prompts of assistants",
    "assistant_versions": "the versions of assistants",
    "assistant_stages": "the stages of versions",
    "assistant_gates": "what gates decided",
    "rollouts": "the steps of rollouts",
    "judgements": "what a judge said of answers",
    "model_calls": "what calls of judges and teachers cost",
}
_CONDITIONS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.EMFILE,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.ELOOP,
    errno.ESTALE,
)
_OS_ERROR = re.compile(r"os error (\d+)")
_LANCE = re.compile("lance ?error|[.]rs:", re.IGNORECASE)  # it raises Python's own errors
_ENGINES = {"deltalake", "_internal", "pyarrow", "duckdb", "_duckdb", "lance", "lancedb"}


def is_engine_error(error: BaseException) -> bool:
    """Is it what an engine or the operating system raises, not a mistake of our own?"""
    kind = type(error)
    if isinstance(error, AlmanacError):
        return False
    if isinstance(error, OSError) or kind.__name__ == "PanicException":
        return True
    return _LANCE.search(str(error)) is not None or bool(
        {kind.__module__.partition(".")[0], _raiser(error)} & _ENGINES
    )


def _raiser(error: BaseException) -> str:
    """The package in whose code it was raised."""
    trace, module = error.__traceback__, ""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        trace = trace.tb_next
    return module.partition(".")[0]


def storage_condition(error: BaseException) -> str:
    """What is wrong with the storage in the system's words, such as a full disk; else empty."""
    number = getattr(error, "errno", None)
    if number is None and (found := _OS_ERROR.search(str(error))):
        number = int(found[1])
    if number in _CONDITIONS:
        return os.strerror(number)
    words = (os.strerror(one) for one in _CONDITIONS)
    return next((word for word in words if word in str(error)), "")


class Reading:
    """A block in which an engine reads or writes part of a lakehouse.

    Raises in the place of what the engine raises:
        StorageUnavailable: the disk is full or read-only, or the object store does not answer.
        LakehouseDamaged: files are missing or damaged; `sentence` says which part and what to do.
    """

    def __init__(self, location: Location, sentence: Callable[[], str]) -> None:
        self._location = location
        self._sentence = sentence

    def __enter__(self) -> None:
        """Nothing is needed."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None or error is None or issubclass(kind, AlmanacError):
            return
        if not is_engine_error(error):
            return
        if said := self._unavailable(error):
            raise StorageUnavailable(said) from error
        raise LakehouseDamaged(self._sentence()) from error

    def _unavailable(self, error: BaseException) -> str:
        place = self._location.uri
        if condition := storage_condition(error):
            return f"the storage of the lakehouse at {place} refuses ({condition}): mend that first"
        if "Out of Memory" in str(error):
            return (
                f"the engine that reads the lakehouse at {place} has too little memory for this, "
                "and nothing is damaged: run it where more is free, or where the temporary folder "
                f"{tempfile.gettempdir()} has more room (TMPDIR names another)"
            )
        if self._location.folder is None and "Not found" not in str(error):
            return (
                f"the storage of the lakehouse at {place} does not answer as it should: see "
                "`lakehouse` and `storage_options`, and whether it can be reached"
            )
        return ""


def table_sentence(name: str, reason: str) -> str:
    """What to say of a Delta table that can't be read."""
    return (
        f"the table {name} ({CONTENT[name]}) can't be read: {reason}. `almanac doctor` says what "
        "is damaged, and `almanac doctor --heal` mends what can be mended"
    )


def reading_index(location: Location, table: str) -> Reading:
    """A block in which LanceDB reads or writes a table."""
    return Reading(location, lambda: index_sentence(table))


def index_sentence(table: str) -> str:
    """What to say of a Lance table that can't be read."""
    return (
        f"the index {table} can't be read: files of it are missing or damaged. `almanac doctor "
        "--heal` builds it again from Delta"
    )
