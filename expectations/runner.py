"""The one place that runs Great Expectations (GX): a suite and rows in, a verdict out.

GX takes seconds to import, so it is asked where its word counts: before a row is kept out, for its
own result (Data Docs), and for rules that `arrow_rules` does not know. The other rows are judged by
`arrow_rules`, which says the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from expectations.arrow_rules import Judged, judge
from expectations.suites import Rule, Suite, SuiteName, load_suite, suite_fingerprint
from expectations.values import shown
from schemas.documents import Rejection
from schemas.errors import ConfigError
from schemas.report import CheckResult, Validation

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.data_context.data_context.ephemeral_data_context import (
        EphemeralDataContext,
    )
    from great_expectations.expectations.expectation import Expectation

__all__ = ["failed_as_a_whole", "suite_fingerprint", "validate", "validate_parts"]

# COMPLETE lists every failing row instead of the first 20. Without index columns these are
# positions, and cheap; with them GX builds one dict a row.
_RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 0,
}
_WANTS_MISSING = "expect_column_values_to_be_null"


def validate(
    suite: SuiteName | Path,
    rows: pa.Table | pd.DataFrame,
    keep: Callable[[Any], None] | None = None,
) -> Validation:
    """Judge each of the rows; positions in the verdict count them from 0.

    Stricter than GX in two places. A row with a missing value in a checked column breaks the
    rule, where GX leaves it out. An expectation that could not be evaluated (a column is missing)
    is a must that failed, whatever its severity: see `failed_as_a_whole`.

    `keep` is handed GX's own result, for `data_docs`; it is not called where there is no row.

    Raises:
        ConfigError: the suite cannot be used as it stands.
    """
    loaded = load_suite(suite)
    if not len(rows):
        return Validation(tuple(_passed(loaded, rule) for rule in loaded.expectations), ())
    if isinstance(rows, pa.Table):
        if keep is None and (known := _by_arrow(loaded, rows)):
            return known
        rows = rows.to_pandas()
    return _by_gx(loaded, rows.reset_index(drop=True), keep)


def validate_parts(suite: SuiteName | Path, parts: Iterable[pa.Table]) -> Validation:
    """The verdict over parts as over one table of them all, a part at a time in memory.

    For suites whose rules look at a row alone: equal values in two parts are not seen.
    """
    known = validate(suite, pa.table({}))
    checks, failing, before = known.checks, list(known.failing), 0
    for rows in parts:
        part = validate(suite, rows)
        checks = tuple(map(_joined, checks, part.checks))
        failing += [(before + at, rejection) for at, rejection in part.failing]
        before += len(rows)
    return Validation(checks, tuple(failing))


def _joined(first: CheckResult, second: CheckResult) -> CheckResult:
    """The results of one rule over two parts."""
    return replace(
        second if first.success else first,
        success=first.success and second.success,
        checked=first.checked + second.checked,
        failed=first.failed + second.failed,
    )


def failed_as_a_whole(validation: Validation) -> tuple[CheckResult, ...]:
    """The musts that failed without a row to blame.

    Keeping rows out does not mend these: the run has to stop.
    """
    return tuple(
        check
        for check in validation.checks
        if check.severity == "must" and not check.success and not check.failed
    )


def _passed(suite: Suite, rule: Rule) -> CheckResult:
    return CheckResult(suite.name, rule.meta.name, rule.level, success=True, checked=0, failed=0)


def _by_arrow(suite: Suite, rows: pa.Table) -> Validation | None:
    """The verdict without GX, but for the rows that it would keep out; None where GX must say all.

    What GX says of those rows stands: no document is refused on another's word.
    """
    judged = [(rule, found) for rule in suite.expectations if (found := judge(rule, rows))]
    if len(judged) < len(suite.expectations):
        return None
    doubted = sorted(
        {at for rule, found in judged if rule.level == "must" for at in found.positions}
    )
    confirmed = Validation((), ())
    if doubted:
        confirmed = _by_gx(suite, _taken(rows, doubted).to_pandas())
        if failed_as_a_whole(confirmed):
            return None
    checks: list[CheckResult] = []
    failing: list[tuple[int, Rejection]] = []
    for rule, found in judged:
        own = [
            (doubted[at], one) for at, one in confirmed.failing if one.expectation == rule.meta.name
        ]
        positions = sorted(set(found.positions) - set(doubted))
        own += zip(
            positions,
            _rejections(rule, _taken(rows, positions).to_pydict(), len(positions)),
            strict=True,
        )
        checks.append(_check(suite, rule, found, len(own)))
        failing += own
    return Validation(tuple(checks), tuple(sorted(failing, key=lambda row: row[0])))


def _taken(rows: pa.Table, positions: Sequence[int]) -> pa.Table:
    return rows.take(pa.array(positions, pa.int64()))


def _check(suite: Suite, rule: Rule, found: Judged, failed: int) -> CheckResult:
    return CheckResult(
        suite=suite.name,
        expectation=rule.meta.name,
        severity=rule.level,
        success=not failed,
        checked=found.checked,
        failed=failed,
        reason=rule.meta.reason if failed else "",
    )


def _by_gx(
    suite: Suite, frame: pd.DataFrame, keep: Callable[[Any], None] | None = None
) -> Validation:
    found = _evaluate(suite, frame)
    if keep:
        keep(found)
    every: list[Any] = found.results
    results = {one.expectation_config.meta["name"]: one for one in every}
    verdicts = [_verdict(suite, rule, results, frame) for rule in suite.expectations]
    failing = [row for _, rows in verdicts for row in rows]
    return Validation(
        checks=tuple(check for check, _ in verdicts),
        failing=tuple(sorted(failing, key=lambda row: row[0])),
    )


def _evaluate(suite: Suite, frame: pd.DataFrame) -> ExpectationSuiteValidationResult:
    """GX's own result; each rule's has the rule's name in its `meta`."""
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)  # its import logs, too
    import great_expectations as gx

    expectations = [_expectation(suite, rule) for rule in suite.expectations]
    context = _context()
    source = context.data_sources.add_pandas("frames")
    whole = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("whole")
    batch = whole.get_batch({"dataframe": frame})
    checked = gx.ExpectationSuite(name=suite.name, expectations=expectations)
    found = batch.validate(checked, result_format=_RESULT_FORMAT)
    context.data_sources.delete("frames")  # GX keeps the last context, and with it the frame
    return found


def _context() -> EphemeralDataContext:
    """A context in memory: nothing is written, sent or drawn."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _expectation(suite: Suite, rule: Rule) -> Expectation:
    """The rule as GX's own object. A suite of GX would drop an unknown type with a log line."""
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        return ExpectationConfiguration(**rule.model_dump()).to_domain_obj()
    except (GreatExpectationsError, ValueError, TypeError) as error:
        raise ConfigError(
            f"suite {suite.name!r}: {rule.meta.name} ({rule.type}) is no expectation that Great "
            f"Expectations can evaluate: {error}"
        ) from None


def _verdict(
    suite: Suite,
    rule: Rule,
    results: dict[str, ExpectationValidationResult],
    frame: pd.DataFrame,
) -> tuple[CheckResult, list[tuple[int, Rejection]]]:
    result = results[rule.meta.name]
    error = _error(result)
    if error:
        reason = f"{rule.meta.name} could not be evaluated: {error}"
        return CheckResult(suite.name, rule.meta.name, "must", False, 0, 0, reason), []
    listed = set(result.result.get("unexpected_index_list") or ())
    positions = sorted(listed | _missing(rule, frame))
    success = bool(result.success) and len(positions) == len(listed)
    check = CheckResult(
        suite=suite.name,
        expectation=rule.meta.name,
        severity=rule.level,
        success=success,
        checked=result.result.get("element_count", len(frame)),
        failed=len(positions),
        reason="" if success else rule.meta.reason,
    )
    rows = frame.iloc[positions]
    columns: dict[str, list[Any]] = {str(name): rows[name].tolist() for name in rows}
    if "doc_id" in rows:
        columns["doc_id"] = rows["doc_id"].fillna("").tolist()
    return check, list(zip(positions, _rejections(rule, columns, len(rows)), strict=True))


def _error(result: ExpectationValidationResult) -> str:
    """What kept GX from evaluating; empty where nothing did."""
    info: dict[str, Any] = result.exception_info or {}
    if info.get("raised_exception") is False:
        return ""
    by_metric = [entry for entry in info.values() if isinstance(entry, dict)] or [info]
    return shown(min(str(entry.get("exception_message") or "no message") for entry in by_metric))


def _missing(rule: Rule, frame: pd.DataFrame) -> set[int]:
    if rule.type == _WANTS_MISSING or not rule.columns:
        return set()
    missing = frame[list(rule.columns)].isna().any(axis=1)
    return set(frame.index[missing].tolist())


def _rejections(rule: Rule, rows: Mapping[str, Sequence[Any]], count: int) -> list[Rejection]:
    """A rejection for each of `count` rows, given as columns."""
    doc_ids = rows.get("doc_id", [""] * count)
    show = rule.meta.show
    columns = [show] if show and show in rows else list(rule.columns)
    values = zip(*(rows[column] for column in columns), strict=True)
    return [
        Rejection(doc_id, rule.meta.name, rule.level, rule.meta.reason, _value(columns, row))
        for doc_id, row in zip(doc_ids, values, strict=True)
    ]


def _value(columns: Sequence[str], row: Sequence[object]) -> str:
    """The value itself, or `name=value` of each where the rule compares several columns."""
    if len(columns) == 1:
        return shown(row[0])
    return shown(", ".join(f"{name}={value}" for name, value in zip(columns, row, strict=True)))
