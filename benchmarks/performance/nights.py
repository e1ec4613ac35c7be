"""What three nights cost, by process, and how memory grows with the number of documents.

    python benchmarks/performance/nights.py
    python benchmarks/performance/nights.py --tiny 10000 40000 --nights first
    python benchmarks/performance/nights.py --tiny 100000 --nights first --cgroup GROUP

A first night, one that changes nothing and one with 1 % changed, each `almanac nightly` in a
process of its own, with a hash in place of the model (as `rivals.py --encoder hash`, which holds
others beside it). Documents are those of `large/lay_out.py`, or with --tiny so many made-up ones of
some 100 characters. For each process that a night starts: its CPU seconds and the peak of its
resident memory; the night's own line has the CPU seconds of all that it waited for. It exits 1
where a night fails.

--cgroup runs each night, Prefect's server and all, in a control group that exists and has a limit
(`mkdir /sys/fs/cgroup/memory/night; echo 1G > /sys/fs/cgroup/memory/night/memory.limit_in_bytes`;
version 2: `memory.max`): the kernel ends what needs more. --limit bounds the data in the address
space of the night's own process (RLIMIT_DATA). That counts what the engines' threads reserve, too,
so a night reaches it with much less in memory: in the one case that was looked at, with half.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from scale import MEBIBYTE, ROOT, SHARED, lay_out, write_config

_NIGHTS = ("first", "unchanged", "changed")
_CHANGED = 0.01
_WORKER = Path(__file__).with_name("rivals.py")


@dataclass(slots=True)
class Process:
    """What was seen of one process: seconds, and bytes."""

    name: str
    cpu: float = 0.0
    peak: int = 0


def main() -> int:
    arguments = _arguments()
    sizes: list[int] = arguments.tiny or [arguments.documents]
    failed = False
    for size in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            folder = (arguments.folder or Path(scratch)).resolve() / str(size)
            for night in arguments.nights:
                changed = night == "changed"
                if arguments.tiny:
                    tiny(folder / "docs", size, changed)
                else:
                    share = _CHANGED if changed else 0.0
                    lay_out(arguments.data, folder / "docs", size, 1_500, share)
                failed |= bool(_night(folder, night, size, arguments.limit, arguments.cgroup))
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=10_000, metavar="N")
    parser.add_argument("--tiny", type=int, nargs="+", metavar="N", help="so many made-up ones")
    parser.add_argument("--nights", nargs="+", choices=_NIGHTS, default=_NIGHTS)
    parser.add_argument("--limit", type=int, metavar="MIB", help="of the night's own process")
    parser.add_argument("--cgroup", type=Path, help="a control group to run the nights in")
    parser.add_argument("--folder", type=Path, help="keep documents and lakehouses here")
    parser.add_argument("--data", type=Path, default=SHARED, help="where large/lay_out.py is")
    return parser.parse_args()


def tiny(folder: Path, count: int, changed: bool = False) -> None:
    """Make `folder` hold so many short documents; every hundredth is another where `changed`."""
    for at in range(count):
        file = folder / f"{at // 1_000:04}" / f"{at:07}.md"
        word = "Revised" if changed and at % 100 == 0 else "Written"
        text = f"# Ticket {at}\n\n{word}: the printer on floor {at % 97} wants toner {at * 7919}.\n"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


def _night(folder: Path, name: str, size: int, limit: int | None, cgroup: Path | None) -> int:
    """Run a night and print what it took; its exit status."""
    write_config(folder)
    command = [sys.executable, str(_WORKER), "--worker", "almanac", "--encoder", "hash"]
    command += ["--folder", str(folder), "--threads", "1"]

    def limited() -> None:
        if cgroup:
            (cgroup / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
        if limit:
            resource.setrlimit(resource.RLIMIT_DATA, (limit * MEBIBYTE, limit * MEBIBYTE))

    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(
            command, cwd=ROOT, stdout=said, stderr=said, preexec_fn=limited, env=dict(os.environ)
        )
        processes, tree = _watched(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            print(said.read()[-2_000:], file=sys.stderr)
    print(
        f"{name}, {size} documents: CPU {usage.ru_utime + usage.ru_stime:.1f} s, wall "
        f"{time.perf_counter() - began:.1f} s, all processes together {tree // MEBIBYTE} MiB"
    )
    for process in processes:
        print(f"  {process.cpu:6.1f} s {process.peak // MEBIBYTE:6} MiB  {process.name}")
    return child.returncode


def _watched(pid: int) -> tuple[list[Process], int]:
    """Every process of the tree until its first one ends, and the peak of their sum, in bytes."""
    seen: dict[int, Process] = {}
    most, root = 0, psutil.Process(pid)
    while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
        total = 0
        for one in [root, *root.children(recursive=True)]:
            try:
                times, memory = one.cpu_times(), one.memory_info().rss
                known = seen.setdefault(one.pid, Process(_name(one)))
            except psutil.NoSuchProcess:
                continue  # ended since it was listed
            known.cpu, known.peak = times.user + times.system, max(known.peak, memory)
            total += memory
        most = max(most, total)
        time.sleep(0.1)
    return [*seen.values()], most


def _name(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    for part, name in (
        ("rivals.py", "the night"),
        ("uvicorn", "Prefect's server"),
        ("parse_worker", "a parser"),
        ("pandoc", "pandoc"),
    ):
        if part in words:
            return name
    return process.name()


if __name__ == "__main__":
    sys.exit(main())
