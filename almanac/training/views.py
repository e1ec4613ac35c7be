"""The training data of a job as trl reads it, and what is refused before any time is spent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.errors import DatasetRefused
from schemas.examples import Method, Side
from schemas.hashing import canonical_json, sha256_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

INNER = "1"  # raise it with any change of `inner_split`
_INNER = 0.1  # of the prompts
COLUMNS: dict[Method, tuple[str, ...]] = {
    "sft": ("prompt", "completion"),
    "dpo": ("prompt", "chosen", "rejected"),
    "kto": ("prompt", "completion", "label"),
}


def read_view(folder: Path, method: Method, side: Side | Literal["inner"]) -> pa.Table:
    """`{method}/{side}.parquet` below `folder`: the columns that trl wants, in the file's order.

    Raises:
        DatasetRefused: the file is missing or has no rows (KTO: fewer than two).
    """
    file = folder / method / f"{side}.parquet"
    if not file.is_file():
        raise DatasetRefused(f"the dataset has no {method}/{side}.parquet: export it again")
    table: pa.Table = pq.read_table(file, columns=list(COLUMNS[method]))
    fewest = 2 if method == "kto" else 1
    if table.num_rows < fewest:
        raise DatasetRefused(
            f"{method}/{side} has {table.num_rows} examples, and {method} needs {fewest} or more: "
            "gather more feedback, or take another method"
        )
    return table


def inner_split(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Rows to train on, and a tenth of the prompts that choose the checkpoint, by hash.

    The held-back side is the gate's: what chose a checkpoint can't judge it. Rows of a prompt stay
    together; both sides have one, and KTO two where there are enough.
    """
    keys = [sha256_text(canonical_json(one)) for one in table["prompt"].to_pylist()]
    ordered = sorted(set(keys), key=lambda key: sha256_text(f"inner {key}"))
    least = 2 if "label" in table.column_names else 1
    chosen = set(ordered[: max(least, round(_INNER * len(ordered)))])
    if len(chosen) >= len(ordered):
        return table, table  # too few to part: the checkpoint is chosen on what is learnt
    inside = pa.array([key in chosen for key in keys])
    return table.filter(pc.invert(inside)), table.filter(inside)


def label_counts(table: pa.Table) -> tuple[int, int]:
    """KTO examples that are desirable, and undesirable ones; 0 and 0 for another view."""
    if "label" not in table.column_names:
        return 0, 0
    labels = table["label"].to_pylist()
    return sum(labels), len(labels) - sum(labels)


def refuse_longer(
    table: pa.Table, tokenizer: PreTrainedTokenizerBase, limit: int, name: str
) -> None:
    """Count tokens as the model will read them: trl cuts or drops what is longer, and says nothing.

    Raises:
        DatasetRefused: an example has more than `limit` tokens.
    """
    for number, row in enumerate(table.to_pylist()):
        length = max(
            _tokens(row["prompt"] + row[column], tokenizer)
            for column in ("completion", "chosen", "rejected")
            if column in row
        )
        if length > limit:
            raise DatasetRefused(
                f"example {number} of {name} has {length} tokens, and the recipe's max_length is "
                f"{limit}: raise it, or lower dataset.max_tokens and build the dataset again"
            )


def _tokens(messages: list[dict[str, str]], tokenizer: PreTrainedTokenizerBase) -> int:
    text: Any = tokenizer.apply_chat_template(messages, tokenize=False)
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])
