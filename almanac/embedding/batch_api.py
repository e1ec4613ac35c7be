"""OpenAI's batch API: embeddings at half the price, within a day.

Nothing is noted here: what was submitted stands at the endpoint. A batch bears the embedder's key
in its metadata, and each of its requests the hash of its text. So a run that was killed, or the
next one, finds what is under way and what is done, submits only the rest, and pays for no text
twice. The files of a batch are deleted once nobody needs a text of it any more.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from almanac.embedding.answers import NotAnAnswer, vectors_in
from schemas.errors import EmbeddingFailed, EmbeddingWaits

if TYPE_CHECKING:
    from openai import OpenAI

_log = logging.getLogger("almanac.embedding")
_ENDPOINT: Literal["/v1/embeddings"] = "/v1/embeddings"
_MARK = "almanac_embedder"  # in the metadata of a batch
_UNDER_WAY = ("validating", "in_progress", "finalizing", "cancelling")
_MOST_TEXTS, _MOST_BYTES = 50_000, 150_000_000  # in one batch: OpenAI's limits, with room
_STORED_AT_ONCE = 1_024
_POLL_SECONDS = 15.0
Store = Callable[[list[str], NDArray[np.float32]], None]


class BatchApi:
    """The batches of one embedder at one endpoint.

    body: makes the body of the request for one text. store: takes vectors as they come, by the
    keys of their texts.
    """

    def __init__(
        self, client: OpenAI, embedder: str, body: Callable[[str], dict[str, Any]], store: Store
    ) -> None:
        self._client, self._embedder, self._body, self._store = client, embedder, body, store

    def embed(self, texts: Mapping[str, str], wait_seconds: float) -> set[str]:
        """Store the vectors of texts by key; the keys of those that the batches did not take.

        Raises:
            EmbeddingWaits: some are under way for longer than is waited for.
            EmbeddingFailed: the endpoint refused a batch, or cannot be had.
        """
        import openai

        try:
            return self._embed(texts, time.monotonic() + wait_seconds)
        except openai.OpenAIError as error:
            raise EmbeddingFailed(f"the batch API failed: {error}") from None

    def _embed(self, texts: Mapping[str, str], deadline: float) -> set[str]:
        due, failed = set(texts), set[str]()
        submitted: set[str] = set()
        while True:
            waiting: set[str] = set()
            for batch in self._batches():
                keys = self._collect(batch, due, failed)
                due -= keys
                if batch.status in _UNDER_WAY:
                    waiting |= self._keys_of(batch.input_file_id) & due
                elif batch.status == "failed" and batch.id in submitted:
                    raise EmbeddingFailed(f"the endpoint refused a batch: {_errors(batch)}")
            due -= failed
            if rest := {key: texts[key] for key in sorted(due - waiting)}:
                submitted |= set(self._submit(rest))
                waiting |= rest.keys()
            if not waiting:
                return failed
            if time.monotonic() >= deadline:
                raise EmbeddingWaits(
                    f"{len(waiting):,} texts are embedded by the batch API, within a day: the next "
                    "run collects them and publishes (embedder.batch_wait_minutes waits longer)"
                )
            time.sleep(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))

    def _batches(self) -> Iterator[Any]:
        """The batches of this embedder, oldest first."""
        own = [
            batch
            for batch in self._client.batches.list(limit=100)
            if (batch.metadata or {}).get(_MARK) == self._embedder
        ]
        return iter(sorted(own, key=lambda batch: (batch.created_at, batch.id)))

    def _collect(self, batch: Any, due: set[str], failed: set[str]) -> set[str]:
        """Store what a batch that ended has of what is due; the keys of it.

        Texts that it could not embed are added to `failed`.
        """
        if batch.status in _UNDER_WAY:
            return set()
        lines = self._lines(batch.output_file_id)
        errors = self._lines(batch.error_file_id)
        needed = [line for line in lines if line.get("custom_id") in due]
        lost = {str(line.get("custom_id")) for line in errors} & due
        if not needed and not lost:
            self._delete(batch)
            return set()
        stored: set[str] = set()
        for start in range(0, len(needed), _STORED_AT_ONCE):
            part = needed[start : start + _STORED_AT_ONCE]
            keys = [line["custom_id"] for line in part]
            self._store(keys, np.concatenate([_vector(line) for line in part]))
            stored.update(keys)
        failed |= lost - stored
        return stored

    def _submit(self, texts: Mapping[str, str]) -> Iterator[str]:
        """Submit texts as one batch or several; the ids of the batches."""
        for part in _parts([self._line(key, text) for key, text in texts.items()]):
            data = b"".join(part)
            file = self._client.files.create(file=("almanac.jsonl", data), purpose="batch")
            batch = self._client.batches.create(
                input_file_id=file.id,
                endpoint=_ENDPOINT,
                completion_window="24h",
                metadata={_MARK: self._embedder},
            )
            _log.info("%d texts submitted as batch %s", len(part), batch.id)
            yield batch.id

    def _line(self, key: str, text: str) -> bytes:
        request = {"custom_id": key, "method": "POST", "url": _ENDPOINT, "body": self._body(text)}
        return json.dumps(request).encode() + b"\n"

    def _keys_of(self, file_id: str) -> set[str]:
        return {str(line.get("custom_id")) for line in self._lines(file_id)}

    def _lines(self, file_id: str | None) -> list[dict[str, Any]]:
        """The lines of a file at the endpoint; none where it is deleted already."""
        import openai

        if not file_id:
            return []
        try:
            text = self._client.files.content(file_id).text
        except openai.NotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def _delete(self, batch: Any) -> None:
        import openai

        for file_id in (batch.output_file_id, batch.error_file_id, batch.input_file_id):
            try:
                if file_id:
                    self._client.files.delete(file_id)
            except openai.NotFoundError:
                pass


def _parts(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for line in lines:
        if part and (len(part) == _MOST_TEXTS or size + len(line) > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line)
    if part:
        yield part


def _vector(line: Mapping[str, Any]) -> NDArray[np.float32]:
    """The vector of one line of an output file, shape (1, dimension)."""
    answer = line.get("response") or {}
    try:
        return vectors_in(json.dumps(answer.get("body")).encode(), 1)
    except NotAnAnswer as error:
        raise EmbeddingFailed(f"the batch API {error}") from None


def _errors(batch: Any) -> str:
    errors = batch.errors.data if batch.errors and batch.errors.data else []
    return "; ".join(str(one.message) for one in errors[:3]) or "it does not say why"
