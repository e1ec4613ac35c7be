"""What a night costs over N real documents: the first one, one that changes nothing, one with 1 %.

    python benchmarks/performance/scale.py
    python benchmarks/performance/scale.py --documents 1000 --change 0.02 --json

Each run is `almanac nightly` in a process of its own over a folder that `large/lay_out.py` wrote,
and its counts are held against what that wrote: exits 1 at the first difference. With --folder the
documents and the lakehouse stay; later measurements go on from there (take another --seed, else the
vectors of the changed documents are known already). Other settings come from the environment, as
always: `ALMANAC_EMBEDDER__MODEL=multilingual python benchmarks/performance/scale.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
MEBIBYTE = 1 << 20
_CONFIG = """[sources.documents]
uri = "docs"
include = ["**/*"]
"""
_COUNTS = ("added", "modified", "deleted", "unchanged")
_INSIDE = ("encode", "cover")  # stages within another stage


@dataclass(frozen=True, slots=True)
class Measured:
    """A finished process: seconds, and memory in MiB.

    `cpu` includes its children that it waited for. `peak` is that of the largest one process,
    `peak_tree` the largest sum over all processes of the tree, seen ten times a second; pages that
    they share are counted for each.
    """

    stdout: str
    wall: float
    cpu: float
    peak: float
    peak_tree: float


def main() -> int:
    arguments = _arguments()
    environment = {
        "ALMANAC_EMBEDDER__PRECISION": arguments.precision,
        "ALMANAC_EMBEDDER__THREADS": str(arguments.threads),
    }
    runs = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.folder or Path(scratch)).resolve()
        begin = "restored" if (folder / "lake").exists() else "first"
        for name, share in ((begin, 0.0), ("unchanged", 0.0), ("changed", arguments.change)):
            laid_out = lay_out(
                arguments.data,
                folder / "docs",
                arguments.documents,
                arguments.max_chars,
                share,
                arguments.seed,
            )
            run = {"run": name, **_night(folder, environment, laid_out)}
            runs.append(run)
            if not arguments.json:
                print(_lines(run), flush=True)
            if run["differences"]:
                break
    if arguments.json:
        print(json.dumps(runs))
    return 1 if runs[-1]["differences"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="The default run takes 10 to 20 minutes on two cores, most of it in the model.",
    )
    parser.add_argument("--folder", type=Path, help="keep documents and lakehouse here")
    parser.add_argument("--json", action="store_true")
    add_common_arguments(parser)
    return parser.parse_args()


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--documents", type=int, default=10_000, metavar="N")
    parser.add_argument("--max-chars", type=int, default=1_500, help="of a document")
    parser.add_argument("--change", type=float, default=0.01, help="share of the documents")
    parser.add_argument("--seed", type=int, default=1, help="decides which documents change")
    parser.add_argument("--data", type=Path, default=SHARED, help="where large/lay_out.py is")
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16", "float16"), default="float32"
    )
    parser.add_argument("--threads", type=int, default=2, help="of the model")


def lay_out(
    data: Path,
    folder: Path,
    documents: int,
    max_chars: int | None,
    change: float = 0,
    seed: int = 1,
) -> dict[str, int]:
    """Make `folder` hold the first documents; how many files that added, modified and so on."""
    command = [sys.executable, str(data / "large" / "lay_out.py"), str(documents), str(folder)]
    command += ["--change", str(change), "--seed", str(seed)]
    command += ["--max-chars", str(max_chars)] if max_chars else []
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def write_config(folder: Path) -> Path:
    """An `almanac.toml` that reads every file of `folder/docs`, whatever its ending."""
    file = folder / "almanac.toml"
    file.write_text(_CONFIG, encoding="utf-8")
    return file


def measured(command: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Run `command` at the root of the repository; where it fails, end here with what it said."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | environment, stdout=stdout, stderr=stderr
        )
        tree, ended = 0, 0
        while not ended:
            time.sleep(0.1)
            tree = max(tree, _tree_bytes(process.pid))
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        stderr.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(command)} exited {process.returncode}:\n{stderr.read()}")
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return Measured(
            stdout.read(),
            round(wall, 1),
            round(usage.ru_utime + usage.ru_stime, 1),
            round(peak / MEBIBYTE),
            round(max(tree, peak) / MEBIBYTE),
        )


def _tree_bytes(pid: int) -> int:
    import psutil

    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for one in family:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # ended since it was listed
    return total


def folder_bytes(folder: Path) -> int:
    """The sum of the sizes of all files in `folder`; 0 where there is none."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _night(
    folder: Path, environment: Mapping[str, str], laid_out: Mapping[str, int]
) -> dict[str, Any]:
    lake = folder / "lake"
    before = folder_bytes(lake)
    command = [sys.executable, "-m", "almanac", "nightly", "--json"]
    command += ["--config", str(write_config(folder)), "--lakehouse", str(lake)]
    process = measured(command, environment)
    report = json.loads(process.stdout)
    stages = report["seconds"]
    ours = stages.pop("total")
    staged = sum(seconds for name, seconds in stages.items() if name not in _INSIDE)
    known = {name: report["documents"][name] for name in _COUNTS}
    expected = {name: laid_out[name] for name in _COUNTS}
    return {
        "documents": known,
        "differences": {} if known == expected else {"expected": expected},
        "chunks": report["chunks"],
        "tokens_embedded": report["tokens_embedded"],
        **{name: value for name, value in asdict(process).items() if name != "stdout"},
        "ours": ours,
        "start_and_end": round(process.wall - ours, 1),
        "stages": stages,
        "between_stages": round(ours - staged, 3),
        "bytes_added": folder_bytes(lake) - before,
    }


def _lines(run: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in run["documents"].items())
    chunks = run["chunks"]
    stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in run["stages"].items())
    lines = [
        f"{run['run']}: {counts}",
        f"  wall {run['wall']} s, CPU {run['cpu']} s: ours {run['ours']:.1f} s, "
        f"Python and Prefect {run['start_and_end']} s",
        f"  {stages}, between stages {run['between_stages']:.2f}",
        f"  memory {run['peak']:.0f} MiB, with all child processes {run['peak_tree']:.0f} MiB",
        f"  {chunks['embedded']} chunks embedded ({run['tokens_embedded']} tokens) of "
        f"{chunks['total']}, {run['bytes_added'] / MEBIBYTE:.1f} MiB added",
    ]
    if run["differences"]:
        lines.append(f"  DIFFERS: {run['differences']}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
