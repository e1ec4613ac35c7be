"""What `expectations.arrow_rules` says of rows is what Great Expectations says of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expectations.arrow_rules import judge
from expectations.frames import documents_frame
from expectations.runner import failed_as_a_whole, validate, validate_parts
from expectations.suites import Rule, SuiteName, load_suite
from tests.expectations.samples import broken, document, rule, suite_file

# Where the classes of characters, lengths and folding of case go apart between engines.
_TEXTS = [
    "",
    " ",
    "\t\n\x0b\x0c\r\x1c\x85",
    "\u00a0\u2003\u200b\ufeff\u2060\u180e",
    "\u0378",  # not assigned
    "\ue000",  # for private use
    "\x00a",
    "\U000e0001",
    "a\nb",
    "e\u0301",
    "Ⅷ ½ ²",
    "١٢٣",
    "語",
    "😀👩‍👩‍👧",
    "—" * 12,
    "404",
    "404 Not Found",
    "  NOT FOUND | Wiki",
    "Ошибка 404: страница не найдена",
    "ОШИБКА 404",
    "Sign ın",  # without a dot: no folding makes it an i
    "ſign in",  # the long s: folds to s
    "sign in\nto your account",
    "log in to your account.",
    "Doc\x00",
    "x" * 1_000,
    "x" * 1_001,
    "ж" * 1_024,
    "ж" * 1_025,
    "😀" * 513,
]
_NUMBERS = [-1, 0, 1, 2, 9, 10, 11, 1999, 2000, 2100, 10**7, 10**7 + 1, 2**53 + 1, 2**62]
_SHARES = [0.0, 0.001, 0.0010000001, 0.1, 0.1 + 2e-17, 0.5, 0.5000001, 1.0, float("inf"), -0.0]
_BOOLS = {"valid_unicode", "has_nul", "answers_fit_origin", "answers_differ", "corrects_a_like"}
_FLOATS = {"undecoded_share", "repeated_share", "unbroken_share", "least_count"}
_IDS = {"doc_id", "request_id", "user_id", "example_id"}
_TEXT_COLUMNS = {"text", "title", "heading", "digest", "expected_digest", "question", "response"}
_TEXT_COLUMNS |= {"last_role", "side", "origin", "cause"} | _IDS
_WORDS = ["user", "train", "held_back", "correction", "teacher", "model_fault", "liked", "User"]

_text = st.one_of(
    st.sampled_from([*_TEXTS, *_WORDS]),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=30),
)
_number = st.one_of(st.sampled_from(_NUMBERS), st.integers(-(2**62), 2**62))
_share = st.one_of(st.sampled_from(_SHARES), st.floats(allow_nan=False))


def columns_of(suite: SuiteName) -> list[str]:
    rules = load_suite(suite).expectations
    names = {name for rule in rules for name in rule.columns}
    names |= {rule.meta.show for rule in rules if rule.meta.show}
    return sorted({"doc_id", *names} | ({"characters"} if suite == "documents" else set()))


def kind_of(name: str) -> tuple[Any, pa.DataType]:
    if name in _BOOLS:
        return st.booleans(), pa.bool_()
    if name in _FLOATS:
        return _share, pa.float64()
    if name in _TEXT_COLUMNS:
        return _text, pa.large_string()
    return _number, pa.int64()


@st.composite
def tables(draw: Callable[..., Any], suite: SuiteName) -> pa.Table:
    size = draw(st.integers(1, 60))
    columns = {}
    for name in columns_of(suite):
        values, type_ = kind_of(name)
        columns[name] = pa.array(draw(st.lists(values, min_size=size, max_size=size)), type_)
    return pa.table(columns)


@pytest.mark.parametrize("suite", ["documents", "chunks", "index", "requests", "votes", "examples"])
def test_the_verdict_is_that_of_great_expectations(suite: SuiteName) -> None:
    """Row by row and rule by rule, values and counts too, over random and adversarial columns."""

    @given(tables(suite))
    @settings(
        max_examples=5,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def holds(rows: pa.Table) -> None:
        theirs = validate(suite, rows.to_pandas())
        judged = [(each, judge(each, rows)) for each in load_suite(suite).expectations]
        for (each, found), check in zip(judged, theirs.checks, strict=True):
            assert found is not None, each.meta.name
            positions = [at for at, one in theirs.failing if one.expectation == each.meta.name]
            assert list(found.positions) == positions, each.meta.name
            assert found.checked == check.checked, each.meta.name
        assert validate(suite, rows) == theirs

    holds()


def test_all_texts_of_the_list_are_judged_alike() -> None:
    texts = [*_TEXTS, *_WORDS, *_TEXTS[:3]]
    rows = pa.table({name: pa.array(texts, pa.large_string()) for name in ("doc_id", "title")})
    documents = documents_frame([document(f"{at}.md", text) for at, text in enumerate(texts)])
    documents = documents.drop_columns(["doc_id", "title"])
    for name in rows.column_names:
        documents = documents.append_column(name, rows[name])
    assert validate("documents", documents) == validate("documents", documents.to_pandas())


@pytest.mark.parametrize(
    ("type_", "kwargs"),
    [
        ("expect_column_values_to_be_between", {"column": "n", "min_value": 0, "mostly": 0.5}),
        ("expect_column_values_to_be_between", {"column": "t", "min_value": 0}),
        ("expect_column_values_to_be_between", {"column": "absent", "min_value": 0}),
        ("expect_column_values_to_be_between", {"column": "holes", "min_value": 0}),
        ("expect_column_values_to_be_between", {"column": "nan", "min_value": 0}),
        ("expect_column_values_to_be_between", {"column": "n"}),
        ("expect_column_values_to_match_regex", {"column": "n", "regex": "1"}),
        ("expect_column_values_to_be_in_set", {"column": "n", "value_set": ["1"]}),
        ("expect_column_values_to_be_in_set", {"column": "n", "value_set": []}),
        ("expect_column_values_to_be_in_set", {"column": "n", "value_set": [2**70]}),
        ("expect_column_values_to_be_in_set", {"column": "t", "value_set": ["\ud800"]}),
        ("expect_column_values_to_match_regex", {"column": "t", "regex": "1(?!2)"}),
        (
            "expect_column_values_to_be_between",
            {"column": "n", "min_value": 0, "row_condition": "n > 0 and n < 3"},
        ),
        ("expect_compound_columns_to_be_unique", {"column_list": ["n", "t"]}),
        ("expect_column_values_to_not_be_null", {"column": "n"}),
    ],
)
def test_what_is_not_known_is_left_to_great_expectations(
    type_: str, kwargs: dict[str, Any]
) -> None:
    rows = pa.table({"n": [1, 2], "t": ["1", "2"], "holes": [1, None], "nan": [1.0, float("nan")]})
    if type_ == "expect_compound_columns_to_be_unique":
        kwargs = {**kwargs, "ignore_row_if": "any_value_is_missing"}
    assert judge(Rule.model_validate(rule(type_, **kwargs)), rows) is None


def test_a_suite_with_a_rule_of_another_kind_is_judged_whole(tmp_path: Path) -> None:
    suite = suite_file(
        tmp_path,
        rule("expect_column_values_to_be_between", "small", "warning", column="n", max_value=1),
        rule("expect_column_values_to_be_increasing", "rising", column="n"),
    )
    verdict = validate(suite, pa.table({"n": [1, 3, 2]}))
    assert broken(verdict) == [(1, "small", "3"), (2, "small", "2"), (2, "rising", "2")]


def test_rows_that_break_no_must_need_no_great_expectations() -> None:
    script = """
import sys
from expectations.frames import documents_frame
from expectations.runner import failed_as_a_whole, validate, validate_parts
from tests.expectations.samples import document
verdict = validate("documents", documents_frame([document("a.md"), document("b.md", "tiny")]))
assert [one.expectation for _, one in verdict.failing] == ["text_is_not_tiny"]
assert "great_expectations" not in sys.modules
verdict = validate("documents", documents_frame([document("a.md"), document("b.md", " ")]))
assert verdict.kept_out == {1}
assert "great_expectations" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_parts_are_judged_as_the_whole() -> None:
    texts = ["tiny", "", "A long enough text.", "—" * 12, "x", "Another long enough text."]
    documents = [document(f"{at}.md", text) for at, text in enumerate(texts)]
    parts = [documents[:2], documents[2:3], documents[3:]]
    together = validate("documents", documents_frame(documents))
    assert not together.passed
    assert validate_parts("documents", map(documents_frame, parts)) == together
    good = [documents_frame([documents[2]]), documents_frame([documents[5]])]
    assert validate_parts("documents", good).passed
    assert {check.checked for check in validate_parts("documents", []).checks} == {0}


def test_a_part_that_cannot_be_judged_fails_the_whole(tmp_path: Path) -> None:
    suite = suite_file(
        tmp_path,
        rule("expect_column_values_to_be_between", "rule", "warning", column="n", max_value=1),
    )
    verdict = validate_parts(suite, [pa.table({"n": [1]}), pa.table({"m": [1]})])
    (check,) = failed_as_a_whole(verdict)
    assert (check.severity, check.checked) == ("must", 1)
    assert check.reason.startswith("rule could not be evaluated: ")
