"""The worst of the sixty mistakes in benchmarks/quality/mistakes.py: what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.quality.mistakes import MISTAKES, run

SAID = {
    "a folder of pictures": (1, "there are 1 .png: name them in `include`"),
    "no source at all": (2, 'as in [sources.documents] uri = "./docs", or give --source'),
    "the 30th of February": (2, "'2026-02-30' is neither a date nor a time of the calendar"),
    "a European date": (2, "is neither a date (2026-03-03)"),
    "a date in the future": (1, "or say --allow-future if you mean it"),
    "no question": (2, "give either a QUERY or --queries FILE.jsonl"),
    "hits in words": (2, "'ten' is not a valid whole number"),
    "a file of questions as text": (1, "no release yet: there is no lakehouse at"),
    "a lakehouse that is not there": (
        1,
        "there is no lakehouse at …/nowhere, which is not there. `almanac n",
    ),
    "a lakehouse that is a file": (
        1,
        "bad.jsonl is a file, and a lakehouse is a folder: name the right place",
    ),
    "a verb misspelt": (2, "did you mean 'search'?"),
    "a verb of git": (2, "did you mean 'history'?"),
    "no verb but a question": (2, 'to ask it: almanac search "how do I travel?"'),
    "an option misspelt": (2, "'--as-of'"),
    "half a group": (2, "Did you mean 'apply'?"),
    "a configuration not there": (2, "the configuration nowhere.toml does not exist"),
    "TOML without a quote": (2, "(at line 1, column 22): a quote is not closed there"),
    "url for uri": (2, "unknown setting 'sources.docs.url' in almanac.toml; did you mean 'uri'?"),
    "a setting at the top": (2, "it belongs under [embedder] or [judge] or [teacher]"),
    "a model misspelt": (2, "embedder.model ./mulitlingual: there is no such folder"),
    "a kind misspelt": (2, 'no kind of source is named "foldr": right are'),
}


@pytest.mark.parametrize("title", SAID)
def test_a_mistake_is_told_plainly(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALMANAC_CONFIG", "ALMANAC_LAKEHOUSE"):
        monkeypatch.delenv(name, raising=False)
    toml, command = next(rest for first, *rest in MISTAKES if first == title)
    code, said = run(toml, command, str(tmp_path / "lake"))
    expected, sentence = SAID[title]
    assert (code, sentence in " ".join(said.split())) == (expected, True), said
    assert "TRACEBACK" not in said


def test_there_are_sixty() -> None:
    assert len({title for title, _, _ in MISTAKES}) == 60
