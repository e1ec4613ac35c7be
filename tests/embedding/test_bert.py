"""The packaged models without their libraries: as cheap as that, and the very same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from almanac.embedding import sentence_transformer
from almanac.embedding.factory import open_encoder
from almanac.embedding.multilingual import _model, _names
from schemas.encoder import Encoder
from schemas.settings import EmbedderSettings
from tests.embedding.test_model_files import python

TEXTS = [
    "a",
    "Where can I get a test?",
    "[SEP] [CLS] [PAD]",
    "ﷺ" * 20,
    "Ünïcödé, \u202e right-to-left, 漢字, emoji 👩‍🔬 and\u00a0blanks\t\tin\nlines",
    "The house stands near the river, and the old tree stands near the house. " * 12,
]


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_vectors_are_those_of_the_library_under_one_identity(precision: Any) -> None:
    settings = EmbedderSettings(precision=precision, query_prefix="query: ")
    ours, theirs = open_encoder(settings), sentence_transformer.open_encoder(settings)
    assert ours.identity == theirs.identity
    assert ours.encode(TEXTS).tobytes() == theirs.encode(TEXTS).tobytes()
    long = [text * 40 for text in TEXTS]
    assert ours.encode_queries(long).tobytes() == theirs.encode_queries(long).tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_multilingual_states_are_those_of_transformers(precision: Any) -> None:
    import torch
    from transformers import BertConfig, BertModel

    from almanac.embedding.e5_file import E5File
    from almanac.embedding.multilingual import _file

    settings = EmbedderSettings(model="multilingual", precision=precision)
    file = E5File(_file())
    header = file.header
    ours = _model(file, settings)
    config = BertConfig(
        vocab_size=header.vocabulary,
        hidden_size=header.hidden,
        num_hidden_layers=header.layers,
        num_attention_heads=header.heads,
        intermediate_size=header.intermediate,
        max_position_embeddings=header.positions,
        type_vocab_size=header.types,
        layer_norm_eps=header.epsilon,
    )
    theirs = BertModel(config, add_pooling_layer=False).to(getattr(torch, precision)).eval()
    loaded = theirs.load_state_dict(ours._weights, strict=False)
    assert not loaded.missing_keys and not loaded.unexpected_keys
    assert set(ours._weights) == set(_names(header.layers))
    for length in (3, 17, 128, 512):
        ids = torch.randint(5, 200_000, (4, length)).tolist()
        with torch.inference_mode():
            states = theirs(input_ids=torch.tensor(ids)).last_hidden_state
            assert torch.equal(ours.states(ids), states)


def test_a_question_needs_torch_and_no_other_library() -> None:
    code = """
import sys
from schemas.settings import EmbedderSettings
from almanac.embedding.factory import open_encoder
print(open_encoder(EmbedderSettings()).encode_queries(["a house"]).shape)
heavy = {"transformers", "sentence_transformers", "sklearn", "sympy", "torch.distributed.tensor"}
print(sorted(heavy & set(sys.modules)))
"""
    done = python(code)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "(1, 384)\n[]\n")


def test_a_cut_question_ends_as_it_should(english: Encoder) -> None:
    cut, longer = english.encode_queries(["house " * 300, "house " * 900])
    assert np.array_equal(cut, longer)
