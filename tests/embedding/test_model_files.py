"""What is read from a model's files, for several architectures, against the loaded model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from almanac.embedding.factory import identity_of, open_encoder, token_counter
from almanac.embedding.model_files import find_model, hash_of_files, package_folder, read_facts
from schemas.errors import ConfigError, EmbeddingFailed
from schemas.settings import EmbedderSettings
from tests.embedding.conftest import WORDS, word_tokenizer

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEXTS = [" ".join(WORDS), "the old house stands near the river", "red " * 30]


def modules(*names: str) -> list[Any]:
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    made = {"dense": lambda: Dense(32, 24), "normalize": Normalize}
    return [made[name]() for name in names]


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("after", "made", "dimension"),
    [
        ([], {}, 32),
        (["normalize"], {"pooling": "cls"}, 32),
        ([], {"pooling": ("mean", "max")}, 64),
        (["dense", "normalize"], {}, 24),
        ([], {"include_prompt": False, "prompts": {"query": "old ", "passage": "new "}}, 32),
        ([], {"truncate_dim": 8}, 8),
    ],
)
def test_any_architecture_gives_what_its_library_gives(
    tiny: Callable[..., Path], after: list[str], made: dict[str, Any], dimension: int
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = tiny(*modules(*after), **made)
    settings = EmbedderSettings(model=str(folder))
    encoder = open_encoder(settings)
    assert encoder.identity == identity_of(settings)
    assert (encoder.identity.model, encoder.identity.dimension) == ("tiny", dimension)
    assert encoder.count_tokens(TEXTS) == token_counter(settings).count_tokens(TEXTS)
    bare = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    prompt = encoder.identity.passage_prefix
    for ours, theirs in (
        (encoder.encode(TEXTS), [bare.encode(text, prompt=prompt) for text in TEXTS]),
        (encoder.encode_queries(TEXTS), [bare.encode_query(text) for text in TEXTS]),
    ):
        unit = np.stack(theirs) / np.linalg.norm(theirs, axis=1, keepdims=True)
        np.testing.assert_allclose(ours, unit, atol=2e-6)


def test_a_head_does_not_make_a_vector_depend_on_its_neighbours(tiny: Callable[..., Path]) -> None:
    encoder = open_encoder(EmbedderSettings(model=str(tiny(*modules("dense")))))
    texts = [" ".join(WORDS[at:] + WORDS[:at]) for at in range(len(WORDS))]
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    for size in (2, 3, 5, len(texts)):
        assert encoder.encode(texts[:size]).tobytes() == alone[:size].tobytes()


def test_a_model_without_a_transformer_is_loaded_and_asked(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    static = StaticEmbedding(word_tokenizer(), embedding_dim=16)
    bare = SentenceTransformer(modules=[static], device="cpu")
    bare.save(str(tmp_path / "static"))
    settings = EmbedderSettings(model=str(tmp_path / "static"), normalize=False)
    assert read_facts(tmp_path / "static") is None
    encoder = open_encoder(settings)
    assert encoder.identity == identity_of(settings)
    assert (encoder.identity.dimension, encoder.identity.window) == (16, 8192)
    assert encoder.count_tokens(TEXTS) == token_counter(settings).count_tokens(TEXTS)
    np.testing.assert_array_equal(encoder.encode(TEXTS), bare.encode(TEXTS, batch_size=1))


def test_lowercasing_beside_the_tokenizer_is_counted_too(tiny: Callable[..., Path]) -> None:
    folder = tiny()
    file = folder / "sentence_bert_config.json"
    config = json.loads(file.read_text("utf-8")) | {"do_lower_case": True}
    file.write_text(json.dumps(config), "utf-8")
    encoder = open_encoder(EmbedderSettings(model=str(folder)))
    assert (
        encoder.encode(["THE OLD HOUSE"]).tobytes() == encoder.encode(["the old house"]).tobytes()
    )


def test_a_tokenizer_that_is_not_the_models_is_noticed(tiny: Callable[..., Path]) -> None:
    folder = tiny()
    encoder: Any = open_encoder(EmbedderSettings(model=str(folder)))
    encoder._counter._prefix = "the "
    with pytest.raises(EmbeddingFailed, match=r"tiny reads 4 tokens where .* counts 5"):
        encoder.encode(["old house"])


def test_the_window_may_be_made_smaller(tiny: Callable[..., Path]) -> None:
    folder = str(tiny())
    assert identity_of(EmbedderSettings(model=folder)).window == 40
    encoder = open_encoder(EmbedderSettings(model=folder, max_tokens=6))
    assert encoder.identity.window == 6
    with pytest.raises(EmbeddingFailed, match=r"^text 0 has 7 tokens, and tiny reads 6"):
        encoder.encode(["the old house stands near"])
    cut = encoder.encode_queries(["the old house stands near the river"])
    assert cut.tobytes() == encoder.encode_queries(["the old house stands"]).tobytes()


def test_the_revision_is_what_the_files_hold(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "config.json").write_text("{}", "utf-8")
    (folder / "1_Pooling/config.json").write_text("{}", "utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    first = hash_of_files(folder)
    assert len(first) == 16
    for name in ("README.md", ".gitattributes", "onnx/model.bin", ".cache/x.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("no part of the model", "utf-8")
    assert hash_of_files(folder) == first
    shutil.copytree(folder, tmp_path / "b")
    assert hash_of_files(tmp_path / "b") == first
    (folder / "1_Pooling/config.json").write_text("{ }", "utf-8")
    assert hash_of_files(folder) != first


def test_importing_and_identifying_load_no_model() -> None:
    code = """
import sys
from schemas.settings import EmbedderSettings
from almanac.embedding.factory import identity_of, token_counter
heavy = {"torch", "transformers", "sentence_transformers", "tokenizers", "openai"}
assert not heavy & set(sys.modules)
for model in ("english", "multilingual"):
    print(identity_of(EmbedderSettings(model=model)).dimension)
    print(token_counter(EmbedderSettings(model=model)).count_tokens(["a house"]))
assert heavy & set(sys.modules) == {"tokenizers"}
"""
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n") == ["384", "[4]", "384", "[6]", ""]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("./nowhere", "embedder.model ./nowhere: there is no such folder"),
        ("/no/such/folder", "there is no such folder"),
        ("a/b/c", "there is no such folder"),
    ],
)
def test_a_missing_folder_is_a_configuration_error(model: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        identity_of(EmbedderSettings(model=model))


def test_a_folder_without_a_model_is_a_configuration_error(tmp_path: Path) -> None:
    for call in (identity_of, open_encoder, token_counter):
        with pytest.raises(ConfigError, match=r"cannot load embedder.model"):
            call(EmbedderSettings(model=str(tmp_path)))


def test_damaged_weights_are_a_configuration_error(tiny: Callable[..., Path]) -> None:
    folder = tiny()
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ConfigError, match=r"cannot load embedder.model"):
        open_encoder(EmbedderSettings(model=str(folder)))
    (folder / "config.json").write_text("{", "utf-8")
    with pytest.raises(ConfigError, match=r"config.json is not valid JSON"):
        identity_of(EmbedderSettings(model=str(folder)))


def test_an_unknown_device_is_a_configuration_error(tiny: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match=r"on nonsense: "):
        open_encoder(EmbedderSettings(model=str(tiny()), device="nonsense"))


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ConfigError, match=r"the package no-such-model with the model's weights"):
        package_folder("no_such_model")


def test_a_hub_id_that_is_here_is_named_by_its_commit(
    tiny: Callable[..., Path], tmp_path: Path
) -> None:
    cache = tmp_path / "hub" / "models--org--tiny"
    shutil.copytree(tiny(), cache / "snapshots" / COMMIT)
    (cache / "refs").mkdir()
    (cache / "refs/main").write_text(COMMIT, "utf-8")
    code = """
from schemas.settings import EmbedderSettings
from almanac.embedding.factory import identity_of, open_encoder
for revision in (None, "0123456789abcdef0123456789abcdef01234567"):
    settings = EmbedderSettings(model="org/tiny", revision=revision)
    identity = identity_of(settings)
    print(identity.model, identity.revision, identity.dimension)
    assert open_encoder(settings).identity == identity
"""
    done = python(code, HF_HUB_CACHE=str(tmp_path / "hub"), HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"org/tiny {COMMIT} 32"] * 2


def test_a_hub_id_without_network_fails_in_one_line(tmp_path: Path) -> None:
    code = """
from schemas.errors import EmbeddingFailed
from schemas.settings import EmbedderSettings
from almanac.embedding.factory import identity_of
try:
    identity_of(EmbedderSettings(model="org/never-seen"))
except EmbeddingFailed as error:
    print(error)
"""
    done = python(code, HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="1")
    assert done.stdout == (
        "the model org/never-seen is no folder and cannot be had from the Hugging Face hub "
        "(LocalEntryNotFoundError): correct embedder.model, go online without HF_HUB_OFFLINE to "
        "download it once, or name a folder that holds it\n"
    )
    assert list(tmp_path.rglob("*.safetensors")) == []


def test_a_misspelt_name_is_no_hub_id() -> None:
    with pytest.raises(EmbeddingFailed, match=r"the model no such is no folder"):
        find_model(EmbedderSettings(model="no such"))
