"""Old answers again, after many nights, an upgrade of the embedder and retention; then erasure.

    python benchmarks/reliability/replay_nights.py --nights 30

Each night changes a third of the documents, and each release is asked two questions. Then the
embedder changes and `almanac retention apply` lets releases go. Each logged request is replayed:
its passages and prompt are the same, byte for byte, or its release is named as cold with the
command that opens it; that command is run then, and the replay must be the same. At last a user and
a document that was cited are erased, and their words are looked for in the bytes of every file,
pages of Parquet unpacked, and in every version of each index. One line of JSON; `wrong` and `left`
must be 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import lance
import pyarrow.parquet as pq

from almanac.serving.app import application
from almanac.serving.service import Service
from testing.chat_endpoint import stub_model
from tests.serving.conftest import House

DOCUMENTS = 12
# Two nights stay open by age; the rest by what was asked of them.
RETENTION = "[retention]\nkeep_last = 2\ndaily = 0\nweekly = 0\nmonthly = 0\nyearly = 0\n"
USER, SECRET, DOCUMENT = "ann-of-the-archive", "quetzalcoatl", "secret.md"


def main() -> int:
    """Live through it, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stub_model() as model:
        house = House(Path(folder), model, RETENTION)
        asked = asyncio.run(_nights(house, given.nights))
        _run(house, "feedback", "drain")
        house.revision = "2"
        house.config.unlink()
        house.night(_day(given.nights), {"new.md": "# New\n\nThe embedder is another one.\n"})
        kept = asyncio.run(_replayed(house, asked))
        _run(house, "retention", "apply", "--yes")
        young = asyncio.run(_replayed(house, asked))
        house.more = f"{RETENTION}requests_days = 0\n"
        house.config.unlink()
        _run(house, "retention", "apply", "--yes")
        late = asyncio.run(_replayed(house, asked))
        found = {
            "nights": given.nights,
            "asked": len(asked),
            "same_after_the_upgrade": kept["same"],
            "same_after_retention": young["same"],
            "same_once_requests_are_old": late["same"],
            "cold_with_a_command": len(late["commands"]),
            "same_once_opened": 0,
        }
        wrong = kept["wrong"] + young["wrong"] + late["wrong"]
        for seq in late["commands"][:3]:
            _run(house, "restore", "--as-of", str(seq), "--mode", "reopen", "--yes")
        if late["commands"]:
            some = [one for one in asked if one[1] in late["commands"][:3]]
            opened = asyncio.run(_replayed(house, some))
            found["same_once_opened"] = opened["same"]
            wrong += opened["wrong"] + len(opened["commands"])
        before = _holding(house.folder / "lake")
        (house.folder / "docs" / DOCUMENT).unlink()
        _run(house, "erase", "--user", USER, "--yes")
        _run(house, "erase", "--doc", DOCUMENT, "--yes")
        left = _holding(house.folder / "lake")
        found |= {"files_with_them_before": len(before), "left": len(left), "left_in": left[:5]}
        found["wrong"] = wrong
    print(json.dumps(found))
    return 1 if wrong or left or not before else 0


async def _nights(house: House, nights: int) -> list[tuple[str, int]]:
    """Ids of requests, each with the release that answered it."""
    asked: list[tuple[str, int]] = []
    for night in range(nights):
        texts = {
            f"part{number}.md": f"# {number}\n\nThe limit of travel is {night + number} euro.\n"
            for number in range(DOCUMENTS)
            if night == 0 or number % 3 == night % 3
        }
        house.write({DOCUMENT: f"# Secret\n\nThe {SECRET} approves gardens number {night}.\n"})
        house.night(_day(night), texts)
    service = Service(house.settings)
    async with _client(service) as client:
        for seq in range(1, nights + 1):
            for question in ("What is the limit of travel?", f"Who approves {SECRET} gardens?"):
                body = {
                    "model": "documents",
                    "messages": [{"role": "user", "content": question}],
                    "user": USER if "gardens" in question else "bob",
                    "almanac": {"as_of": seq},
                }
                told = await client.post("/v1/chat/completions", json=body)
                told.raise_for_status()
                asked.append((told.json()["id"], seq))
    service.close()
    return asked


async def _replayed(house: House, asked: list[tuple[str, int]]) -> dict[str, Any]:
    """How many are the same, releases that are cold with their command, and what is neither."""
    same, wrong, commands = 0, 0, []
    service = Service(house.settings)
    async with _client(service) as client:
        for request_id, seq in asked:
            told = await client.post(f"/v1/requests/{request_id}/replay")
            if told.status_code == 200 and told.json()["same"]:
                same += 1
            elif told.status_code == 409 and re.search(
                rf"restore --as-of {seq} --mode reopen", told.text
            ):
                commands.append(seq)
            else:
                wrong += 1
                print(told.status_code, told.text[:300])
    service.close()
    return {"same": same, "wrong": wrong, "commands": sorted(set(commands))}


def _client(service: Service) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=application(service))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60)


def _day(night: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=40 - night)).isoformat()


def _run(house: House, *arguments: str) -> None:
    done = house.run(*arguments)
    if done.returncode:
        raise SystemExit(f"almanac {' '.join(arguments)}: {done.stdout}{done.stderr}")


def _holding(folder: Path) -> list[str]:
    """Where a word of what is to be erased stands: files as they are, pages of Parquet unpacked,
    and the rows of every version of each index.
    """
    found = []
    for table in sorted(folder.glob("lance/*.lance")):
        for version in lance.dataset(str(table)).versions():
            rows = lance.dataset(str(table), version=version["version"]).to_table().to_pylist()
            if any(SECRET in str(row) for row in rows):
                found.append(f"{table.name}, version {version['version']}")
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        data = file.read_bytes()
        if file.suffix == ".parquet":
            data += str(pq.ParquetFile(file).read().to_pylist()).encode()
        if any(word.encode() in data for word in (USER, SECRET)):
            found.append(str(file.relative_to(folder)))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
