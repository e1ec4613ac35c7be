"""One opened encoder of each embedder in a process, however many releases are open with it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from almanac.embedding.factory import open_encoder
from schemas.encoder import Encoder
from schemas.settings import EmbedderSettings

_open: dict[str, Encoder] = {}
_lock = Lock()


def shared_encoder(key: str, settings: Callable[[], EmbedderSettings]) -> Encoder:
    """The encoder of an embedder's key; the first time opened by what `settings` gives.

    It may be used from several threads. Raises what `settings` and `open_encoder` do.
    """
    with _lock:  # a second one at the same time would load the same weights
        if key not in _open:
            _open[key] = open_encoder(settings())
        return _open[key]


def close_encoders() -> None:
    """Let go of all of them; their memory goes when nobody uses them any more."""
    with _lock:
        _open.clear()
