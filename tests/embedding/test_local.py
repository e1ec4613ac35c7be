"""The packaged English model through our encoder, against the same model run by its library."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from almanac.embedding.factory import identity_of, open_encoder, token_counter
from schemas.encoder import Encoder
from schemas.errors import EmbeddingFailed
from schemas.settings import EmbedderSettings

SHORT = ["a", "no", "yes it is", "Hi!", "one two three four", "x", "7", "ok then", "ж"]
SAMPLE = [
    *SHORT,
    "Apply within the first 3 days of having symptoms.",
    "The test is best taken within 5 days of symptoms starting, at home or at a drive-through.",
    "Where can I get a test? " * 20,
    "Ünïcödé, \u202e right-to-left, 漢字, emoji 👩‍🔬 and\u00a0blanks\t\tin\nlines " * 3,
]
HOSTILE = [
    "[SEP] [CLS] [PAD]",
    "\x00\x01 zero",
    "a" * 500,
    "\ufeff bom",
    "ﷺ" * 50,
    "🇪🇺" * 30,
    "́" * 9,
]


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    return left.dtype == right.dtype and left.tobytes() == right.tobytes()


def passages(folder: Path, count: int, seed: int = 0) -> list[str]:
    lines = (folder / "retrieval/feedbackqa_uk/corpus.jsonl").read_text("utf-8").splitlines()
    return random.Random(seed).sample([json.loads(line)["text"] for line in lines], count)


def fitting(encoder: Encoder, texts: Sequence[str]) -> list[str]:
    counts = encoder.count_tokens(texts)
    return [text for text, count in zip(texts, counts, strict=True) if count <= 256]


def test_a_vector_is_the_librarys_for_the_text_alone(english: Encoder, bare_english: Any) -> None:
    long = [text for text in SAMPLE if english.count_tokens([text])[0] >= 16]
    alone = np.concatenate([bare_english.encode([t], normalize_embeddings=True) for t in long])
    assert same_bits(english.encode(long), alone)
    others = bare_english.encode(SHORT, normalize_embeddings=True)
    np.testing.assert_allclose(english.encode(SHORT), others, atol=2e-6)


def test_vectors_have_one_row_a_text_in_order(english: Encoder) -> None:
    vectors = english.encode(SAMPLE)
    assert vectors.shape == (len(SAMPLE), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert same_bits(english.encode(SAMPLE[::-1]), vectors[::-1].copy())
    assert same_bits(english.encode(["a", "b", "a"])[[0, 2]], english.encode(["a", "a"]))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_vector_does_not_depend_on_its_neighbours(precision: Any, threads: int) -> None:
    encoder = open_encoder(EmbedderSettings(precision=precision, threads=threads))
    alone = np.concatenate([encoder.encode([text]) for text in SAMPLE])
    rng = random.Random(1)
    for size in (2, 3, len(SAMPLE)):
        chosen = rng.sample(range(len(SAMPLE)), size)
        assert same_bits(encoder.encode([SAMPLE[at] for at in chosen]), alone[chosen])
    for batch_tokens in (1, 64, 100_000):
        settings = EmbedderSettings(precision=precision, threads=threads, batch_tokens=batch_tokens)
        assert same_bits(open_encoder(settings).encode(SAMPLE), alone)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_length_and_no_batch_size_changes_a_bit(precision: Any, shared_data: Path) -> None:
    encoder = open_encoder(EmbedderSettings(precision=precision))
    words = " ".join(passages(shared_data, 200)).split()
    rng = random.Random(2)
    for length in [*range(1, 12), *rng.sample(range(12, 150), 10)]:
        texts = []
        for _ in range(40):
            start = rng.randrange(len(words) - length)
            texts.append(" ".join(words[start : start + length]))
        texts = fitting(encoder, texts)
        alone = np.concatenate([encoder.encode([text]) for text in texts])
        for size in {2, 3, rng.randint(4, len(texts)), len(texts)}:
            chosen = rng.sample(range(len(texts)), size)
            assert same_bits(encoder.encode([texts[at] for at in chosen]), alone[chosen])


def test_a_batch_of_the_library_does_depend_on_neighbours(bare_english: Any) -> None:
    """The reason for all this: should it go away one day, so can the grouping."""
    together = bare_english.encode(SAMPLE, normalize_embeddings=True)
    alone = np.concatenate([bare_english.encode([t], normalize_embeddings=True) for t in SAMPLE])
    assert not same_bits(together, alone)


def test_hostile_texts_get_a_vector_each(english: Encoder) -> None:
    assert english.encode(HOSTILE).shape == (len(HOSTILE), 384)


def test_nothing_gives_nothing(english: Encoder) -> None:
    assert english.encode([]).shape == (0, 384)
    assert english.encode_queries([]).shape == (0, 384)
    assert english.count_tokens([]) == []


def test_a_passage_too_long_is_refused_with_its_length(english: Encoder) -> None:
    fits = "word " * 254
    assert english.count_tokens([fits]) == [256]
    assert english.encode([fits]).shape == (1, 384)
    with pytest.raises(EmbeddingFailed, match=r"^text 1 has 257 tokens, and english reads 256"):
        english.encode(["fine", "word " * 255])


def test_a_query_too_long_is_cut_as_the_library_cuts_it(
    english: Encoder, bare_english: Any
) -> None:
    long = "Where is the house? " * 200
    theirs = bare_english.encode([long], normalize_embeddings=True)
    assert same_bits(english.encode_queries([long]), theirs)


@pytest.mark.parametrize("method", ["encode", "encode_queries"])
def test_blank_texts_and_surrogates_are_refused(english: Encoder, method: str) -> None:
    for bad in ("", " \n", "\ud800"):
        with pytest.raises(EmbeddingFailed, match=r"^text 1 "):
            getattr(english, method)(["fine", bad])


def test_counts_are_those_of_the_model(
    english: Encoder, bare_english: Any, shared_data: Path
) -> None:
    texts = [*SAMPLE, *HOSTILE, "", *passages(shared_data, 300)]
    theirs = bare_english.tokenizer(texts, truncation=False, padding=False, verbose=False)
    expected = [len(ids) for ids in theirs["input_ids"]]
    assert english.count_tokens(texts) == expected
    assert token_counter(EmbedderSettings()).count_tokens(texts) == expected


def test_prefixes_are_seen_and_counted(english: Encoder, bare_english: Any) -> None:
    settings = EmbedderSettings(query_prefix="query: ", passage_prefix="passage of a text: ")
    encoder = open_encoder(settings)
    text = "The house stands near the river, and the old tree stands near the house."
    assert encoder.count_tokens([text])[0] == english.count_tokens([text])[0] + 5
    for vectors, prefix in (
        (encoder.encode([text]), "passage of a text: "),
        (encoder.encode_queries([text]), "query: "),
    ):
        assert same_bits(vectors, bare_english.encode([prefix + text], normalize_embeddings=True))


def test_half_precision_is_close_and_of_length_one(english: Encoder) -> None:
    exact = english.encode(SAMPLE)
    for precision in ("bfloat16", "float16"):
        vectors = open_encoder(EmbedderSettings(precision=precision)).encode(SAMPLE)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
        assert (vectors * exact).sum(axis=1).min() > 0.995
        assert not same_bits(vectors, exact)


def test_the_threads_are_set_wherever_it_runs(english: Encoder) -> None:
    import torch

    def run(_: int) -> tuple[bytes, int]:
        return english.encode(SAMPLE).tobytes(), torch.get_num_threads()

    expected = run(0)
    torch.set_num_threads(2)
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(run, range(6))) == {expected}
    assert expected[1] == 1


def test_identity_is_the_same_with_and_without_loading(english: Encoder) -> None:
    identity = identity_of(EmbedderSettings())
    assert english.identity == identity
    assert (identity.provider, identity.model) == ("local", "english")
    assert (identity.dimension, identity.window) == (384, 256)
    assert identity.revision == "b7c73dd925cc5cec"


def test_a_network_that_returns_nonsense_is_caught(english: Any) -> None:
    import torch

    from almanac.embedding.local import LocalEncoder

    class Broken:
        has_head = False

        def embed(self, texts: Sequence[str], *_: Any) -> torch.Tensor:
            return torch.full((len(texts), 384), torch.nan)

    encoder = LocalEncoder(EmbedderSettings(), english.identity, english._counter, Broken())
    with pytest.raises(EmbeddingFailed, match=r"NaN or infinity for text 0"):
        encoder.encode(["a"])
