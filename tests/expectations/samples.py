"""Documents, suites and frames that several tests of this folder build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas.documents import Document
from schemas.hashing import sha256_text
from schemas.report import Validation

RUSSIAN = "Ночная копия запускается в 02:00 и пишется на второй диск."


def document(doc_id: str, text: str = RUSSIAN, title: str = "Копия") -> Document:
    return Document(
        doc_id=doc_id,
        title=title,
        uri=f"file:///{doc_id.strip()}",
        media_type="text/markdown",
        text=text,
        content_hash=sha256_text(text.encode("utf-8", "replace").decode()),
        size=len(text.encode("utf-8", "surrogatepass")),
    )


def rule(
    type_: str, name: str = "rule", severity: str = "critical", **kwargs: Any
) -> dict[str, Any]:
    meta = {"name": name, "reason": f"{name} is broken."}
    return {"type": type_, "kwargs": kwargs, "severity": severity, "meta": meta}


def suite_file(folder: Path, *rules: dict[str, Any]) -> Path:
    file = folder / "custom.json"
    file.write_text(json.dumps({"name": "custom", "expectations": rules}), encoding="utf-8")
    return file


def broken(validation: Validation) -> list[tuple[int, str, str]]:
    """(position, rule, value) of each rejection, in the verdict's order."""
    return [(at, rejection.expectation, rejection.value) for at, rejection in validation.failing]
