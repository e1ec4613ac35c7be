"""The small model of the installation answers, in a process of its own that ends with its own."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from almanac.adapters.engine import Engine
from almanac.training.base import packaged_gguf
from schemas.errors import AlmanacError
from tests.serving.conftest import FIRST, House

SMALL = """
[assistants.small]
endpoint = "local"
k = 1
max_tokens = 40
[tuning]
threads = 1
"""


@pytest.mark.slow
def test_the_small_model_answers_from_the_passages(
    tmp_path: Path, house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    small = House(tmp_path, house.model, SMALL)
    small.night("2026-03-01", FIRST)
    asked = len(house.model.requests)
    done = small.run("ask", "Who approves travel that costs over 500 euro?", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["model"] == "smollm2-135m"
    (citation,) = answer["citations"]
    assert citation["doc_id"] == "travel.md"
    # So small a model may say nothing that the passage supports; then it is not shown.
    known = {"answered": (True, False), "refused": (False, True)}
    is_refusal = answer["answer"] == "I don't know."
    assert (citation["used"], is_refusal) == known[answer["status"]]
    assert len(house.model.requests) == asked  # nobody else was asked
    assert small.lake.requests.count() == 0  # it waits in the journal until a drain
    assert small.run("feedback", "drain").returncode == 0
    (stored,) = small.lake.requests.rows()
    assert (stored.request_id, stored.response) == (answer["request_id"], answer["answer"])
    assert stored.prompt_tokens and stored.completion_tokens


@pytest.mark.slow
def test_the_process_ends_with_who_started_it() -> None:
    engine = Engine(packaged_gguf(), "small", 1)
    process = psutil.Process(engine.pid)
    assert engine.alive and engine.key not in " ".join(process.cmdline())
    engine.close()
    assert not process.is_running()


def test_a_model_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "none.gguf").write_text("no model")
    with pytest.raises(AlmanacError, match=r"set another endpoint: \[endpoints.NAME\]"):
        Engine(tmp_path / "none.gguf", "none", 1)
