"""Every place of a lakehouse that may hold personal data: what it holds, and how it is erased.

A new table or folder needs an entry here; a test compares the two. A place that an erasure rewrites
or clears has its old files and its log cleared too, so that no byte is left.
"""

from __future__ import annotations

from typing import NamedTuple


class Holding(NamedTuple):
    """What a place holds of documents and users, and how an erasure reaches it.

    `rewritten`: an erasure may change the table, so its history is cleared.
    """

    holds: str
    erased: str
    rewritten: bool = True


_BY_REQUEST = "rows of requests that are erased"
_NOTHING = "nothing of a document or a user"
PLACES: dict[str, Holding] = {
    "delta/document_changes": Holding("texts, titles, addresses, metadata", "rows by document"),
    "delta/chunks": Holding("passages", "rows by the hash of the document's text"),
    "delta/embeddings": Holding("vectors of passages and questions", "rows by hash of the text"),
    "delta/releases": Holding(
        "counts, digests, reasons that people gave for a restore", "stays: no id, no text", False
    ),
    "delta/quarantine": Holding("ids, values that broke a rule", "rows by document, request, user"),
    "delta/runs": Holding("ids in reports", "ids are replaced in the reports"),
    "delta/source_files": Holding("paths and ids", "rows by path and id; the file is read again"),
    "delta/access": Holding("ids of documents, users and groups", "rows by document"),
    "delta/lease": Holding("purpose and host of the one writer", "stays", False),
    "delta/placements": Holding("first words of passages, as probes", "asked anew"),
    "delta/sealed_files": Holding("hashes of files", "those of files that are gone"),
    "delta/ann_models": Holding("centroids of many vectors", "stays: no passage by itself", False),
    "delta/erasures": Holding("keyed hashes of what was erased", "stays, to keep it out"),
    "delta/requests": Holding(
        "questions, answers, passages shown, user ids",
        "rows that show a passage or tell it again; rows of a user",
    ),
    "delta/votes": Holding("comments, corrections, user ids", f"{_BY_REQUEST}; rows of a user"),
    "delta/triage": Holding("ids of documents and users", f"{_BY_REQUEST}, or that name it"),
    "delta/triage_labels": Holding(
        "causes that people settled, who, and their notes", f"{_BY_REQUEST}, or that tell it"
    ),
    "delta/training_examples": Holding("prompts and answers", f"{_BY_REQUEST}, or that tell it"),
    "delta/synthetic_corrections": Holding(
        "answers that a teacher model wrote", f"{_BY_REQUEST}, or that tell it"
    ),
    "delta/rejected_examples": Holding("details of examples", f"{_BY_REQUEST}, or that tell it"),
    "delta/datasets": Holding(
        "hashes and counts", "stays: a dataset that lost examples is refused", False
    ),
    "delta/splits": Holding("hashes of questions and sessions", "stays: sides never change", False),
    "delta/adapters": Holding(
        "ids of requests that an adapter was trained on",
        "stays; the adapter is marked to be trained again",
        False,
    ),
    "delta/evaluations": Holding("both answers to a question", f"{_BY_REQUEST}, or that tell it"),
    "delta/rollouts": Holding("who started or stopped a rollout, and why", "stays", False),
    "delta/judgements": Holding(
        "another version's answer to a question", f"{_BY_REQUEST}, or that tell it"
    ),
    "delta/prompts": Holding(
        "templates that operators wrote, and who pushed them", "stays: no document, no user", False
    ),
    "delta/assistant_versions": Holding(
        "settings of assistants, and who made them", "stays: no document, no user", False
    ),
    "delta/assistant_stages": Holding(
        "who moved a version, and why", "stays: no document, no user", False
    ),
    "delta/assistant_gates": Holding(
        "figures, and ids of golden questions", "stays: no document, no user", False
    ),
    "delta/model_calls": Holding("tokens and costs of judges and teachers", _NOTHING, False),
    "adapters": Holding(
        "weights that were trained on requests",
        "stays; the adapter is marked to be trained again",
        False,
    ),
    "journal": Holding(
        "requests and votes on their way to Delta, answers that are kept to be given again; may "
        "also be elsewhere: `almanac.journal.place`",
        "stored first, then rows of the subject, and what the files had of them",
    ),
    "data_docs": Holding("values of the last validation", "the page of the document's source"),
    "lance": Holding(
        "passages and vectors", "tables that hold a row of it, deleted or not, are built again"
    ),
    "set_aside": Holding(
        "damaged files of any table", "those of tables that an erasure rewrites, and of indexes"
    ),
    "format.json": Holding("the number of the storage format", "stays", False),
    "erasing": Holding("the ids of an erasure that is under way", "cleared at its end"),
}


def folders() -> tuple[str, ...]:
    """The folders of a lakehouse, each with its slash."""
    return tuple(sorted({f"{place.partition('/')[0]}/" for place in PLACES}))


def rewritten_tables() -> list[str]:
    """Delta tables whose history an erasure clears."""
    return [
        place.removeprefix("delta/")
        for place, holding in PLACES.items()
        if place.startswith("delta/") and holding.rewritten
    ]
