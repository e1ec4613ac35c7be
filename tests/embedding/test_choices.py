from __future__ import annotations

import pytest

from almanac.embedding.choices import dimension, pinned, prefixes, window
from schemas.errors import ConfigError
from schemas.settings import EmbedderSettings


@pytest.mark.parametrize(
    ("model", "prompts", "expected"),
    [
        ("english", {}, ("", "")),
        ("org/any", {"query": "q: ", "document": "d: "}, ("q: ", "d: ")),
        ("org/any", {"query": "", "document": "", "passage": "p: "}, ("", "p: ")),
        ("org/any", {"query": None, "document": None}, ("", "")),
        ("intfloat/e5-base-v2", {}, ("query: ", "passage: ")),
        ("intfloat/multilingual-e5-small", {}, ("query: ", "passage: ")),
        ("intfloat/multilingual-e5-large-instruct", {}, ("", "")),
        ("org/mode5-small", {}, ("", "")),
        ("intfloat/e5-base-v2", {"query": "own: "}, ("own: ", "")),
    ],
)
def test_prefixes_are_the_models_own(
    model: str, prompts: dict[str, str | None], expected: tuple[str, str]
) -> None:
    assert prefixes(EmbedderSettings(model=model), prompts) == expected


def test_settings_win_even_when_empty() -> None:
    settings = EmbedderSettings(model="x/e5-small", query_prefix="", passage_prefix="p ")
    assert prefixes(settings, {"query": "q: "}) == ("", "p ")


def test_the_window_may_be_smaller_only() -> None:
    assert window(EmbedderSettings(), 256) == 256
    assert window(EmbedderSettings(max_tokens=100), 256) == 100
    with pytest.raises(ConfigError, match=r"max_tokens is 257, and english reads 256"):
        window(EmbedderSettings(max_tokens=257), 256)


def test_another_dimension_is_refused() -> None:
    assert dimension(EmbedderSettings(dimension=384), 384) == 384
    with pytest.raises(ConfigError, match=r"dimension is 256, and english gives 384"):
        dimension(EmbedderSettings(dimension=256), 384)


def test_a_pinned_revision_must_be_the_one_that_is_there() -> None:
    assert pinned(EmbedderSettings(revision="abc"), "abc") == "abc"
    with pytest.raises(ConfigError, match=r"have revision abc, not abd"):
        pinned(EmbedderSettings(revision="abd"), "abc")
