"""Each lakehouse that an earlier version wrote, unpacked elsewhere than where it was made."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compat.project import Project, endpoints
from tests.training.tiny import make_tiny_base

WRITTEN = sorted((Path(__file__).parent / "written").glob("*/*.tar.xz"))


class Written(Project):
    """A project as it was written, and what that version said of it."""

    @property
    def recorded(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / "recorded.json").read_text())
        return found

    @property
    def releases(self) -> list[dict[str, Any]]:
        """Newest first."""
        found: list[dict[str, Any]] = self.recorded["history"]
        return found

    def tier(self, tier: str) -> list[str]:
        """The numbers of the releases that are hot, or cold, newest first."""
        return [str(one["seq"]) for one in self.releases if one["tier"] == tier]

    def copied_to(self, root: Path) -> Written:
        shutil.copytree(self.root, root)
        return Written(root, self.code)


# Of the package, so that no later test has its environment.
@pytest.fixture(scope="package")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The models that the projects are configured with."""
    with endpoints(make_tiny_base(tmp_path_factory.mktemp("base") / "tiny-llama")):
        yield


@pytest.fixture(
    scope="package", params=WRITTEN, ids=lambda file: f"{file.parent.name}-{file.name[:-7]}"
)
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, models: None
) -> Written:
    """Only to be read."""
    root = tmp_path_factory.mktemp("written")
    with tarfile.open(request.param) as archive:
        archive.extractall(root, filter="data")
    return Written(root / request.param.name[:-7])


@pytest.fixture
def own(written: Written, tmp_path: Path) -> Written:
    """One's own copy."""
    return written.copied_to(tmp_path / "project")
