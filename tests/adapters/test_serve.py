"""The small model with a real adapter behind the local server, asked by name."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from almanac.adapters import promotion
from almanac.adapters.serve import serve
from schemas.errors import AdapterRefused
from schemas.settings import Settings, TuningSettings
from tests.adapters.conftest import House

QUESTION, TAUGHT = "Where is the printer?", "On floor three, beside the kitchen."
TUNING = TuningSettings(threads=1)


def teach(folder: Path) -> dict[str, Any]:
    """Train an adapter of the small model to one answer; its base, and what both say greedily."""
    import torch
    from peft import LoraConfig, get_peft_model

    from almanac.training.base import open_base, resolve_base

    torch.manual_seed(0)
    torch.set_num_threads(1)
    base = resolve_base(TUNING)
    loaded, tokenizer = open_base(base, "float32", "cpu")
    config = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(loaded, config)
    asked = [{"role": "user", "content": QUESTION}]
    prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
    answer = tokenizer(f"{TAUGHT}<|im_end|>", add_special_tokens=False)["input_ids"]
    ids = torch.tensor([prompt + answer])
    labels = torch.tensor([[-100] * len(prompt) + answer])
    weights = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=2e-3)
    for _ in range(8):
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink()
    model.eval()

    def says() -> str:
        given = torch.tensor([prompt])
        mask = torch.ones_like(given)
        out = model.generate(
            input_ids=given, attention_mask=mask, do_sample=False, max_new_tokens=24
        )
        return str(tokenizer.decode(out[0][len(prompt) :], skip_special_tokens=True))

    with model.disable_adapter():
        plain = says()
    return {"base": base.as_json(), "tuned": says(), "plain": plain}


@pytest.fixture(scope="module")
def taught(tmp_path_factory) -> tuple[House, dict[str, Any]]:
    root = tmp_path_factory.mktemp("serving")
    said = teach(root / "job")
    house = House(Settings(lakehouse=str(root / "lake"), tuning=TUNING), root / "job")
    house.offer("a1b2c3d4e5f6", base=said["base"])
    for _ in range(2):
        promotion.approve(house.settings, "a1b2", "ann", "fine")
    return house, said


@pytest.fixture
def served(taught: tuple[House, dict[str, Any]], tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What the command line says it serves, while it does."""
    command = "from almanac.cli.adapters import adapters; adapters()"
    lake = taught[0].settings.lakehouse
    process = subprocess.Popen(
        [sys.executable, "-c", command, "serve", "--port", "0", "--json", "--lakehouse", lake],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
        env={"ALMANAC_TUNING__THREADS": "1"},
    )
    assert process.stdout
    yield json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


@pytest.mark.slow
def test_the_tuned_answer_comes_by_name(
    taught: tuple[House, dict[str, Any]], served: dict[str, Any]
) -> None:
    import openai

    said = taught[1]
    assert said["tuned"] == TAUGHT != said["plain"]
    assert (served["model"], served["warnings"]) == ("almanac-documents", [])
    client = openai.OpenAI(base_url=served["address"], api_key="none", max_retries=0)
    assert [one.id for one in client.models.list()] == ["almanac-documents"]

    def ask(model: str, **options: Any) -> Any:
        return client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": QUESTION}],
            temperature=0,
            max_tokens=24,
            **options,
        )

    whole = ask("almanac-documents", extra_body={"lora": [{"id": 0, "scale": 0.0}]})
    assert (whole.model, whole.choices[0].message.content) == ("almanac-documents", TAUGHT)
    parts = [one.choices[0].delta.content for one in ask("almanac-documents", stream=True)]
    assert "".join(filter(None, parts)) == TAUGHT
    with pytest.raises(openai.NotFoundError, match="no model 'almanac-other' here"):
        ask("almanac-other")


def test_what_cannot_be_served_says_why(house: House) -> None:
    def refused(*arguments: Any) -> str:
        with pytest.raises(AdapterRefused) as error:
            serve(house.settings, *arguments, 0, None, lambda said: None)
        return str(error.value)

    assert "no adapter of almanac-documents is in production" in refused(None, "production")
    house.offer("a1", base={"name": "org/large", "revision": "abc"})
    assert "the base org/large is not known as GGUF here: give --gguf FILE" in refused("a1", "")
