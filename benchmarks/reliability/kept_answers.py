"""Random sequences of questions, nights, rights, dislikes and erasures against kept answers.

Each answer that is given again is held against a fresh one from the same release with the same
rights: passages, prompt and words must be equal, and it must be given exactly where it may be.
Eight nights are made first; `testing/cache_walk.py` says what a sequence is.

    python benchmarks/reliability/kept_answers.py [--sequences 10000] [--seed 1] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from testing.cache_walk import Walk, build


def main() -> None:
    """Walk, and say what was met; exit code 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--sequences", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        walk = Walk(build(Path(folder) / "house"), Path(folder))
        began = time.perf_counter()
        found = walk.sequences(given.sequences, given.seed)
    report = vars(found) | {
        "sequences": given.sequences,
        "seconds": round(time.perf_counter() - began, 1),
    }
    if given.json:
        print(json.dumps(report))
    else:
        steps = ", ".join(f"{times:,} {step}" for step, times in sorted(found.steps.items()))
        print(f"{given.sequences:,} sequences in {report['seconds']} s: {steps}")
        print(f"{found.given:,} answers given again, {found.near:,} of them to other wordings")
        print(f"wrong: {len(found.wrong)}", *found.wrong[:20], sep="\n")
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
