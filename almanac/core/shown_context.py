"""What passages a model was shown for a request: those logged, else those that its prompt holds.

Most logs of agents and of chains have no context of their own: the passages stand in the messages
of tools, or around the question in the last message of the user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.feedback import Message, Passage, Request
from schemas.hashing import sha256_text

_TOOLS = ("tool", "function")
_USERS = ("user", "human")
_BLOCKS = re.compile(r"\n\s*\n|\n(?=\s*\[\d+\])")
_WORD = re.compile(r"\w+")
_FEWEST = 4  # words of a block that can be a passage; fewer are a heading or a label
_FILLED = 20  # words around the question that tell that a template was filled with passages


@dataclass(frozen=True, slots=True)
class Shown:
    """The passages, and whether these are all that the model was shown.

    Where they are not, nothing can be said of a passage that is not among them.
    """

    passages: tuple[Passage, ...]
    is_all: bool

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of the passages."""
        return tuple(one.text for one in self.passages)


def shown_passages(request: Request) -> Shown:
    """The logged context; without one, the passages in the request's prompt.

    A prompt shows all where it has results of tools, or a question within a filled template.
    """
    if request.context or not request.prompt:
        return Shown(request.context, request.context_known)
    asked = max((at for at, one in enumerate(request.prompt) if one["role"] in _USERS), default=-1)
    texts: list[str] = []
    is_all = False
    for at, message in enumerate(request.prompt):
        blocks = list(_blocks(message, request.question, at == asked))
        texts += blocks
        words = sum(len(_WORD.findall(text)) for text in blocks)
        is_tool = message["role"] in _TOOLS and bool(blocks)
        is_all = is_all or is_tool or (at == asked and words >= _FILLED)
    passages = (Passage(f"text-{sha256_text(text)[:16]}", text) for text in dict.fromkeys(texts))
    return Shown(tuple(passages), is_all)


def _blocks(message: Message, question: str, is_question: bool) -> Iterator[str]:
    """The parts of a message that may be passages, without the question."""
    if message["role"] not in (*_TOOLS, "system", "developer") and not is_question:
        return
    text = message["content"]
    if is_question and question.strip():
        text = text.replace(question.strip(), "")
    for block in _BLOCKS.split(text):
        if len(_WORD.findall(block)) >= _FEWEST:
            yield block.strip()
