"""Start ten runs that want the same lakehouse at the same time, again and again, and kill some.

    python benchmarks/reliability/conflicts.py              twenty rounds, a kill in each second one
    python benchmarks/reliability/conflicts.py --rounds 2 --json

Each round changes the documents and starts, together and each as a process of its own, three
nightly runs of different times, the three ways to restore, a retention, a healing, an import of
feedback with its triage, and an erasure. All but the last are flow runs on a Prefect server that is
started here. Some may wait for the lease, the others are refused at once. In every second round one
process, mostly the one that holds the lease, is killed with SIGKILL at a random moment.

After each round every open release must verify, no number of a release may be there twice, the
lease must be free, no process may hang, and each run that was not killed must be Completed, or
Failed with its reason. At the end one more night and one healing must leave nothing to find. Exits
1 where anything of that does not hold. Vectors are made of hashes by an endpoint in this process.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WORDS = ["backup", "server", "printer", "badge", "account", "password", "network", "cable"]
FIRST = datetime(2030, 1, 1, 2, tzinfo=UTC)  # later than now, when restores are published
DEADLINE = 600.0  # seconds for a round
# What is the same for all is loaded once, in the process that the others are forked from. Lance is
# not among it: its threads do not live on in a fork.
LOADED = [
    "prefect",
    "deltalake",
    "duckdb",
    "great_expectations",
    "pandas",
    "openai",
    *(f"flows.{name}" for name in ("nightly", "restore", "retention", "doctor", "feedback")),
    "almanac.releases.erase",
    "almanac.triage.run",
    "matplotlib.figure",
    "matplotlib.dates",
]
CONFIG = """
lakehouse = "lake"
[sources.documents]
uri = "docs"
[loss_limits]
min_documents = 1000
[retention]
keep_last = 2
daily = 0
weekly = 0
monthly = 0
"""


def main() -> int:
    arguments = _arguments()
    sys.path.insert(0, str(ROOT))
    from tests.embedding.server import hashing
    from tests.prefect_server import prefect_server

    with (
        tempfile.TemporaryDirectory() as scratch,
        prefect_server(Path(scratch)) as server,
        hashing() as embedder,
    ):
        os.environ |= embedder | {
            "PREFECT_HOME": scratch,
            "PREFECT_API_URL": server.api,
            "PREFECT_LOGGING_LEVEL": "CRITICAL",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }
        bench = Bench(Path(scratch), server.api, arguments)
        rounds = [bench.round(number) for number in range(1, arguments.rounds + 1)]
        result = {"rounds": len(rounds), "killed": bench.killed, "seed": arguments.seed}
        result |= {"ended": {name: dict(how) for name, how in bench.ended.items()}}
        result |= {"releases": bench.settled(), "seconds": rounds, "wrong": bench.wrong}
    if arguments.json:
        print(json.dumps(result))
    else:
        print(_table(bench.ended), json.dumps(result | {"ended": None}, indent=1), sep="\n\n")
    return 1 if bench.wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


class Bench:
    """One lakehouse, the folder it is made from, and what became of the runs by their kind."""

    def __init__(self, home: Path, api: str, arguments: argparse.Namespace) -> None:
        from tests.prefect_api import Api

        self._home, self._api = home, Api(api)
        self._chance = random.Random(arguments.seed)
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(LOADED)
        self._night = 0
        self._length = 10.0
        self.ended: dict[str, Counter[str]] = {}
        self.killed: list[str] = []
        self.wrong: list[str] = []
        (home / "docs").mkdir()
        (home / "said").mkdir()
        (home / "almanac.toml").write_text(CONFIG, encoding="utf-8")
        for number in range(12):
            self._write(f"note-{number}")
        for _ in range(3):  # enough releases for a retention to let some go
            self._write("note-0")
            self._alone("nightly", self._next_night())
        self._alone("retention", {"dry_run": False})

    def round(self, number: int) -> float:
        """Change the documents, start all, kill one maybe, and look; the seconds it took."""
        began = time.monotonic()
        self._change(number)
        wanted = self._wanted(number)
        running = {name: self._start(f"{number}-{name}", *what) for name, what in wanted.items()}
        victim = self._kill_one(running) if number % 2 == 0 else None
        for name, process in running.items():
            process.join(max(0.0, began + DEADLINE - time.monotonic()))
            if process.is_alive():
                self._complain(number, f"{name} hangs")
                process.kill()
        seconds = round(time.monotonic() - began, 1)
        self._length = seconds
        for name in running:
            self._judge(number, name, name == victim)
        if victim == "erase":  # the others are refused until it is finished
            self._alone(*wanted["erase"])
        self._look(number)
        so_far = f"round {number}: {seconds} s, killed {victim}, wrong so far {len(self.wrong)}"
        print(so_far, file=sys.stderr, flush=True)
        return seconds

    def settled(self) -> int:
        """One more night and one healing: nothing may be left to find; how many releases are."""
        from almanac.releases.checks import doctor_report, verify_report

        self._write("last")
        self._alone("nightly", self._next_night())
        left = doctor_report(self._settings, True, False)["findings"]
        left += verify_report(self._settings, None, True, False)["findings"]
        for finding in left:
            self._complain(0, f"in the end: {finding}")
        return len(self._releases)

    def _wanted(self, number: int) -> dict[str, tuple[str, dict[str, Any]]]:
        """The ten, in an order of chance: the flow of each and its form."""
        nights = [self._next_night() for _ in range(3)]
        tiers = {one.seq: one.tier for one in self._releases}
        hot = [seq for seq, tier in tiers.items() if tier == "hot"][1:]
        cold = [seq for seq, tier in tiers.items() if tier == "cold"]
        of = self._chance.choice
        restore = {"reason": f"round {number}", "dry_run": False}
        copy = {"as_of": of(list(tiers)), "mode": "copy", "to": f"{self._home}/copies/{number}"}
        wanted: list[tuple[str, tuple[str, dict[str, Any]]]] = [
            *((f"nightly {at}", ("nightly", night)) for at, night in enumerate(nights, 1)),
            ("restore publish", ("restore", restore | {"as_of": of(hot)})),
            ("restore copy", ("restore", restore | copy)),
            ("restore reopen", ("restore", restore | {"as_of": of(cold or hot), "mode": "reopen"})),
            ("retention", ("retention", {"dry_run": False})),
            ("heal", ("doctor", {"heal": True})),
            ("feedback", ("feedback", {"log": str(self._home / "log.jsonl")})),
            ("erase", ("erase", {"doc_id": f"secret-{number - 1}.md"})),
        ]
        self._chance.shuffle(wanted)
        return dict(wanted)

    def _start(self, name: str, flow: str, form: dict[str, Any]) -> Any:
        wait = self._chance.choice([0, 300, 300])
        form = form | ({} if flow == "erase" else {"config": str(self._home / "almanac.toml")})
        said = str(self._home / "said" / name.replace(" ", "-"))
        arguments = (name.replace(" ", "-"), flow, form, wait, str(self._home), said)
        process = self._processes.Process(target=_run, args=arguments)
        process.start()
        return process

    def _alone(self, flow: str, form: dict[str, Any]) -> None:
        process = self._start(f"alone-{self._night}", flow, form)
        process.join(DEADLINE)
        said = (self._home / "said" / f"alone-{self._night}").read_text(encoding="utf-8")
        if process.exitcode and not (flow == "erase" and said.startswith("refused")):
            sys.exit(said)

    def _kill_one(self, running: dict[str, Any]) -> str | None:
        """Who holds the lease at a random moment, else anybody; None if all are done by then."""
        time.sleep(self._chance.uniform(0.1, 0.8) * self._length)
        holder = self._settings_lake.delta("lease").read(["pid"])["pid"].to_pylist()
        alive = {name: one for name, one in running.items() if one.is_alive()}
        holding = [name for name, one in alive.items() if one.pid in holder]
        if not alive:
            return None
        victim = holding[0] if holding else self._chance.choice(sorted(alive))
        os.kill(alive[victim].pid, signal.SIGKILL)
        alive[victim].join()
        if alive[victim].exitcode != -signal.SIGKILL:
            return None
        self.killed.append(f"{victim}{' with the lease' if holding else ''}")
        return victim

    def _judge(self, number: int, name: str, was_killed: bool) -> None:
        """How it ended by its own word and by Prefect's."""
        kinds = self.ended.setdefault(name, Counter())
        if was_killed:
            kinds["killed"] += 1
            return
        said = self._home / "said" / f"{number}-{name}".replace(" ", "-")
        kind, _, reason = said.read_text(encoding="utf-8").partition("\n")
        kinds[kind] += 1
        if kind == "error":
            self._complain(number, f"{name}: {reason}")
        state = self._state(f"{number}-{name}".replace(" ", "-")) if name != "erase" else None
        if state and state["type"] != {"done": "COMPLETED"}.get(kind, "FAILED"):
            self._complain(number, f"{name} was {kind} and its run is {state['type']}")
        if state and state["type"] == "FAILED" and not state["message"]:
            self._complain(number, f"{name} failed without a reason")

    def _look(self, number: int) -> None:
        """Every open release verifies, every number is there once, and the lease is free."""
        from almanac.releases.verify import verify

        lake, releases = self._settings_lake, self._releases
        for one in verify(lake, releases)["releases"]:
            if not one["ok"]:
                self._complain(number, f"release {one['release']} does not verify")
        numbers = [one.seq for one in releases]
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            self._complain(number, f"releases are numbered {numbers}")
        with lake.lease("look", "look", 60):
            pass

    def _state(self, run: str) -> dict[str, Any]:
        found = self._api.post("flow_runs/filter", flow_runs={"name": {"any_": [run]}})
        return found[0]["state"] if found else {"type": "NONE", "message": ""}

    def _complain(self, number: int, what: str) -> None:
        self.wrong.append(f"round {number}: {what}")
        print(self.wrong[-1], file=sys.stderr, flush=True)

    @property
    def _settings(self) -> Any:
        from schemas.settings import load_settings

        return load_settings(self._home / "almanac.toml")

    @property
    def _settings_lake(self) -> Any:
        from lakehouse import open_lakehouse

        return open_lakehouse(str(self._home / "lake"))

    @property
    def _releases(self) -> list[Any]:
        found: list[Any] = self._settings_lake.releases("documents").history()
        return found

    def _next_night(self) -> dict[str, Any]:
        self._night += 1
        return {
            "as_of": FIRST + timedelta(days=self._night),
            "lift_hold": True,
            "allow_future": True,
        }

    def _change(self, number: int) -> None:
        """Rewrite some notes, plant a secret, take the last one away, and log a dislike."""
        for name in self._chance.sample(range(12), 3):
            self._write(f"note-{name}")
        self._write(f"secret-{number}")
        (self._home / "docs" / f"secret-{number - 1}.md").unlink(missing_ok=True)
        request = {
            "request_id": f"r{number}",
            "asked_at": f"2026-03-01T10:{number % 60:02}:00Z",
            "user_id": "ann",
            "question": "Where is the printer?",
            "response": "Nowhere.",
            "context_chunks": [],
            "rating": -1,
        }
        with (self._home / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(request) + "\n")

    def _write(self, name: str) -> None:
        paragraphs = [" ".join(self._chance.choices(WORDS, k=40)) for _ in range(3)]
        text = "\n\n".join([f"# {name}", *paragraphs]) + "\n"
        (self._home / "docs" / f"{name}.md").write_text(text, encoding="utf-8")


def _run(name: str, flow: str, form: dict[str, Any], wait: int, home: str, said: str) -> None:
    """In a process of its own: run, and write how it ended."""
    from schemas.errors import AlmanacError, LeaseHeld

    os.environ["ALMANAC_LEASE__WAIT_SECONDS"] = str(wait)
    began = time.monotonic()
    kind, reason = "done", ""
    try:
        _erase(home, form) if flow == "erase" else _flow(flow).with_options(flow_run_name=name)(
            **form
        )
    except LeaseHeld as error:
        kind, reason = ("lease held" if wait == 0 else "waited in vain"), str(error)
    except AlmanacError as error:
        kind, reason = "refused", str(error)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is what is looked for)
        kind, reason = "error", f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - began
    Path(said).write_text(f"{kind}\n{reason}\n{seconds:.1f} s", encoding="utf-8")
    os._exit(0 if kind == "done" else 1)


def _flow(name: str) -> Any:
    return getattr(import_module(f"flows.{name}"), name)


def _erase(home: str, form: dict[str, Any]) -> None:
    from almanac.releases.erase import Subject, erase
    from schemas.settings import load_settings

    erase(load_settings(f"{home}/almanac.toml"), Subject(**form))


def _table(ended: dict[str, Counter[str]]) -> str:
    kinds = ["done", "refused", "lease held", "waited in vain", "error", "killed"]
    line: Callable[..., str] = "{:<16}{:>6}{:>9}{:>12}{:>16}{:>7}{:>8}".format
    rows = [line(name, *(how[kind] for kind in kinds)) for name, how in sorted(ended.items())]
    return "\n".join([line("", *kinds), *rows])


if __name__ == "__main__":
    sys.exit(main())
