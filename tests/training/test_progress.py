from __future__ import annotations

from pathlib import Path
from typing import Any

from almanac.training.checkpoints import keep_only, newest_whole, seal
from almanac.training.progress import Progress


def a_row(step: int, loss: float | None, eval_loss: float | None) -> dict[str, Any]:
    return {
        "step": step,
        "of": 8,
        "epoch": step / 4,
        "loss": loss,
        "eval_loss": eval_loss,
        "learning_rate": 0.1,
        "tokens": 100 * step,
        "train_seconds": float(step),
    }


def test_progress_takes_up_where_a_checkpoint_stands(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    told: list[str] = []
    first = Progress(file, -1, told.append)
    for step, loss, eval_loss in ((0, None, 5.0), (1, 4.0, None), (2, 3.0, 2.0), (3, 1.0, None)):
        first.add(a_row(step, loss, eval_loss))
    assert file.read_text() == "".join(told)
    with file.open("a") as torn:
        torn.write('{"step": 4, "o')

    again = Progress(file, 2, told.append)
    assert [row["step"] for row in again.rows] == [0, 1, 2]
    assert file.read_text() == "".join(told[:3])
    assert (again.last("tokens"), again.last("train_seconds")) == (200, 2.0)
    assert Progress(file, -1, told.append).rows == []


def test_the_best_is_the_earliest_of_the_lowest_and_patience_counts_from_it(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress.jsonl", -1, lambda line: None)
    progress.add(a_row(0, None, 0.5))  # the base: never a checkpoint
    assert progress.best() is None and not progress.stopped_early(1)
    for step, loss in ((2, 3.0), (4, 2.0), (6, 2.0)):
        progress.add(a_row(step, 1.0, loss))
    assert (progress.best() or {})["step"] == 4
    assert progress.stopped_early(1) and not progress.stopped_early(2)
    assert not progress.stopped_early(None)
    figures = progress.metrics(1)
    del figures["seconds"]
    assert figures == {
        "train_loss": 1.0,
        "first_eval_loss": 0.5,
        "best_eval_loss": 2.0,
        "last_eval_loss": 2.0,
        "steps": 6,
        "best_step": 4,
        "stopped_early": True,
        "tokens": 600,
        "tokens_per_second": 100.0,
        "train_seconds": 6.0,
    }


def test_only_a_sealed_and_unchanged_checkpoint_is_gone_on_from(tmp_path: Path) -> None:
    for step in (9, 10, 11, 12):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "weights").write_bytes(b"1")
    for step in (9, 10, 11):
        seal(tmp_path / f"checkpoint-{step}")
    (tmp_path / "checkpoint-11" / "weights").write_bytes(b"2")
    assert newest_whole(tmp_path) == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-9"]
    keep_only(tmp_path, 9)
    assert newest_whole(tmp_path) == 9
    assert newest_whole(tmp_path / "none") is None
