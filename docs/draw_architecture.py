"""Draw docs/architecture.svg from the imports: `python docs/draw_architecture.py`.

A box is a package; it stands one row above the highest package that it imports. Arrows that follow
from others (a to c beside a to b and b to c) are left out, as everybody uses `schemas`.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOP = ("schemas", "expectations", "lakehouse", "tasks", "flows", "almanac")
COLOURS = {"schemas": "#eeeeee", "lakehouse": "#dbe9f6", "expectations": "#dbe9f6"}
WIDE, HIGH, GAP, ROW = 104, 30, 12, 74


def package_of(module: str) -> str | None:
    """The package that a dotted module belongs to; None for a library."""
    top, _, rest = module.partition(".")
    if top not in TOP:
        return None
    return rest.partition(".")[0] or None if top == "almanac" else top


def uses() -> dict[str, set[str]]:
    """Which package imports which."""
    graph: dict[str, set[str]] = defaultdict(set)
    for top in TOP:
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            package = package_of(".".join(parts))
            if package is None or package.startswith("__"):
                continue
            graph[package] |= _imports(path) - {package}
    return {package: graph[package] & graph.keys() for package in graph}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {package_of(f"{node.module}.{alias.name}") or "" for alias in node.names}
    return names - {""}


def levels(graph: dict[str, set[str]]) -> dict[str, int]:
    """The row of each package, 0 at the bottom."""
    rows: dict[str, int] = {}

    def row(package: str) -> int:
        if package not in rows:
            rows[package] = 1 + max((row(each) for each in graph[package]), default=-1)
        return rows[package]

    for package in graph:
        row(package)
    return rows


def direct(graph: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The arrows that do not follow from others, sorted."""
    reach: dict[str, set[str]] = {}

    def below(package: str) -> set[str]:
        if package not in reach:
            reach[package] = set().union(graph[package], *(below(each) for each in graph[package]))
        return reach[package]

    return sorted(
        (package, used)
        for package in graph
        for used in graph[package]
        if not any(used in below(other) for other in graph[package] - {used})
    )


def draw() -> str:
    """The picture as SVG."""
    graph = uses()
    rows = levels(graph)
    by_row: dict[int, list[str]] = defaultdict(list)
    for package in sorted(graph):
        by_row[rows[package]].append(package)
    width = max(len(row) for row in by_row.values()) * (WIDE + GAP) + GAP
    height = (max(by_row) + 1) * ROW
    place = {
        package: (
            (width - len(row) * (WIDE + GAP) + GAP) / 2 + n * (WIDE + GAP),
            height - (level + 1) * ROW + 20,
        )
        for level, row in by_row.items()
        for n, package in enumerate(row)
    }
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for package, used in direct(graph):
        (x1, y1), (x2, y2) = place[package], place[used]
        lines.append(
            f'<line x1="{x1 + WIDE / 2:.0f}" y1="{y1 + HIGH:.0f}" x2="{x2 + WIDE / 2:.0f}" '
            f'y2="{y2:.0f}" stroke="#999999" stroke-width="1"/>'
        )
    for package, (x, y) in sorted(place.items()):
        colour = COLOURS.get(package, "#fdf3d8")
        lines.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{WIDE}" height="{HIGH}" rx="5" '
            f'fill="{colour}" stroke="#555555"/>'
            f'<text x="{x + WIDE / 2:.0f}" y="{y + 20:.0f}" text-anchor="middle">{package}</text>'
        )
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    (ROOT / "docs" / "architecture.svg").write_text(draw(), encoding="utf-8")
