"""Make the lakehouses of this version: `python -m tests.compat.make FOLDER [NAME...]`.

Two projects are written below FOLDER, packed as `<name>.tar.xz`, each with `recorded.json`: what
this version answers as of each release. They go to `tests/compat/written/<version>/`, and stay
there as they are: a new version adds its own.

Everything goes through the command line, but the run on a schedule, which Prefect must start.
"""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lakehouse import open_lakehouse
from schemas.hashing import sha256_text
from tests.compat.project import CommandFailed, Project, endpoints
from tests.dataset.logged import THINGS

DAY = timedelta(days=1)
CONFIG = """\
lakehouse = "lake"

[sources.documents]
uri = "docs"

[chunker]
target_tokens = {target}

[embedder]
provider = "openai"
model = "words-{dimension}"
revision = "1"
dimension = {dimension}
normalize = false

[index]
ann_above_rows = 1000

[loss_limits]
min_documents = 1000

[retention]
keep_last = 3
daily = 0
weekly = 0
monthly = 0
yearly = 0
grace_minutes = 0

[feedback]
log = "log.jsonl"
votes = "votes.jsonl"

[dataset]
languages = ["en"]

[tuning]
workdir = "../jobs"
min_questions = 4
"""
RECIPE = """\
method: sft
learning_rate: 0.02
max_steps: 4
save_steps: 2
eval_steps: 2
threads: 1
lora: {r: 2, alpha: 8, target_modules: [q_proj, v_proj]}
max_length: 512
"""


def main(folder: Path, *names: str) -> None:
    """Write the projects of these names, all unless given, and pack them."""
    from prefect.testing.utilities import prefect_test_harness

    from tests.training.tiny import make_tiny_base

    folder.mkdir(parents=True, exist_ok=True)
    base = make_tiny_base(folder / "tiny-llama")
    with endpoints(base), prefect_test_harness(server_startup_timeout=180):
        for make in (everything, approximate):
            name = make.__name__
            if names and name not in names:
                continue
            project = Project(folder / name)
            shutil.rmtree(project.root, ignore_errors=True)
            (project.root / "docs").mkdir(parents=True)
            make(project)
            recorded = json.dumps(record(project), indent=1, sort_keys=True)
            (project.root / "recorded.json").write_text(recorded + "\n", encoding="utf-8")
            pack(project.root, folder / f"{name}.tar.xz")


def pack(root: Path, file: Path) -> None:
    """Write a project without the names and times of this machine."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(file, "w:xz", preset=9) as archive:
        archive.add(root, root.name, filter=plain)


def everything(project: Project) -> None:
    """All tables, two embedders, a candidate, a restore, missed times, an erasure, hot and cold."""
    newest = newest_two()
    configure(project, 16)
    nights(project, newest)
    feedback(project, newest)
    project.almanac("triage")
    project.almanac("dataset", "build")
    another_embedder(project, newest)
    on_schedule(project, newest)
    project.almanac("restore", "--as-of", "6", "--reason", "tried", "--hold")
    project.put("held.md", "# Held\n\nThis page comes while a restore holds runs back.\n")
    project.almanac("nightly")
    project.almanac("nightly", "--lift-hold")
    project.almanac("triage")
    project.almanac("erase", "--doc", "secret.md", "--source", "documents")
    project.almanac("erase", "--user", "u-erased")
    project.almanac("dataset", "build")
    adapters(project)
    project.almanac("retention", "apply")
    project.almanac("restore", "--as-of", "1", "--mode", "reopen")


def approximate(project: Project) -> None:
    """An index above `ann_above_rows`, grown and shrunk after its training."""
    newest = newest_two()
    configure(project, 16, target=8)
    for part in range(10):
        sections = (
            f"## Room {room}\n\nRoom {room} of part {part}: {THINGS[room * 7 % 20]}, seat {room}.\n"
            for room in range(part * 36, part * 36 + 36)
        )
        project.put(f"part-{part}.md", f"# Part {part}\n\n" + "\n".join(sections))
    nightly(project, newest - 4 * DAY)
    project.put("printer.md", "# Printer\n\nThe printer is in room 17, behind the badge reader.\n")
    nightly(project, newest - 3 * DAY)
    project.put("part-0.md", "# Part 0\n\nThis part was torn down.\n")
    nightly(project, newest - 2 * DAY)


def configure(project: Project, dimension: int, target: int = 40) -> None:
    """Write the configuration with the embedder of that many numbers."""
    text = CONFIG.format(dimension=dimension, target=target)
    project.config.write_text(text, encoding="utf-8")


def nights(project: Project, newest: datetime) -> None:
    """Releases 1 to 3: documents come, change, move and go; some are quarantined."""
    for number in range(1, 9):
        text = f"# Guide {number}\n\nGuide {number} says where room {number} is.\n"
        project.put(f"guide-{number}.md", text)
    project.put("printer.md", "# Printer\n\nThe printer on floor two wants a badge.\n")
    project.put("backup.md", "# Backup\n\nThe backup starts at two, on the second disk.\n")
    project.put("parking.md", "# Parking\n\nParking is behind the building.\n")
    rows = "".join(f'{{"id": {n}, "text": "Item {n} is on shelf {n}."}}\n' for n in range(6))
    project.put("items.jsonl", rows)
    nightly(project, newest - 12 * DAY)
    project.put("backup.md", "# Backup\n\nThe backup starts at three, on the second disk.\n")
    project.put("badge.md", "# Badge\n\nA lost badge is blocked at the reception.\n")
    project.put("blank.html", "<p> </p>")
    project.put("secret.md", "# Secret\n\nOnly this page knows the number of the safe.\n")
    project.put("items.jsonl", rows.replace('{"id": 4, "text"', '{"id": 4, "te'))
    nightly(project, newest - 11 * DAY)
    (project.root / "docs" / "parking.md").unlink()
    (project.root / "docs" / "secret.md").unlink()
    (project.root / "docs" / "guide-8.md").rename(project.root / "docs" / "moved.md")
    project.put("items.jsonl", rows)
    nightly(project, newest - 10 * DAY)
    nightly(project, newest - 9 * DAY)


def another_embedder(project: Project, newest: datetime) -> None:
    """Release 4 is a candidate, 5 is the same index, accepted; 6 changes it."""
    configure(project, 24)
    try:
        nightly(project, newest - 8 * DAY)
    except CommandFailed as refused:
        assert "release 4" in str(refused)
    nightly(project, newest - 7 * DAY, "--accept-upgrade")
    project.put("printer.md", "# Printer\n\nThe new printer on floor three wants no badge.\n")
    nightly(project, newest - 6 * DAY)


def nightly(project: Project, at: datetime, *options: str) -> Any:
    """A nightly run as of a time."""
    return project.almanac("nightly", "--as-of", at.isoformat(), *options)


def newest_two() -> datetime:
    """Two o'clock of the last night, UTC."""
    now = datetime.now(UTC)
    today = now.replace(hour=2, minute=0, second=0, microsecond=0)
    return today if today <= now else today - DAY


def on_schedule(project: Project, newest: datetime) -> None:
    """The newest run of a nightly schedule, which tells the times before it as missed."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.flow_engine import run_flow
    from prefect.states import Scheduled

    from flows.nightly import nightly as flow

    project.put("scheduled.md", "# Schedule\n\nThe nightly run starts at two.\n")
    schedule = CronSchedule(cron="0 2 * * *", timezone="UTC")
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            flow_id=client.create_flow(flow),
            name="nightly",
            schedules=[DeploymentScheduleCreate(schedule=schedule, active=True)],
            parameters={"config": str(project.config)},
            paused=True,
        )
        run = client.create_flow_run_from_deployment(
            deployment, state=Scheduled(scheduled_time=newest), tags=["auto-scheduled"]
        )
        run_flow(flow, flow_run=run, parameters=run.parameters)


def feedback(project: Project, newest: datetime) -> None:
    """Import a log with votes, a log of a user who is erased later, and one with broken rows."""
    asked = newest - 9 * DAY
    requests = [request(number, asked) for number in range(40)]
    votes = [vote(number, asked) for number in range(40)]
    votes.append(votes[1] | {"user_id": "u-other", "rating": 1, "correction": None})
    project.write_lines("log.jsonl", requests)
    project.write_lines("votes.jsonl", votes)
    project.almanac("feedback", "import")
    mine = [request(number, asked) | {"user_id": "u-erased"} for number in (50, 51)]
    project.write_lines("erased.jsonl", mine)
    project.almanac("feedback", "import", str(project.root / "erased.jsonl"))
    broken = ['{"request_id": "half', requests[3] | {"question": "Another question?"}]
    project.write_lines("broken.jsonl", broken)
    project.almanac("feedback", "import", str(project.root / "broken.jsonl"))
    for name in ("erased.jsonl", "broken.jsonl"):
        (project.root / name).unlink()


def request(number: int, asked: datetime) -> dict[str, Any]:
    """A request of the log; of every tenth Almanac's release is known."""
    thing = THINGS[number % len(THINGS)]
    passage = f"Office {number} on floor {number} takes care of {thing}."
    row = {
        "request_id": f"r-{number:03d}",
        "asked_at": (asked + timedelta(minutes=number)).isoformat(),
        "user_id": f"u-{number:03d}",
        "session_id": f"s-{number:03d}",
        "question": f"Which office on floor {number} takes care of {thing}?",
        "response": f"Nobody knows who looks after {thing} these days.",
        "context": [{"chunk_id": f"c-{number}", "text": passage}],
        "lang": "en",
        "source": "wiki",
    }
    if number % 10 == 0:
        row |= {
            "release": 3,
            "question": "Where is the printer?",
            "latency_ms": 12.5,
            "model": "m-1",
            "response": "The printer is in the cellar.",
        }
    return row


def vote(number: int, asked: datetime) -> dict[str, Any]:
    """A vote on it: every third likes the answer, the others say a better one."""
    liked = number % 3 == 0
    right = f"Office {number} takes care of {THINGS[number % len(THINGS)]}."
    if number % 10 == 0:
        right = "The printer is on floor two."
    return {
        "request_id": f"r-{number:03d}",
        "user_id": f"u-{number:03d}",
        "rated_at": (asked + timedelta(minutes=number, seconds=30)).isoformat(),
        "rating": 1 if liked else -1,
        "correction": None if liked else right,
    }


def adapters(project: Project) -> None:
    """One that the gate refuses, a few steps teaching nothing, and one that is in production."""
    from almanac.adapters import files, promotion
    from schemas.settings import load_settings

    recipe = project.root / "recipe.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    refused = project.almanac("tune", "--recipe", str(recipe))
    settings = load_settings(project.config)
    lake = open_lakehouse(settings.lakehouse)
    step = lake.adapters.find(refused["adapter_id"])
    other = sha256_text(step.adapter_id)
    job = project.root.parent / "jobs" / step.adapter_id[:16]
    made = dict(step.record) | {"files": files.store(lake, other, job)}
    promotion.offer(settings, other, made, step.trained_on, True, ["+9 % [4, 13]"], "offered")
    for who in ("ann", "bob"):
        move = ("approve", other[:12], "--actor", who, "--reason", "reads well")
        project.almanac("adapters", *move)


def record(project: Project) -> dict[str, Any]:
    """What this version says of the lakehouse; closed releases are opened in a copy."""
    history = project.almanac("history")["releases"]
    recorded: dict[str, Any] = {
        "history": history,
        "runs": project.almanac("runs")["runs"],
        "quarantine": project.almanac("quarantine", "list", "--all")["rows"],
        "as_of": {},
        "documents": {},
        "answers": {},
    }
    with tempfile.TemporaryDirectory() as elsewhere:
        copy = Project(Path(elsewhere) / project.root.name)
        shutil.copytree(project.root, copy.root)
        for release in history:
            seq = str(release["seq"])
            if release["tier"] == "cold":
                copy.almanac("restore", "--as-of", seq, "--mode", "reopen")
            recorded["documents"][seq] = copy.almanac("documents", "--as-of", seq)["documents"]
            recorded["answers"][seq] = copy.answers(seq)
            when = release["logical_time"]
            try:
                found = copy.almanac("documents", "--as-of", when)
            except CommandFailed:  # nothing but a candidate stands there
                continue
            recorded["as_of"][when] = found["release"]
        if (project.root / "log.jsonl").is_file():
            recorded |= record_feedback(copy)
    return recorded


def record_feedback(copy: Project) -> dict[str, Any]:
    """What an import of the same log and a dataset of the same feedback say; changes nothing."""
    again = copy.almanac("feedback", "import")
    built = copy.almanac("dataset", "build")
    return {
        "import": {table: again[table] for table in ("requests", "votes")},
        "dataset": {key: built[key] for key in ("dataset", "new", "examples", "split", "dropped")},
        "triage": copy.almanac("triage", "list"),
        "adapters": copy.almanac("adapters", "list"),
        "feedback": copy.almanac("feedback", "status"),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
