"""Growth of the processor time of every rule over texts, from n to 4n characters.

    python benchmarks/reliability/growth.py [--n 5000] [--only WORD] [--patterns]

Prints what grows faster than n^1.4, worst first, and the worst of each subject; with `--patterns`
the same of every regular expression in the code, on texts that are made of what it repeats.
"""

from __future__ import annotations

import argparse

from testing.growth import SUBJECTS, Growth, growth, pieces_for
from testing.regexes import measured, patterns, pieces


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=5_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--patterns", action="store_true", help="Regular expressions instead.")
    chosen = parser.parse_args()
    if chosen.patterns:
        _patterns(chosen.n, chosen.only)
        return
    for name, subject in SUBJECTS.items():
        if chosen.only not in name:
            continue
        found = [growth(name, subject, piece, chosen.n) for piece in pieces_for(name)]
        worst = sorted(found, key=lambda one: (-one.exponent, -one.long))
        for one in [one for one in worst if one.exponent > 1.4][:6] or worst[:1]:
            _show(one, chosen.n)


def _patterns(n: int, only: str) -> None:
    every = {name: used for name, used in patterns().items() if only in name}
    for name, used in every.items():
        found = list(measured(name, used, pieces(used.pattern), n))
        worst = max(found, key=lambda one: one.exponent, default=None)
        if worst and worst.exponent > 1.4:
            _show(worst, n)
    print(f"{len(every)} patterns")


def _show(one: Growth, n: int) -> None:
    print(
        f"{one.subject:32} {one.piece!r:22} {n:>7,}: {one.short:8.3f} s  {4 * n:>7,}: "
        f"{one.long:8.3f} s  exponent {one.exponent:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
