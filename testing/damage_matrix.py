"""Damage to each kind of file of a lakehouse, and what each verb says of it.

What must hold: nobody is shown what an engine raised, and nothing that `verify` and `doctor` call
sound stops the night that follows.
"""

from __future__ import annotations

import contextlib
import io
import logging
import random
import shutil
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from almanac.releases.checks import doctor_report, verify_report
from almanac.retrieval import reading
from schemas.errors import AlmanacError
from schemas.tables import TABLES
from testing.house import FIRST_NIGHT, House, answers, night

DAMAGES = ("missing", "empty", "cut", "flipped", "older")
STEPS = ("read", "verify", "doctor", "night", "heal", "night after")
_RAW = ("Traceback", "LanceError", "DeltaError", "panicked", "Arrow error", "IO Error", ".rs:")


@dataclass(frozen=True, slots=True)
class Told:
    """What one verb said of one damage: ok, found (it names something), refused, or raw."""

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
        """What must not be: raw words, and a night that fails where all was said to be sound."""
        by = {one.step: one for one in self.told}
        wrong = [f"{one.step}: raw: {one.said}" for one in self.told if one.kind == "raw"]
        sound = by["verify"].kind == by["doctor"].kind == "ok"
        if sound and by["night"].kind != "ok":
            wrong.append(f"verify and doctor say ok, night: {by['night'].said}")
        if by["heal"].kind == "ok" and by["night after"].kind != "ok":
            wrong.append(f"heal says ok, the night after: {by['night after'].said}")
        return wrong


def make(root: Path) -> tuple[House, Path]:
    """A house of five nights with a cold release, and an older copy of its lakehouse."""
    house = House(root / "house")
    house.keep(keep_last=3)
    for day in range(1, 6):
        for name in ("guide", "mail", f"new-{day}"):
            house.put(name, f"{name} on day {day}: the printer wants a badge.", "Passage two.")
        house.night(day)
        if day == 3:
            shutil.copytree(house.settings.lakehouse, root / "older")
    return house, root / "older"


def targets(lake: Path) -> dict[str, Path]:
    """One file of each kind, by a name: the newest one, which damage hurts most."""
    found: dict[str, Path] = {}
    for name in TABLES:
        folder = lake / "delta" / name
        if not folder.is_dir():
            continue
        commits = sorted((folder / "_delta_log").glob("*.json"))
        data = sorted(folder.rglob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
        if commits:
            found[f"{name}: newest commit"] = commits[-1]
            found[f"{name}: first commit"] = commits[0]
        if data:
            found[f"{name}: newest data"] = data[-1]
    for index in sorted((lake / "lance").glob("*.lance"))[:1]:
        for kind in ("_versions", "data", "_indices", "_refs/tags", "_transactions"):
            files = [path for path in (index / kind).rglob("*") if path.is_file()]
            if files:
                newest = max(files, key=lambda path: path.stat().st_mtime_ns)
                found[f"index: {kind.strip('_')}"] = newest
    if (lake / "format.json").is_file():
        found["format.json"] = lake / "format.json"
    return found


def hurt(file: Path, damage: str, older: Path) -> bool:
    """Do one damage to one file; False where there is nothing to do."""
    if damage == "missing":
        file.unlink()
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "cut":
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0x20
        file.write_bytes(bytes(data))
    elif not older.is_file() or older.read_bytes() == file.read_bytes():
        return False
    else:
        shutil.copy2(older, file)
    return True


def run(
    house: House,
    older: Path,
    scratch: Path,
    wanted: Callable[[str, str], bool],
    seed: int = 1,
) -> Iterator[Case]:
    """Each damage of each kind of file that is wanted, each on a copy of its own."""
    root = Path(house.settings.lakehouse)
    cases = [(target, damage) for target in targets(root) for damage in DAMAGES]
    random.Random(seed).shuffle(cases)  # so that a part of them is of all kinds
    for target, damage in filter(lambda case: wanted(*case), cases):
        copy = house.copied_to(scratch / "copy")
        inside = targets(root)[target].relative_to(root)
        if hurt(Path(copy.settings.lakehouse) / inside, damage, older / inside):
            yield Case(target, damage, str(inside), tuple(_steps(copy)))
        shutil.rmtree(scratch / "copy")


def _steps(house: House) -> Iterator[Told]:
    yield _told("read", lambda: _read(house))
    yield _told("verify", lambda: _judged(verify_report(house.settings, None, False, False)))
    yield _told("doctor", lambda: _judged(doctor_report(house.settings, False, False)))
    unhealed = house.copied_to(house.root.parent / "unhealed")
    yield _told("night", lambda: _night(unhealed))
    shutil.rmtree(unhealed.root)
    yield _told("heal", lambda: _judged(doctor_report(house.settings, True, False)))
    yield _told("night after", lambda: _night(house))


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
    if any(sign in shown for sign in _RAW):
        kind = "raw"
    return Told(step, kind, shown[:300])


def _read(house: House) -> str:
    reading.history(house.settings)
    release = house.lake.releases("documents").latest()
    if release is None:
        return "no release"
    answers(house.lake.read(release), house.encoder)
    reading.documents(house.settings, None)
    reading.document(house.settings, "guide.md", None)
    reading.quarantine(house.settings, True)
    return ""


def _judged(result: dict) -> str:  # type: ignore[type-arg]
    return "; ".join(f"{one['kind']} {one['where']}" for one in result["findings"])


def _night(house: House) -> str:
    house.put("after", "What came after the damage.")
    night(house.settings, FIRST_NIGHT + timedelta(days=30), house.encoder)
    return ""
