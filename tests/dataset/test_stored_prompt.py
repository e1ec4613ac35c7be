"""Examples are told by the stored prompt that serves: the same template trains and answers."""

from __future__ import annotations

from pathlib import Path

from almanac.assistants.prompts import push
from almanac.assistants.template import Prompt
from almanac.dataset.build import build
from tests.dataset.logged import configured, faults, fill, lake_of

TEMPLATE = (
    "{% block system %}Brief.{% endblock %}{% block user %}"
    "{% for one in passages %}[{{ one.n }}] {{ one.text }}\n{% endfor %}"
    "{{ question }}{% endblock %}"
)


def test_examples_are_told_by_a_stored_prompt(tmp_path: Path) -> None:
    file = tmp_path / "handbook.j2"
    file.write_text(TEMPLATE)
    settings = configured(tmp_path / "lake", prompt="handbook@1")
    lake = lake_of(settings)
    asks = faults(range(9))
    fill(lake, asks)
    stored, _ = push(lake, file, "ann")
    result = build(settings, None, None)
    manifest = lake.datasets.manifest()
    assert manifest["prompts"] == {"logged": 0, "template": 0, "stored": 9}
    assert manifest["rules"]["prompt"] == stored.prompt_id
    said = {one.request_id: one for one, _ in asks}
    prompt = Prompt.of(stored.content, "handbook")
    for example in lake.datasets.examples(manifest):
        one = said[example.request_id]
        texts = [{"n": 1, "text": one.context[0].text}]
        assert list(example.prompt) == prompt.render(one.question, texts, "I don't know.")
        assert example.prompt[0] == {"role": "system", "content": "Brief."}
    by_id = configured(tmp_path / "lake", prompt=stored.prompt_id[:10])
    assert build(by_id, None, None)["dataset"] == result["dataset"]
