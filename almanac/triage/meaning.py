"""How near texts are in meaning, by embedders: sentence by sentence, and word by word.

A text is encoded once in a run, whichever requests it belongs to, and many at a time where they are
known before (`prepare`). Figures are on each model's own scale: see `almanac.triage.probes`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from almanac.claims.content import content
from almanac.core.stems import sentences
from almanac.embedding.shared import shared_encoder
from almanac.triage.probes import Scale, scales
from schemas.encoder import Encoder
from schemas.errors import AlmanacError
from schemas.settings import EmbedderSettings

_log = logging.getLogger("almanac.triage")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LONGEST = 40  # sentences of a passage that are compared; what is longer than that is a table
_ANSWER_WORDS = 40  # words of an answer that are looked for

# Of each model and script, measured once in a process.
_SCALES: dict[tuple[str, str], tuple[Scale, Scale] | None] = {}


@dataclass(frozen=True, slots=True)
class Near:
    """How near a text is to an answer to a question, each about 0 (strange) to 1 (the same).

    claim: its nearest sentences to question and answer together. cover: the answer's words that
    the question lacks, each by the nearest word of those sentences. at: which text.
    """

    claim: float
    cover: float
    at: int = 0

    @property
    def both(self) -> float:
        """One figure: the mean of the two, neither of which is enough alone."""
        return (min(self.claim, 1.0) + min(self.cover, 1.0)) / 2


NOTHING = Near(0.0, 0.0)


class Model:
    """One embedder with its scales and the vectors that it made."""

    def __init__(self, name: str, encoder: Encoder) -> None:
        self.name = name
        self._encoder = encoder
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def reads(self, texts: Iterable[str]) -> bool:
        """Can it tell texts in their scripts apart?"""
        return all(self._scale(one) for one in {script(text) for text in texts if text.strip()})

    def prepare(self, texts: Iterable[str]) -> None:
        """Encode what is new of some texts, all at once."""
        new = [one for one in dict.fromkeys(texts) if one not in self._vectors and one.strip()]
        if new:
            self._vectors.update(zip(new, self._encoder.encode_queries(new), strict=True))

    def forget(self) -> None:
        """Drop the vectors made so far."""
        self._vectors.clear()

    def alike(self, one: str, other: str) -> float:
        """Of two texts as wholes."""
        self.prepare([one, other])
        return self._scaled(0, one).of(float(self._vectors[one] @ self._vectors[other]))

    def near(self, question: str, answer: str, texts: Sequence[str]) -> Near:
        """The nearest of some texts; `NOTHING` for none."""
        claim = f"{question} {answer}"
        pieces = [(at, one) for at, text in enumerate(texts) for one in pieces_of(text)]
        wanted = answer_words(question, answer)
        self.prepare([claim, *(one for _, one in pieces), *wanted])
        sentence, word = self._scaled(0, claim), self._scaled(1, answer)
        found = NOTHING
        for at, piece in pieces:
            close = sentence.of(float(self._vectors[claim] @ self._vectors[piece]))
            if min(close, 1.0) / 2 + 0.5 <= found.both:
                continue  # whatever its words are, it is not the nearest
            cover = self._cover(wanted, piece, word) if wanted else close
            found = max(found, Near(close, cover, at), key=lambda one: one.both)
        return found

    def _cover(self, wanted: Sequence[str], piece: str, scale: Scale) -> float:
        held = [one for one in words_of(piece) if content(one)]
        stems = content(piece)
        open_ = [one for one in wanted if not content(one) <= stems]
        if not open_:
            return 1.0
        if not held:
            return 0.0
        self.prepare([*open_, *held])
        table = np.stack([self._vectors[one] for one in held])
        best = [float((table @ self._vectors[one]).max()) for one in open_]
        shares = [min(1.0, max(0.0, scale.of(one))) for one in best]
        return (len(wanted) - len(open_) + sum(shares)) / len(wanted)

    def _scaled(self, which: int, text: str) -> Scale:
        found = self._scale(script(text))
        return found[which] if found else Scale(0.0, 1.0)

    def _scale(self, of: str) -> tuple[Scale, Scale] | None:
        key = (self._encoder.identity.key, of)
        if key not in _SCALES:
            _SCALES[key] = scales(self._encoder, of)
        return _SCALES[key]


def script(text: str) -> str:
    """cyrillic or latin: what most letters of a text are."""
    cyrillic = sum("а" <= one <= "я" or one == "ё" for one in text.casefold())
    return "cyrillic" if cyrillic * 2 > sum(map(str.isalpha, text)) else "latin"


def pieces_of(text: str) -> list[str]:
    """The sentences of a passage, each also with the one before it, which may name what it is
    about."""
    some = sentences(text)[:_LONGEST]
    return [*some, *(f"{one} {other}" for one, other in pairwise(some))]


def words_of(text: str) -> list[str]:
    """The words of a text as they are written, each once, in their order."""
    return list(dict.fromkeys(_WORD.findall(text)))


def answer_words(question: str, answer: str) -> list[str]:
    """What an answer says beyond its question: its words of content; all of them if none is new."""
    own = [one for one in words_of(answer) if content(one)]
    known = content(question)
    return ([one for one in own if not content(one) <= known] or own)[:_ANSWER_WORDS]


def open_models(
    names: Sequence[str], release: Callable[[], Encoder | None], configured: EmbedderSettings
) -> list[Model]:
    """The models that vote. `release` stands for what `release()` gives, where it gives one.

    One that can't be opened has no voice, and a line in the log says so.
    """
    found: list[Model] = []
    for name in names:
        try:
            encoder = release() if name == "release" else _opened(name, configured)
        except AlmanacError as error:
            _log.warning("meaning is compared without %s: %s", name, error)
            continue
        if encoder and not any(one._encoder.identity == encoder.identity for one in found):
            found.append(Model(name, encoder))
    return found


def _opened(name: str, configured: EmbedderSettings) -> Encoder:
    settings = EmbedderSettings(model=name, threads=configured.threads, device=configured.device)
    return shared_encoder(f"triage {name}", lambda: settings)
