"""A lakehouse with rows in every table, made by nights with a toy encoder and by real verbs."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from almanac.adapters.files import CONFIG, WEIGHTS
from almanac.assistants.configured import configured, configured_version
from almanac.journal import Journal, journal_places
from lakehouse.assistants import Gate
from lakehouse.costs import StoredCall
from lakehouse.rollouts import Judgement
from lakehouse.synthetic_corrections import SyntheticCorrection
from lakehouse.training import Adapter
from schemas.documents import Access
from schemas.feedback import Request, Vote
from schemas.hashing import sha256_bytes
from testing.command_line import almanac
from testing.house import FIRST_NIGHT, House

ADAPTER = "a0" * 32
ASSISTANT = "documents"
AT = FIRST_NIGHT + timedelta(days=1)
PRINTER = "The printer in the hall prints only after a visitor shows the orange badge."
CONFIG_FILE = """\
lakehouse = "lake"
durability = "{durability}"

[sources.documents]
uri = "docs"

[retention]
keep_last = 3
daily = 0
weekly = 0
monthly = 0
yearly = 0
grace_minutes = 0

[triage]
meaning = []

[dataset]
held_back = 0.0
meaning = false

[rollouts]
min_minutes = 0
"""


@dataclass(frozen=True, slots=True)
class Names:
    """What verbs are asked about: versions of the assistant, the rollout, the dataset."""

    candidate: str
    other: str
    rollout: str
    dataset: str


def full_house(root: Path, durability: str = "none") -> tuple[House, Names, Path]:
    """The house, the names in it, and a copy of its lakehouse as it was two nights ago."""
    house = House(root, durability=durability)
    house.keep(keep_last=3)
    text = CONFIG_FILE.format(durability=durability)
    (root / "almanac.toml").write_text(text, encoding="utf-8")
    _nights(house, range(1, 4))
    names = _everything(house)
    older = house.copied_to(root.parent / "older")
    _nights(house, range(4, 6))
    _more(house)
    return house, names, Path(older.settings.lakehouse)


def _nights(house: House, days: range) -> None:
    for day in days:
        house.put("printer", PRINTER, f"Day {day} of the printer.")
        house.put("mail", f"Mail on day {day}: a lost password is set again at the reception.")
        house.put(f"new-{day}", f"What came on day {day}: the backup writes to the second disk.")
        house.put(f"forget-{day}", f"Person {day} likes to be forgotten.")
        (house.docs / "broken.pdf").write_bytes(b"no PDF %d" % day)
        house.night(day)


def _requests(house: House, *names: str) -> None:
    """Disliked requests that were shown the printer's page, one of them with a correction."""
    rows = [row for row in house.rows(2).to_pylist() if row["doc_id"] == "printer.md"]
    log = [
        {
            "request_id": name,
            "asked_at": AT.isoformat(),
            "user_id": f"user-{name}",
            "question": "Which badge does a visitor show to the printer in the hall?",
            "response": "The green one.",
            "context": [{"chunk_id": row["chunk_id"], "text": row["text"]} for row in rows],
            "release": 2,
        }
        for name in names
    ]
    votes = [
        {
            "request_id": name,
            "user_id": f"user-{name}",
            "rating": -1,
            "rated_at": (AT + timedelta(hours=1)).isoformat(),
            "correction": "the orange badge" if at == 0 else None,
        }
        for at, name in enumerate(names)
    ]
    log.append({"request_id": "without-question", "asked_at": AT.isoformat()})
    for file, lines in (("log.jsonl", log), ("votes.jsonl", votes)):
        text = "".join(json.dumps(one) + "\n" for one in lines)
        (house.root / file).write_text(text, encoding="utf-8")
    _run(house, "feedback", "import", "log.jsonl", "votes.jsonl")


def _everything(house: House) -> Names:
    """Feedback, triage, a dataset, an adapter, an assistant's versions, a rollout."""
    lake = house.lake
    _requests(house, "fault", "bare")
    (house.root / "labels.jsonl").write_text(
        '{"request_id": "bare", "cause": "model_fault"}\n', encoding="utf-8"
    )
    (house.root / "answer.j2").write_text(
        "{% block system %}Answer from the passages.{% endblock %}"
        "{% block user %}{{ question }}{% endblock %}",
        encoding="utf-8",
    )
    _run(house, "triage")
    _run(house, "triage", "label", "--in", "labels.jsonl")
    _run(house, "dataset", "build")
    _run(house, "prompt", "push", "answer.j2")
    made = [
        json.loads(_run(house, "assistant", "create", ASSISTANT, "--set", f"retrieval.k={k}",
                        "--json"))["version"]
        for k in (4, 5)
    ]  # fmt: skip
    for version in made:
        _run(house, "assistant", "stage", version, "staging")
    started = json.loads(_run(house, "rollout", "start", ASSISTANT, made[0], "--json"))
    names = Names(made[0], made[1], started["rollout"], lake.datasets.manifest()["dataset"])
    _model_of(house)
    _judged(house, names)
    keys = [("documents", f"{name}.md") for name in ("printer", "mail")]
    lake.access.record(dict.fromkeys(keys, Access(("public",), "rule")), AT)
    _run(house, "erase", "--doc", "forget-1.md", "--yes")
    return names


def _more(house: House) -> None:
    """Newer rows of what decides, so that an older copy of a file is another one."""
    _requests(house, "later")
    lake = house.lake
    _run(house, "triage")
    lake.adapters.append([_adapter(lake.adapters.current()[0].record, "staging")])
    lake.access.record({("documents", "mail.md"): Access(("user:ada",), "rule")}, AT)
    _run(house, "retention", "apply", "--yes")
    place = journal_places(lake.location.uri)[0]
    with closing(Journal(place)) as journal:
        journal.append_request(Request("waits", AT, "u", "Who waits?", "This one."))


def _model_of(house: House) -> None:
    lake = house.lake
    files = {}
    for name, data in ((WEIGHTS, b"weights"), (CONFIG, b'{"r": 2, "peft_type": "LORA"}')):
        path = f"adapters/{ADAPTER}/{name}"
        lake.put_file(path, data)
        files[path] = {"bytes": len(data), "sha256": sha256_bytes(data)}
    record = {"dataset": lake.datasets.manifest()["dataset"], "method": "sft"}
    record |= {"name": "almanac-documents", "files": files}
    lake.adapters.append([_adapter(record, "candidate")])
    result = json.dumps({"scores": {}})
    row = {"adapter_id": ADAPTER, "request_id": "fault", "part": "held_back", "result": result}
    lake.evaluations.keep([row])
    correction = SyntheticCorrection("key", "bare", {"verdict": "model_fault", "answer": "orange"})
    lake.synthetic_corrections.append([correction])
    lake.delta("ann_models").append(
        [{"lance_table": "another", "ivf": b"ivf", "pq": b"pq", "subvectors": 2}]
    )


def _adapter(record: object, status: str) -> Adapter:
    return Adapter(
        ADAPTER, status, ("fault",), record, 0, "ada", "read it", "run", AT  # type: ignore[arg-type]
    )  # fmt: skip


def _judged(house: House, names: Names) -> None:
    lake = house.lake
    given = configured_version(house.settings, next(iter(configured(house.settings)))).spec.version
    lake.assistant_gates.append(
        Gate("gate", ASSISTANT, names.other, given, True, {"reasons": []}, "ada", AT)
    )
    lake.judgements.append(
        [
            Judgement(
                request_id="fault", judge="judge", ordinal=1, measure="pair", verdict="equal",
                score=0.0, reason="", rollout=names.rollout, arm="current",
                result={"status": "answered"}, prompt="p", at=datetime.now(UTC),
            )
        ]
    )  # fmt: skip
    lake.costs.append(
        [StoredCall(AT, "judge", "local", "m", 10, 5, 0, "endpoint", "0.001", 1_000, ASSISTANT)]
    )
    lake.requests.append(
        [Request("arm", AT, "u", "Who?", "Ann.", rollout=names.rollout, arm="candidate")]
    )
    lake.votes.append([Vote("arm", "u", AT, 1)])


def _run(house: House, *arguments: str) -> str:
    done = almanac(house, *arguments)
    if done.code:
        raise AssertionError(f"almanac {' '.join(arguments)}: {done.said}")
    return done.out
