"""Damage to each kind of file of a lakehouse, and what each verb says of it.

What must hold: nobody is shown what an engine raised, and nothing that `verify` and `doctor` call
sound, or `doctor --heal` has mended, stops what follows: a night, or a verb that reads or writes
the table.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import random
import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from almanac.releases.checks import doctor_report, verify_report
from almanac.retrieval import reading as reads
from lakehouse.table import Table
from schemas.errors import AlmanacError
from schemas.tables import TABLES
from testing.command_line import RAW, Done, almanac
from testing.damage import DAMAGES, hurt, targets
from testing.full_house import Names, full_house
from testing.house import FIRST_NIGHT, House, answers, contents, night
from testing.verbs import Arguments, reading, writing

STEPS = ("read", "verify", "doctor", "night", "write", "heal", "night after", "write after")
# Of a table that every other verb opens too, these stand for all.
_MANY = 19
# What must have been done before, whether or not it opens the table.
_BEFORE = {"rollout start": ("rollout stop",), "withdraw": ("restore",)}
_SLOW = ("retention apply", "erase")  # tried before the healing alone
_SOME = ("history", "status", "trace", "feedback import", "retention apply", "restore", "erase")


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of one damage at one step: ok, found (it names something), refused, or raw."""

    step: str
    kind: str
    said: str


@dataclass(frozen=True, slots=True)
class Case:
    """One file of one kind, damaged in one way; `told` by step."""

    target: str
    damage: str
    file: str
    told: tuple[Told, ...]

    @property
    def faults(self) -> list[str]:
        """What must not be: raw words, and a refusal where all was said to be sound."""
        by = {one.step: one for one in self.told}
        wrong = [f"{one.step}: raw: {one.said}" for one in self.told if one.kind == "raw"]
        if by["verify"].kind == by["doctor"].kind == "ok":
            stopped = [by[step] for step in ("read", "night", "write") if by[step].kind != "ok"]
            wrong += [f"verify and doctor say ok, {one.step}: {one.said}" for one in stopped]
        if by["heal"].kind == "ok":
            after = [by[step] for step in ("night after", "write after") if step in by]
            after = [one for one in after if one.kind != "ok"]
            wrong += [f"heal says ok, {one.step}: {one.said}" for one in after]
        return wrong


@dataclass(frozen=True, slots=True)
class Matrix:
    """The house that is damaged, an older copy of its lakehouse, and the verbs that open a table.

    `verbs` are names of `testing.verbs` by table, in their order; those of "" are of other files.
    """

    house: House
    older: Path
    names: Names
    verbs: Mapping[str, tuple[str, ...]]

    def run(
        self, scratch: Path, wanted: Callable[[str, str], bool], quick: bool = False
    ) -> Iterator[Case]:
        """Each damage of each kind of file that is wanted, each on a copy of its own.

        `quick` leaves out the verbs that store something, but for nights and healing.
        """
        root = Path(self.house.settings.lakehouse)
        cases = [(target, damage) for target in targets(root) for damage in DAMAGES]
        random.Random(1).shuffle(cases)  # so that a part of them is of all kinds
        for target, damage in filter(lambda case: wanted(*case), cases):
            copy = self.house.copied_to(scratch / "copy")
            inside = targets(root)[target].relative_to(root)
            if hurt(Path(copy.settings.lakehouse) / inside, damage, self.older / inside):
                verbs = self.verbs.get(target.partition(":")[0], self.verbs[""])
                if quick:
                    verbs = tuple(verb for verb in verbs if verb in reading(self.names))
                yield Case(target, damage, str(inside), tuple(self.steps(copy, verbs)))
            shutil.rmtree(scratch / "copy")

    def steps(self, house: House, verbs: tuple[str, ...] = ()) -> Iterator[Told]:
        """What is said of a house that was damaged, by step; `verbs` are asked beside it."""
        asked, stored = reading(self.names), writing(self.names)
        yield _together("read", [*_said(house, asked, verbs), _told("read", lambda: _read(house))])
        yield _told("verify", lambda: _judged(verify_report(house.settings, None, False, False)))
        yield _told("doctor", lambda: _judged(doctor_report(house.settings, False, False)))
        with _apart(house) as other:
            yield _told("night", lambda: _night(other))
        with _apart(house) as other:
            yield _together("write", _said(other, stored, verbs))
        before = contents(house.settings.lakehouse)
        healed = _told("heal", lambda: _judged(doctor_report(house.settings, True, False)))
        yield healed
        if healed.kind != "ok" or _same_truth(before, contents(house.settings.lakehouse)):
            return  # what follows was seen already
        with _apart(house) as other:
            yield _told("night after", lambda: _night(other))
        quick = tuple(verb for verb in verbs if verb not in _SLOW)
        yield _together("write after", _said(house, stored, quick))


def make(root: Path) -> Matrix:
    """A house with rows in every table; which verbs open which is seen on a copy of it.

    What was made in that folder before is taken as it is.
    """
    made = root / "made.json"
    if not made.is_file():
        house, names, older = full_house(root / "house")
        verbs = _verbs_by_table(house.copied_to(root / "seen"), names)
        kept = {"names": asdict(names), "verbs": verbs, "older": str(older)}
        made.write_text(json.dumps(kept), encoding="utf-8")
    kept = json.loads(made.read_text(encoding="utf-8"))
    verbs = {name: tuple(one) for name, one in kept["verbs"].items()}
    house = House(root / "house")
    house.keep(keep_last=3)
    house.configure(durability="none")
    return Matrix(house, Path(kept["older"]), Names(**kept["names"]), verbs)


def _verbs_by_table(house: House, names: Names) -> dict[str, tuple[str, ...]]:
    opened: set[str] = set()
    exists = Table.exists

    def seen(table: Table) -> bool:
        opened.add(table.name)
        return exists(table)

    found: dict[str, list[str]] = {name: [] for name in TABLES}
    with patch.object(Table, "exists", seen):
        for verb, arguments in (reading(names) | writing(names)).items():
            opened.clear()
            done = almanac(house, *verb.split(), *arguments)
            if done.code:
                raise AssertionError(f"almanac {verb}: {done.said}")
            for name in opened if verb != "doctor" else ():  # a step of its own
                found[name] += [*_BEFORE.get(verb, ()), verb]
    shutil.rmtree(house.root)
    by_table = {
        name: tuple(v for v in dict.fromkeys(verbs) if len(verbs) < _MANY or v in _SOME)
        for name, verbs in found.items()
    }
    return by_table | {"": _SOME, "adapters": tuple(found["adapters"])}


@contextlib.contextmanager
def _apart(house: House) -> Iterator[House]:
    """A copy of a house, for what must not change it."""
    copy = house.copied_to(house.root.parent / "apart")
    try:
        yield copy
    finally:
        shutil.rmtree(copy.root)


def _said(house: House, known: Mapping[str, Arguments], verbs: tuple[str, ...]) -> list[Told]:
    """What each of these verbs says, one after the other."""
    return [
        _of_verb(verb, almanac(house, *verb.split(), *known[verb]))
        for verb in verbs
        if verb in known
    ]


def _of_verb(verb: str, done: Done) -> Told:
    kind = "raw" if done.raw else "refused" if done.code else "ok"
    if verb in ("verify", "status") and kind == "refused":
        kind = "ok"  # they say what is wrong
    return Told(verb, kind, f"{verb}: {done.said[-300:]}" if kind != "ok" else "")


def _same_truth(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> bool:
    """Did healing change nothing but who writes, and what is told of runs?"""
    own = ("delta/lease/", "delta/runs/")
    names = {name for name in before.keys() | after.keys() if not name.startswith(own)}
    return all(before.get(name) == after.get(name) for name in names)


def _together(step: str, told: list[Told]) -> Told:
    """Several as one: the worst of them, and what was said by those that are no better."""
    worst = next((k for k in ("raw", "refused", "found") if k in {one.kind for one in told}), "ok")
    return Told(step, worst, " | ".join(one.said for one in told if one.kind == worst)[:900])


def _told(step: str, act: Callable[[], str]) -> Told:
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    logging.getLogger("almanac").addHandler(handler)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            said = act()
        kind = "found" if said else "ok"
    except AlmanacError as error:
        kind, said = "refused", str(error)
    except BaseException as error:  # panics of native code are no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = "raw"
        said = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
    finally:
        logging.getLogger("almanac").removeHandler(handler)
    shown = " ".join(f"{said} {output.getvalue() if kind != 'raw' else ''}".split())
    if any(sign in shown for sign in RAW):
        kind = "raw"
    return Told(step, kind, shown[:300])


def _read(house: House) -> str:
    release = house.lake.releases("documents").latest()
    if release is None:
        return "no release"
    answers(house.lake.read(release), house.encoder)
    reads.document(house.settings, "printer.md", None)
    return ""


def _judged(result: dict) -> str:  # type: ignore[type-arg]
    return "; ".join(f"{one['kind']} {one['where']}" for one in result["findings"])


def _night(house: House) -> str:
    house.put("after", "What came after the damage.")
    night(house.settings, FIRST_NIGHT + timedelta(days=30), house.encoder)
    return ""
