"""Which flow mends which drift: the smallest one that can. `almanac up` makes automations of this.

documents: `doctor` with healing. Many new documents are what an index is most easily wrong about:
rows that its indexes do not cover, rows that a killed run left out. Doctor holds every row against
the Delta tables and mends only what differs. What no flow can mend it leaves to people, and the
page of the watch names it: golden questions about what is new, the script that the full-text index
stems, the window and languages of the embedder. An approximate index keeps the partitions that it
was trained with, on purpose (see `lakehouse.ann`), so nothing is trained again here.

questions: `feedback`, looking into every dislike again. Its triage tells questions whose answer no
document has from those that the search missed, with the index of today, and leaves the list of what
to write: that is what is missing where users ask for something else.

answers: `tune`, where enough new faults of the model stand and the last tune rested. Faults of the
model are what training mends, and the limits that the operator set for a tune that starts by itself
hold here too; where they are not reached it ends at once and says so. Misses of the retrieval and
missing sources are on the work list of `feedback` already, which runs before the watch every day.
"""

from __future__ import annotations

from typing import Any

EVENTS = {kind: f"almanac.drift.{kind}" for kind in ("documents", "questions", "answers")}
REACTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    EVENTS["documents"]: ("doctor/doctor", {"heal": True}),
    EVENTS["questions"]: ("feedback/feedback", {"triage_again": True}),
    EVENTS["answers"]: ("tune/tune", {"only_if_due": True}),
}
