"""Texts that speak to the model, or to who trains it, instead of asking.

Rules over the words, the signs that a reader does not see and what Base64 hides, each under a name;
and the meaning, for what is worded freely. No library of such rules is both kept up and offline, so
they stand here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from almanac.core.stems import sentences
from almanac.guards import meaning
from almanac.guards.hidden import decoded, hidden, readable
from almanac.guards.phrases import ABOUT, ADDRESSED, MARKERS, READERS, SPOKEN, TO_READERS, UNSEEN

_QUOTED = re.compile(
    r"\"[^\"\n]{3,300}\"|“[^”\n]{3,300}”|«[^»\n]{3,300}»|`[^`\n]{3,300}`|'[^'\n]{8,300}'(?!\w)"
)
_SPACED = re.compile(r"(?:(?<!\w)\w(?:[ ]{1,3}\w(?!\w)){7,})")  # R e v e a l
_LONGEST = 1_000  # characters of a sentence that are looked at
_FEWEST = 4  # words that meaning needs
_REMEMBERED = 20_000  # parts of which the meaning is known
_known: dict[tuple[str, meaning.Kind], float] = {}
_MOST = 60  # parts of a text whose meaning is looked at; of a longer one the first and last


def injected(text: str) -> str | None:
    """The name of the first rule over words and signs that a text breaks.

    What stands in quotes of a text about such attacks is spoken of, not spoken.
    """
    if rule := hidden(text):
        return rule
    seen = readable(text)
    if MARKERS.search(seen):
        return "role_marker"
    if any(ADDRESSED.search(comment) for comment in UNSEEN.findall(seen)):
        return "hidden_comment"
    unquoted = _QUOTED.sub(" ", seen)
    spoken = unquoted if ABOUT.search(unquoted) else seen
    for rule, pattern in SPOKEN.items():
        if pattern.search(spoken):
            return rule
    if any(_spoken(_joined(run)) for run in _SPACED.findall(seen)):
        return "spaced_letters"
    return "base64" if any(map(injected, decoded(text))) else None


def find_injections(
    texts: Sequence[str], kind: meaning.Kind = "question", by_meaning: bool = True
) -> list[str | None]:
    """For each text the rule that it breaks, `meaning` among them, or None.

    All texts together are embedded once. What stands in quotes of a text about such attacks does
    not count for its meaning either.

    Raises:
        ConfigError: the model of the meaning is not installed.
    """
    look = _broken_by_passage if kind == "document" else injected
    found = [look(text) for text in texts]
    if not by_meaning:
        return found
    parts = [(at, part) for at, text in enumerate(texts) if not found[at] for part in _parts(text)]
    some = [(part, _kind(part, kind)) for _, part in parts]
    for (at, _), over in zip(parts, _excess(some), strict=True):
        if over >= 0:
            found[at] = "meaning"
    return found


@lru_cache(maxsize=4_096)
def _broken_by_passage(text: str) -> str | None:
    """The rule of words that a passage breaks; the same passages come again and again."""
    return injected(text) or _to_readers(text)


def _to_readers(text: str) -> str | None:
    """Does a document speak to the models that read it? What it quotes, it does not say."""
    seen = _QUOTED.sub(" ", readable(text))
    if not READERS.search(seen):
        return None
    spoken = (one for one in sentences(seen) if TO_READERS.search(one[:_LONGEST]))
    return "to_readers" if any(spoken) else None


def _excess(parts: Sequence[tuple[str, meaning.Kind]]) -> list[float]:
    """Of each part; sentences of passages come again and again, and are embedded once."""
    known = {part: value for part in parts if (value := _known.get(part)) is not None}
    new = [part for part in dict.fromkeys(parts) if part not in known]
    values = meaning.excess([part for part, _ in new], [kind for _, kind in new])
    known.update(zip(new, values, strict=True))
    if len(_known) > _REMEMBERED:
        _known.clear()
    _known.update(known)
    return [known[part] for part in parts]


def _kind(part: str, kind: meaning.Kind) -> meaning.Kind:
    return "addressed" if kind == "document" and READERS.search(part) else kind


def _parts(text: str) -> list[str]:
    """A text as a whole and by sentences, without quotes, as far as they say something."""
    plain = _QUOTED.sub(" ", readable(text))
    parts = [plain[:_LONGEST], *sentences(plain)]
    parts = [one.strip()[:_LONGEST] for one in parts if len(one.split()) >= _FEWEST]
    some = parts if len(parts) <= _MOST else parts[: _MOST // 2] + parts[-_MOST // 2 :]
    return list(dict.fromkeys(some))


def _joined(run: str) -> str:
    words = re.split(r"[ ]{2,}", run)
    return " ".join("".join(word.split()) for word in words)


def _spoken(text: str) -> bool:
    squeezed = "".join(text.split()).casefold()
    return any(word in squeezed for word in ("ignore", "reveal", "instruction", "prompt", "забудь"))
