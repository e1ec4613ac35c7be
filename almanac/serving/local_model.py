"""The small model of the installation in a process of its own, which starts when it is needed."""

from __future__ import annotations

from almanac.adapters.engine import Engine
from almanac.assistants.configured import SMALL_MODEL
from almanac.llm.streaming import StreamingChat
from almanac.training.base import packaged_gguf
from schemas.settings import ModelEndpoint, Settings


class LocalModel:
    """The model and its process. With `starts` False none is started, and none may be asked."""

    def __init__(self, settings: Settings, starts: bool) -> None:
        self._threads = settings.tuning.threads
        self.starts = starts
        self._engine: Engine | None = None

    @property
    def has_ended(self) -> bool:
        """Did the process end by itself?"""
        return self._engine is not None and not self._engine.alive

    def chat(self) -> StreamingChat:
        """How to ask it. Raises AlmanacError where it does not start."""
        if not self.starts:
            return StreamingChat(_endpoint("http://127.0.0.1/v1"), "")
        if self._engine is None:
            self._engine = Engine(packaged_gguf(), SMALL_MODEL, self._threads)
        return StreamingChat(_endpoint(self._engine.address), self._engine.key)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._engine:
            self._engine.close()


def _endpoint(address: str) -> ModelEndpoint:
    """The model may take its time on a slow processor."""
    return ModelEndpoint(
        base_url=address,
        model=SMALL_MODEL,
        timeout_seconds=180,
        first_token_seconds=120,
        max_retries=0,
        stop=("\nQuestion:",),  # it would go on with a question of its own
    )
