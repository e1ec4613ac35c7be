from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pandas as pd
import pytest

from expectations.runner import failed_as_a_whole, suite_fingerprint, validate
from expectations.suites import load_suite
from schemas.errors import ConfigError
from schemas.report import CheckResult
from tests.expectations.samples import broken, rule, suite_file

BETWEEN = "expect_column_values_to_be_between"


def test_positions_count_rows_whatever_the_index_says(tmp_path: Path) -> None:
    suite = suite_file(tmp_path, rule(BETWEEN, column="n", min_value=0))
    frame = pd.DataFrame({"doc_id": ["a", "б", "c"], "n": [1, -2, -3]}, index=[7, 7, 2])
    verdict = validate(suite, frame)
    assert broken(verdict) == [(1, "rule", "-2"), (2, "rule", "-3")]
    assert [rejection.doc_id for _, rejection in verdict.failing] == ["б", "c"]
    assert verdict.kept_out == {1, 2}
    assert verdict.checks == (
        CheckResult("custom", "rule", "must", False, 3, 2, reason="rule is broken."),
    )


def test_failing_rows_come_in_frame_order_then_in_the_suites(tmp_path: Path) -> None:
    suite = suite_file(
        tmp_path,
        rule(BETWEEN, "second_is_small", "warning", column="b", max_value=1),
        rule(BETWEEN, "first_is_small", column="a", max_value=1),
    )
    verdict = validate(suite, pd.DataFrame({"a": [2, 1, 2], "b": [1, 2, 2]}))
    assert broken(verdict) == [
        (0, "first_is_small", "2"),
        (1, "second_is_small", "2"),
        (2, "second_is_small", "2"),
        (2, "first_is_small", "2"),
    ]
    assert [check.severity for check in verdict.checks] == ["should", "must"]
    assert verdict.kept_out == {0, 2}


def test_fifty_thousand_failing_rows_are_all_listed(tmp_path: Path) -> None:
    suite = suite_file(tmp_path, rule(BETWEEN, column="n", min_value=50_000))
    frame = pd.DataFrame({"doc_id": [f"d{n}" for n in range(100_000)], "n": range(100_000)})
    validate(suite, frame.head(1))
    started = time.perf_counter()
    verdict = validate(suite, frame)
    elapsed = time.perf_counter() - started
    assert [at for at, _ in verdict.failing] == list(range(50_000))
    assert verdict.failing[-1][1].doc_id == "d49999"
    assert elapsed < 5


def test_mostly_passes_the_check_and_still_lists_the_rows(tmp_path: Path) -> None:
    suite = suite_file(tmp_path, rule(BETWEEN, column="n", min_value=0, mostly=0.5))
    verdict = validate(suite, pd.DataFrame({"n": [1, -1, 1]}))
    assert verdict.passed
    assert broken(verdict) == [(1, "rule", "-1")]


def test_a_missing_value_breaks_the_rule_instead_of_being_left_out(tmp_path: Path) -> None:
    suite = suite_file(
        tmp_path,
        rule(BETWEEN, "n_is_positive", column="n", min_value=0),
        rule("expect_column_values_to_match_regex", "t_has_letters", column="t", regex=r"\p{L}"),
        rule("expect_column_pair_values_to_be_equal", "n_is_m", column_A="n", column_B="m"),
        rule("expect_column_values_to_be_null", "z_is_missing", column="z"),
    )
    frame = pd.DataFrame({"n": [1, None], "m": [1, None], "t": ["ж", None], "z": [None, None]})
    verdict = validate(suite, frame)
    assert [(at, name) for at, name, _ in broken(verdict)] == [
        (1, "n_is_positive"),
        (1, "t_has_letters"),
        (1, "n_is_m"),
    ]
    assert [check.success for check in verdict.checks] == [False, False, False, True]


def test_a_missing_column_is_a_failed_must_even_for_a_should(tmp_path: Path) -> None:
    suite = suite_file(
        tmp_path,
        rule(BETWEEN, "absent_is_small", "warning", column="absent", max_value=1),
        rule(BETWEEN, "n_is_small", column="n", max_value=1),
    )
    verdict = validate(suite, pd.DataFrame({"n": [1, 2]}))
    absent, present = verdict.checks
    assert absent.severity == "must"
    assert (absent.success, absent.checked, absent.failed) == (False, 0, 0)
    assert absent.reason.startswith("absent_is_small could not be evaluated: ")
    assert '"absent"' in absent.reason
    assert (present.success, present.checked, present.failed) == (False, 2, 1)
    assert broken(verdict) == [(1, "n_is_small", "2")]
    assert failed_as_a_whole(verdict) == (absent,)
    assert not verdict.passed


def test_a_column_of_the_wrong_type_is_a_failed_must(tmp_path: Path) -> None:
    suite = suite_file(tmp_path, rule(BETWEEN, column="n", min_value=0))
    verdict = validate(suite, pd.DataFrame({"n": ["one", "two"]}))
    assert [check.expectation for check in failed_as_a_whole(verdict)] == ["rule"]
    assert not verdict.passed


def test_a_rule_about_the_whole_table_fails_without_a_row(tmp_path: Path) -> None:
    suite = suite_file(tmp_path, rule("expect_table_row_count_to_be_between", min_value=3))
    verdict = validate(suite, pd.DataFrame({"n": [1, 2]}))
    assert verdict.failing == ()
    assert failed_as_a_whole(verdict) == verdict.checks
    assert verdict.checks[0] == CheckResult(
        "custom", "rule", "must", False, 2, 0, "rule is broken."
    )


def test_a_row_condition_leaves_the_other_rows_alone(tmp_path: Path) -> None:
    suite = suite_file(
        tmp_path,
        rule(BETWEEN, column="n", min_value=0, row_condition="m > 1", condition_parser="pandas"),
    )
    verdict = validate(suite, pd.DataFrame({"n": [-1, -2, 3], "m": [1, 2, 3]}))
    assert broken(verdict) == [(1, "rule", "-2")]
    assert verdict.checks[0].checked == 2


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (rule("expect_the_unexpected", "odd", column="n"), "expect_the_unexpected"),
        (rule(BETWEEN, "odd", column="n", minimum=0, max_value=1), "minimum"),
        (rule(BETWEEN, "odd", min_value=0), "column"),
        (rule(BETWEEN, "odd", "info", column="n", min_value=0), "'critical' or 'warning'"),
        (rule(BETWEEN, "Odd Name", column="n", min_value=0), "expectations.1.meta.name"),
        (rule(BETWEEN, "good", column="n", min_value=0), "two expectations are named good"),
    ],
)
def test_a_suite_that_cannot_be_used_is_refused(
    tmp_path: Path, bad: dict[str, object], message: str
) -> None:
    suite = suite_file(tmp_path, rule(BETWEEN, "good", column="n", min_value=0), bad)
    with pytest.raises(ConfigError, match=message):
        validate(suite, pd.DataFrame({"n": [1]}))


def test_a_suite_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json cannot be read: No such file"):
        load_suite(tmp_path / "absent.json")
    (tmp_path / "cut.json").write_text('{"name": "x", "expectations": [')
    with pytest.raises(ConfigError, match=r"cut\.json, the file: Invalid JSON"):
        load_suite(tmp_path / "cut.json")
    with pytest.raises(ConfigError, match="expectations"):
        load_suite(suite_file(tmp_path))


def test_values_are_shown_short_and_on_one_line(tmp_path: Path) -> None:
    suite = suite_file(
        tmp_path, rule("expect_column_values_to_be_in_set", column="t", value_set=[])
    )
    texts = ["\x1b[31mКрасный\n\u202e", "я" * 200, "я" * 201, "\0" * 100, r"C:\new 'x' ё"]
    verdict = validate(suite, pd.DataFrame({"t": texts}))
    assert [value for _, _, value in broken(verdict)] == [
        r"\x1b[31mКрасный\n\u202e",
        "я" * 200,
        "я" * 199 + "…",
        r"\x00" * 49 + r"\x0…",
        r"C:\new 'x' ё",
    ]


def test_no_row_no_import_of_great_expectations() -> None:
    script = """
import sys
import pandas
from expectations.frames import documents_frame
from expectations.runner import suite_fingerprint, validate
verdict = validate("documents", documents_frame([]))
assert len(verdict.checks) == 15 and verdict.passed and verdict.failing == ()
assert {check.checked for check in verdict.checks} == {0}
assert len(suite_fingerprint()) == 16
assert "great_expectations" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_importing_the_room_is_light() -> None:
    script = """
import sys
import expectations.frames, expectations.previous, expectations.runner
heavy = {"great_expectations", "pandas", "prefect", "deltalake", "lancedb"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_great_expectations_is_quiet(tmp_path: Path) -> None:
    absent = suite_file(tmp_path, rule(BETWEEN, column="absent", max_value=1))
    script = f"""
import logging, pathlib
import pandas
logging.basicConfig(level=logging.DEBUG)
from expectations.runner import validate
validate(pathlib.Path({str(absent)!r}), pandas.DataFrame({{"n": [1, 2]}}))
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert b"great_expectations" not in done.stdout + done.stderr
    assert done.stdout == b""


def test_the_frame_is_let_go(tmp_path: Path) -> None:
    suite = suite_file(tmp_path, rule(BETWEEN, column="n", min_value=0))
    frame = pd.DataFrame({"n": [1, -2]})
    alive = weakref.ref(frame)
    validate(suite, frame)
    del frame
    gc.collect()
    assert alive() is None


def test_threads_do_not_mix_their_verdicts(tmp_path: Path) -> None:
    suite = suite_file(tmp_path, rule(BETWEEN, column="n", min_value=0))
    found: dict[int, list[int]] = {}

    def judge(size: int) -> None:
        verdict = validate(suite, pd.DataFrame({"n": [0] * size + [-1]}))
        found[size] = [at for at, _ in verdict.failing]

    threads = [threading.Thread(target=judge, args=(size,)) for size in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {size: [size] for size in range(12)}


def test_the_suites_are_great_expectations_own_json() -> None:
    import great_expectations as gx

    folder = Path(sys.modules["expectations.suites"].__file__ or "").parent
    for name in ("documents", "chunks", "index"):
        data = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        suite = gx.ExpectationSuite(**data)
        assert suite.name == name
        assert len(suite.expectations) == len(data["expectations"])


def test_the_fingerprint_follows_the_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from expectations import suites

    before = suite_fingerprint()
    for name in suites._RULES:
        (tmp_path / name).write_bytes((suites._FOLDER / name).read_bytes())
    monkeypatch.setattr(suites, "_FOLDER", tmp_path)
    assert suite_fingerprint() == before
    changed = (tmp_path / "documents.json").read_text(encoding="utf-8").replace("1024", "1000")
    (tmp_path / "documents.json").write_text(changed, encoding="utf-8")
    assert suite_fingerprint() != before
    monkeypatch.setattr(suites, "version", lambda _: "99")
    (tmp_path / "documents.json").write_text(changed.replace("1000", "1024"), encoding="utf-8")
    assert suite_fingerprint() != before
