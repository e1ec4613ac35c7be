"""The page of a night: what it says at the top, what to do next, and nothing that acts."""

from __future__ import annotations

from typing import Any

import pytest

from almanac.core.markdown import link
from almanac.ingest.page import night_page
from schemas.errors import (
    AlmanacError,
    CandidateWaits,
    ConfigError,
    LeaseHeld,
    LossesRefused,
    SourceUnavailable,
    TimePast,
)
from tasks.next_steps import (
    after_failed_night,
    after_failed_report,
    after_failure,
    after_night,
)

NIGHT: dict[str, Any] = {
    "status": "published",
    "release": 3,
    "as_of": "2026-03-03T02:00:00Z",
    "published": True,
    "run": "run-3",
    "message": "",
    "caught_up": "",
    "documents": {"added": 1, "modified": 0, "deleted": 30, "unchanged": 5, "quarantined": 1},
    "chunks": {"total": 9, "added": 1, "removed": 30, "embedded": 1, "reused": 0},
    "changed": [{"change": "deleted", "source": "docs", "doc_id": "a|`<script>`.md"}],
    "tokens_embedded": 2_000,
    "cost": 0.5,
    "recall": {"k": 10, "questions": 4, "mean": 0.75},
    "index": None,
    "quarantine": {
        "rows": 25,
        "new": 1,
        "resolved": 0,
        "by_rule": [{"severity": "must", "expectation": "pdf_is_readable", "rows": 25}],
        "first": [
            {
                "source": "docs",
                "doc_id": "b.pdf",
                "expectation": "pdf_is_readable",
                "severity": "must",
                "reason": "<b>no</b> | intact",
            }
        ],
    },
    "checks": [
        {
            "suite": "documents",
            "expectation": "x",
            "severity": "should",
            "success": False,
            "checked": 6,
            "failed": 1,
            "reason": "why",
        }
    ],
    "data_docs": {},
    "seconds": {"read": 1.0, "total": 2.0},
}


def form(text: str, changed: Any) -> Any:
    return link(f"https://ui/form?{sorted(changed.items())}", text)


def test_a_published_night_says_what_changed_and_what_to_do() -> None:
    page = night_page(NIGHT, after_night(NIGHT))
    assert page.startswith("# Published release 3 as of 2026-03-03T02:00:00Z.\n")
    assert "| recall@10 | 0.7500 on 4 golden questions |" in page
    assert "| cost | 0.5000 for 2,000 tokens |" in page
    assert "| deleted | `a\\|'<script>'.md` | docs |" in page
    assert "The first 1 of 31; all of them: `almanac trace release:3 --limit 31`." in page
    assert "| `b.pdf` | pdf_is_readable | must | \\<b\\>no\\</b\\> \\| intact |" in page
    assert "The first 1 of 25; all of them: `almanac quarantine list`." in page
    assert "- After mending the documents: `almanac quarantine retry`" in page
    assert "| documents | x | should | 6 | 1 | why |" in page


def test_a_refused_night_says_so_first_and_then_why() -> None:
    refused = NIGHT | {"status": "refused", "published": False, "message": "30 of 35 are gone."}
    page = night_page(refused, after_failure(LossesRefused("30 of 35 are gone."), form))
    assert page.startswith("# Refused: nothing was published\n\n30 of 35 are gone.\n")
    assert "([accept the losses](https://ui/form?" in page
    assert "## What has changed in the sources" in page
    assert "The first 1 of 31.\n" in page  # `almanac plan` counts them and names none


def test_a_night_whose_report_failed_says_that_its_release_answers() -> None:
    message = "Published release 3; its report failed: the disk is full"
    page = night_page(NIGHT | {"message": message}, after_failed_report(3))
    assert page.startswith(f"# {message}\n")
    assert "- Release 3 answers; `almanac trace release:3`" in page
    assert "nothing was published" not in page.lower()


def test_what_nobody_foresaw_stopped_a_night_or_another_flow() -> None:
    assert "`almanac doctor`" in " ".join(after_failed_night(OSError("disk"), form))
    assert after_failure(OSError("disk"), form) == [
        "Nobody foresaw this: the run's log has the traceback.",
        "Then run it again ([run it again](https://ui/form?[])).",
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LossesRefused(""), "`almanac nightly --accept-losses`"),
        (CandidateWaits(""), "`almanac nightly --accept-upgrade`"),
        (TimePast(""), "Run it without `--as-of`"),
        (SourceUnavailable(""), "can be reached with the worker's credentials"),
        (LeaseHeld(""), "`lease.wait_seconds`: 600 where it was deployed, 0 from a shell"),
        (ConfigError(""), "docs/configuration.md"),
        (AlmanacError(""), "Mend what the message names"),
        (OSError("disk"), "the run's log has the traceback"),
    ],
)
def test_each_reason_has_its_next_step(error: Exception, said: str) -> None:
    assert said in " ".join(after_failure(error))


def test_a_night_without_anything_to_do_says_nothing() -> None:
    quiet = NIGHT | {"quarantine": {"rows": 0}, "checks": []}
    assert after_night(quiet) == []
    nothing = quiet | {"release": None, "documents": {"added": 0}}
    assert "The sources hold no document" in after_night(nothing)[0]
    missed = after_night(quiet | {"caught_up": "Nothing had run at 2 times."})
    assert "into another lakehouse, with the flow *backfill*" in missed[0]
    [held] = after_night(quiet | {"status": "held", "published": False}, form)
    assert "([run without the hold](https://ui/form?" in held
