"""How near two texts are, word by word; English and Russian."""

from __future__ import annotations

import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from almanac.core.stems import words as stemmed
from schemas.text import nfkc

_ARTICLES = frozenset(("a", "an", "the"))
_WEIGHTY = 4  # letters of a stem


def words(text: str) -> list[str]:
    """The words of a text as SQuAD's evaluation compares them, for Russian too.

    Lower case, without punctuation and without the articles a, an and the: Rajpurkar et al.,
    "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (EMNLP 2016), section 6.1.
    Extended: all of Unicode's punctuation («», —), compatibility forms are one (NFKC), ё is е.
    """
    plain = nfkc(text).casefold().replace("ё", "е")
    kept = "".join(char for char in plain if not _is_punctuation(char))
    return [word for word in kept.split() if word not in _ARTICLES]


def _is_punctuation(char: str) -> bool:
    return char in string.punctuation or unicodedata.category(char).startswith("P")


def exact(answer: str, references: Sequence[str]) -> float:
    """1.0 where the words are those of one of the references, else 0.0."""
    return _best(answer, references, lambda said, right: float(said == right))


def contains(answer: str, references: Sequence[str]) -> float:
    """1.0 where the words of a reference stand in the answer, one after the other, else 0.0."""
    return _best(answer, references, _contains)


def token_f1(answer: str, references: Sequence[str]) -> float:
    """Harmonic mean of precision and recall of words as bags, of the nearest reference.

    Rajpurkar et al. (2016), section 6.1. Inflected forms are different words.
    """
    return _best(answer, references, _f1)


def _best(
    answer: str,
    references: Iterable[str],
    compare: Callable[[list[str], list[str]], float],
) -> float:
    said = words(answer)
    return max(compare(said, words(reference)) for reference in references)


def _contains(said: list[str], right: list[str]) -> float:
    if not right:
        return float(not said)
    starts = range(len(said) - len(right) + 1)
    return float(any(said[at : at + len(right)] == right for at in starts))


def _f1(said: list[str], right: list[str]) -> float:
    if not said or not right:
        return float(said == right)
    shared = (Counter(said) & Counter(right)).total()
    return 2 * shared / (len(said) + len(right))


def grounded(answer: str, context: Iterable[str]) -> float | None:
    """Share of an answer's weighty words and numbers that stand in the context; None without any.

    K-Precision of Adlakha et al., "Evaluating Correctness and Faithfulness of Instruction-Following
    Models for Question Answering" (TACL 2024), over stems, so that an ending does not
    matter; a stem of fewer than four letters does not count. Numbers must be the same number.
    """
    weighty = [stem for stem in stemmed(answer).stems if _weighs(stem)]
    if not weighty:
        return None
    held = frozenset(stem for text in context for stem in stemmed(text).stems)
    return sum(stem in held for stem in weighty) / len(weighty)


def _weighs(stem: str) -> bool:
    return stem[0].isdigit() or len(stem) >= _WEIGHTY
