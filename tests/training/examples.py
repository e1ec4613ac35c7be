"""A small exported dataset, as `almanac.dataset.export` lays it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from almanac.training.views import inner_split
from schemas.examples import Side

WORDS = ("stat", "rewered", "quceing", "conaly", "moat")


def make_views(folder: Path, train: int = 40, held_back: int = 10) -> Path:
    """Write sft, dpo and kto below `folder`; DPO's inner split has right and wrong changed over."""
    sides: dict[Side, int] = {"train": train, "held_back": held_back}
    for side, rows in sides.items():
        some = [_example(number) for number in range(rows + 1)]
        prompts = pa.table({"prompt": [ask for ask, _, _ in some[:rows]]})
        inner = inner_split(prompts)[1]["prompt"].to_pylist() if rows else []
        views: dict[str, list[dict[str, Any]]] = {
            "sft": [{"prompt": ask, "completion": right} for ask, right, _ in some],
            "dpo": [
                {"prompt": ask, "chosen": wrong, "rejected": right}
                if ask in inner
                else {"prompt": ask, "chosen": right, "rejected": wrong}
                for ask, right, wrong in some
            ],
            "kto": [
                {"prompt": ask, "completion": answer, "label": label}
                for ask, right, wrong in some
                for answer, label in ((right, True), (wrong, False))
            ],
        }
        for method, table in views.items():
            (folder / method).mkdir(parents=True, exist_ok=True)
            # The last examples only say what columns there are.
            kept = rows * len(table) // (rows + 1)
            whole = pa.Table.from_pylist(table).slice(0, kept)
            pq.write_table(whole, folder / method / f"{side}.parquet")
    return folder


def _example(number: int) -> tuple[list[dict[str, str]], ...]:
    word = WORDS[number % len(WORDS)]
    ask = [
        {"role": "system", "content": "the stat."},
        {"role": "user", "content": f"what {word} {number}?"},
    ]
    return ask, _answer(word), _answer(f"the {word} in {number}")


def _answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]
