"""Install what requirements.lock says into .venv, telling how far it is: a part of `make install`.

    .venv/bin/python deploy/install.py

Every file is held against the hashes of the lock. The build of torch is the one that pip takes on
this machine; with CUDA, NVIDIA's libraries come too, as requirements-cuda.lock says.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
_EVERY = 1.0 if sys.stderr.isatty() else 30.0  # seconds between two lines
_FILE = re.compile(r"\s*Downloading (?:\S*/)?([^/\s]+?\.(?:whl|tar\.gz))\S*(?: \((.+)\))?")


class Progress:
    """One line that tells what arrives, how much there is of it, and since when."""

    def __init__(self, packages: int, folder: str) -> None:
        self._packages, self._folder = packages, Path(folder)
        self._count, self._doing = 0, "asking the registry"
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)
        self._thread.start()

    def read(self, line: str) -> None:
        """A line of pip's."""
        if line.startswith(("Collecting ", "Processing ", "Requirement ", "Ignoring ")):
            self._count += 1
        elif found := _FILE.match(line):
            self._doing = f"{found[1].split('-')[0]} ({found[2] or 'size unknown'})"
        elif line.startswith("Installing collected packages"):
            self._doing = "unpacking into .venv"

    def close(self) -> None:
        """Tell no more."""
        self._ended.set()
        self._thread.join()
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")

    def _tell(self) -> None:
        while not self._ended.wait(_EVERY):
            here = sum(file.stat().st_size for file in self._files())
            seconds = int(time.monotonic() - self._began)
            line = f"  {self._count} of {self._packages} packages, {here / 1e6:,.0f} MB here, "
            line += f"{seconds // 60}:{seconds % 60:02d}; now {self._doing}"
            sys.stderr.write(f"\r\x1b[K{line}" if sys.stderr.isatty() else f"{line}\n")
            sys.stderr.flush()

    def _files(self) -> list[Path]:
        """What pip has downloaded so far; a file may go at any moment."""
        return [file for file in self._folder.rglob("*.whl") if file.is_file()]


def run_pip(command: list[str], packages: int, folder: str) -> str:
    """Run pip with its temporary files in `folder`, telling how far it is.

    Returns what it wrote to standard error where it failed, else nothing.
    """
    pip = subprocess.Popen(
        [*_PIP, *command, "--no-deps", "--progress-bar", "off"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": folder},
    )
    assert pip.stdout is not None and pip.stderr is not None
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.extend(pip.stderr or ()))
    reader.start()
    progress = Progress(packages, folder)
    for line in pip.stdout:
        progress.read(line)
    reader.join()
    progress.close()
    return "".join(errors) if pip.wait() else ""


def install(lock: Path) -> None:
    """Install all lines of a lock, or end the process with what pip says."""
    packages = sum(1 for line in lock.read_text("utf-8").splitlines() if line[:1].isalnum())
    with tempfile.TemporaryDirectory() as folder:
        command = ["install", "--require-hashes", "--requirement", str(lock)]
        if errors := run_pip(command, packages, folder):
            sys.exit(f"{errors}{lock.name} was not installed, see above; `make` goes on from here.")


def install_own_torch(lock: str) -> None:
    """Install the build of torch that pip prefers here, where the lock has its hash.

    Given hashes, pip prefers the registry's file whatever else it is told to look at, so a build
    without CUDA would never be taken. A build with another hash is left to `install`.
    """
    entry = re.search(r"^(torch==[^ ]+)((?:.*\n)(?:\s+.*\n)*)", lock, re.MULTILINE)
    assert entry is not None
    with tempfile.TemporaryDirectory() as folder:
        run_pip(["download", "--dest", folder, entry[1]], 1, folder)
        for wheel in Path(folder).glob("torch-*.whl"):
            with wheel.open("rb") as file:
                known = hashlib.file_digest(file, "sha256").hexdigest() in entry[2]
            if known:
                run_pip(["install", str(wheel)], 1, folder)


def main() -> None:
    """The libraries, and those of NVIDIA where this build of torch wants them."""
    lock = ROOT / "requirements.lock"
    if find_spec("torch") is None:
        install_own_torch(lock.read_text("utf-8"))
    install(lock)
    if any(one.startswith("nvidia-") for one in requires("torch") or ()):
        install(ROOT / "requirements-cuda.lock")


if __name__ == "__main__":
    main()
