from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from almanac.dataset.build import build
from almanac.dataset.export import export
from almanac.dataset.views import on_side, view
from lakehouse import Lakehouse
from schemas.errors import DatasetRefused
from schemas.examples import Example
from schemas.hashing import sha256_bytes
from tests.dataset.logged import asked, configured, faults, fill, lake_of, likes

FILES = {
    "examples.parquet",
    "card.md",
    "manifest.json",
    "sft/train.parquet",
    "sft/held_back.parquet",
    "dpo/train.parquet",
    "dpo/held_back.parquet",
    "kto/train.parquet",
    "kto/held_back.parquet",
}


def built(root: Path, **rules: Any) -> Lakehouse:
    settings = configured(root, **{"held_back": 0.4} | rules)
    asks = [*faults(range(10)), *faults(range(10, 14), corrected=False), *likes(range(14, 20))]
    fill(lake_of(settings), asks)
    build(settings, None, None)
    return lake_of(settings)


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256_bytes(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_files_of_a_dataset(tmp_path: Path) -> None:
    lake = built(tmp_path)
    manifest = lake.datasets.manifest()
    files = export(lake, manifest, tmp_path / "out")
    assert files.keys() == FILES == hashes(tmp_path / "out").keys()

    table = pq.read_table(files["examples.parquet"])
    assert table.column_names == [
        "example_id",
        "request_id",
        "side",
        "prompt",
        "chosen",
        "rejected",
        "origin",
        "cause",
        "question",
        "context",
        "lang",
        "source",
        "group",
    ]
    examples = sorted(lake.datasets.examples(manifest), key=lambda one: one.example_id)
    for row, one in zip(table.to_pylist(), examples, strict=True):
        assert row == {name: getattr(one, name) for name in table.column_names} | {
            "prompt": list(one.prompt),
            "context": list(one.context),
        }

    said = json.loads(files["manifest.json"].read_text())
    assert said == {key: manifest[key] for key in manifest if key not in ("run_id", "at")}


def test_the_views_are_what_trl_reads(tmp_path: Path) -> None:
    lake = built(tmp_path)
    manifest = lake.datasets.manifest()
    files = export(lake, manifest, tmp_path / "out")
    share = manifest["rules"]["like_share"]
    examples = sorted(lake.datasets.examples(manifest), key=lambda one: one.example_id)
    seen = []
    for side in ("train", "held_back"):
        for method in ("sft", "dpo", "kto"):
            rows = pq.read_table(files[f"{method}/{side}.parquet"]).to_pylist()
            assert rows == view(on_side(examples, side, share), method)  # type: ignore[arg-type]
            assert len(rows) == manifest["views"][method][side]
            seen += [(method, tuple(row)) for row in rows]
    assert set(seen) == {
        ("sft", ("prompt", "completion")),
        ("dpo", ("prompt", "chosen", "rejected")),
        ("kto", ("prompt", "completion", "label")),
    }


def test_datasets_reads_the_views(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    files = export(*_stored(tmp_path), tmp_path / "out")
    kept_in = str(tmp_path / "cache")
    sft = datasets.Dataset.from_parquet(str(files["sft/train.parquet"]), cache_dir=kept_in)
    kto = datasets.Dataset.from_parquet(str(files["kto/train.parquet"]), cache_dir=kept_in)
    assert sft[0]["completion"][0].keys() == {"role", "content"}
    assert [message["role"] for message in sft[0]["prompt"]] == ["system", "user"]
    assert {type(one) for one in kto["label"]} == {bool}


def _stored(root: Path) -> tuple[Lakehouse, dict[str, Any]]:
    lake = built(root)
    return lake, lake.datasets.manifest()


def test_the_rows_of_one_example() -> None:
    prompt = ({"role": "user", "content": "Q"},)
    one = Example(
        "r", prompt, "Right", "Wrong", "correction", "model_fault", "Q", (), "en", "wiki", "g"
    )
    right = [{"role": "assistant", "content": "Right"}]
    wrong = [{"role": "assistant", "content": "Wrong"}]
    asking = [{"role": "user", "content": "Q"}]
    liked = replace(one, rejected=None, origin="like")
    bare = replace(one, chosen=None, origin="dislike")
    assert view([one, liked, bare], "sft") == [{"prompt": asking, "completion": right}] * 2
    assert view([one, liked, bare], "dpo") == [
        {"prompt": asking, "chosen": right, "rejected": wrong}
    ]
    assert view([one, liked, bare], "kto") == [
        {"prompt": asking, "completion": right, "label": True},
        {"prompt": asking, "completion": wrong, "label": False},
        {"prompt": asking, "completion": right, "label": True},
        {"prompt": asking, "completion": wrong, "label": False},
    ]


def test_held_back_views_have_likes_up_to_their_share_and_the_dataset_all_of_them(
    tmp_path: Path,
) -> None:
    settings = configured(tmp_path, held_back=0.5, like_share=0.25)
    fill(lake_of(settings), [*faults(range(30)), *likes(range(30, 90))])
    build(settings, None, None)
    lake = lake_of(settings)
    held_back = [
        one for one in lake.datasets.examples(lake.datasets.manifest()) if one.side == "held_back"
    ]
    every = sum(one.origin == "like" for one in held_back)
    others = len(held_back) - every
    shown = sum(one.origin == "like" for one in on_side(held_back, "held_back", 0.25))
    assert (every > 20, shown) == (True, int(others / 3))


def test_the_same_dataset_is_the_same_bytes(tmp_path: Path) -> None:
    """Exported again, and from another lakehouse that was filled in another order."""
    lake = built(tmp_path / "one")
    asks = [*faults(range(10)), *faults(range(10, 14), corrected=False), *likes(range(14, 20))]
    random.Random(3).shuffle(asks)
    settings = configured(tmp_path / "other", held_back=0.4)
    fill(lake_of(settings), asks)
    build(settings, None, None)
    other = lake_of(settings)
    for name, where in (("a", lake), ("b", lake), ("c", other)):
        export(where, where.datasets.manifest(), tmp_path / name)
    first = hashes(tmp_path / "a")
    assert first == hashes(tmp_path / "b") == hashes(tmp_path / "c")


def test_an_empty_view_keeps_its_columns(tmp_path: Path) -> None:
    lake = built(tmp_path, held_back=0)
    files = export(lake, lake.datasets.manifest(), tmp_path / "out")
    table = pq.read_table(files["dpo/held_back.parquet"])
    assert (table.num_rows, table.column_names) == (0, ["prompt", "chosen", "rejected"])


def test_a_dataset_of_which_something_was_erased_is_not_exported(tmp_path: Path) -> None:
    lake, manifest = _stored(tmp_path)
    lake.delta("training_examples").delete(f"request_id = '{manifest['trained_on'][0]}'")
    with pytest.raises(DatasetRefused, match=r"1 of .* examples of dataset .* were erased"):
        export(lake, manifest, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_texts_of_any_shape_survive(tmp_path: Path) -> None:
    settings = configured(tmp_path, held_back=0)
    request = asked(1, question="Где?\n\t«|»\u2028 😀", response='a "b" \\ c\r\n')
    (_, said), *_ = faults([1])
    fill(lake_of(settings), [(request, replace(said, correction="Там\u00a0же 👩‍👩‍👧"))])
    build(settings, None, None)
    lake = lake_of(settings)
    files = export(lake, lake.datasets.manifest(), tmp_path / "out")
    (row,) = pq.read_table(files["examples.parquet"]).to_pylist()
    assert (row["question"], row["rejected"]) == (request.question, request.response)
    assert row["chosen"] == "Там\u00a0же 👩‍👩‍👧"
