"""A git repository: renames, a forced push, LFS, submodules, links, dates."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from almanac.schedule.dated import dated_names
from schemas.errors import SourceUnavailable
from schemas.settings import Settings, SourceSettings
from tests.sources.connectors.nights import Nights


class Repository:
    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str, day: int = 1) -> str:
        moment = f"2026-03-{day:02}T12:00:00Z"
        who = {
            f"GIT_{role}_{what}": "a@b"
            for role in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        dates = {"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}
        ended = subprocess.run(
            ["git", *words],
            cwd=self.place,
            env=os.environ | who | dates | {"GIT_CONFIG_GLOBAL": os.devnull},
            check=True,
            capture_output=True,
            text=True,
        )
        return ended.stdout.strip()

    def commit(self, day: int, **files: str | None) -> str:
        for name, text in files.items():
            path = self.place / f"{name}.md"
            path.unlink() if text is None else path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x", day=day)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    made = Repository(tmp_path / "repository")
    made.commit(1, mail="# Mail\n\nSet up mail.\n", pay="# Pay\n\nPay day.\n")
    return made


@pytest.fixture
def nights(tmp_path: Path, repository: Repository) -> Nights:
    return Nights(tmp_path / "lake", uri=str(repository.place), kind="git", ref="main")


def test_what_changed_is_read_and_a_rename_moves_the_document(
    nights: Nights, repository: Repository
) -> None:
    assert nights.read() == ["mail.md", "pay.md"]
    assert nights.read() == []
    repository.git("mv", "pay.md", "wages.md")
    repository.commit(2, mail="# Mail\n\nNew.\n")
    (repository.place / "draft.md").write_text("Not committed.")
    assert nights.read() == ["mail.md", "wages.md"]
    assert nights.texts == {"mail.md": "# Mail\n\nNew.", "wages.md": "# Pay\n\nPay day."}


def test_a_fresh_clone_reads_nothing_again(
    nights: Nights, repository: Repository, tmp_path: Path
) -> None:
    nights.run()
    clone = tmp_path / "clone"
    repository.git("clone", "-q", str(repository.place), str(clone))
    assert nights.read(uri=str(clone)) == []
    assert set(nights.stored) == {"mail.md", "pay.md"}


def test_a_forced_push_is_followed(nights: Nights, repository: Repository) -> None:
    repository.commit(2, mail=None, extra="Extra.\n")
    nights.run()
    assert set(nights.stored) == {"extra.md", "pay.md"}
    repository.git("reset", "-q", "--hard", "HEAD~1")
    repository.commit(3, other="Other.\n")
    assert nights.read() == ["mail.md", "other.md"]
    assert set(nights.stored) == {"mail.md", "other.md", "pay.md"}


def test_pointers_submodules_and_links_are_named(nights: Nights, repository: Repository) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    (repository.place / "link.md").symlink_to("mail.md")
    sha = repository.git("rev-parse", "HEAD")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{sha},vendor")
    (repository.place / "vendor").mkdir()
    repository.commit(2, big=pointer)
    found = nights.run()
    assert {(r.doc_id, r.expectation, r.severity) for _, r in found.rejections} == {
        ("big.md", "file_is_complete", "must"),
        ("link.md", "file_is_regular", "should"),
        ("vendor", "folder_is_here", "should"),
    }
    assert set(nights.stored) == {"mail.md", "pay.md"}


def test_as_of_a_commit_a_tag_and_a_date(nights: Nights, repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.commit(5, mail="# Mail\n\nFifth.\n")
    repository.git("tag", "-a", "five", "-m", "five")
    repository.commit(9, mail="# Mail\n\nNinth.\n")
    expected = {
        first: "Set up mail.",
        "five": "Fifth.",
        "main@2026-03-04": "Set up mail.",
        "main@2026-03-05": "Fifth.",
        "main@2026-03-09T11:00:00": "Fifth.",
        "HEAD": "Ninth.",
    }
    for ref, text in expected.items():
        nights.run(ref=ref)
        assert nights.texts["mail.md"] == f"# Mail\n\n{text}", ref
    with pytest.raises(SourceUnavailable, match=r"no commit of main by 2026-02-01.*2026-03-01"):
        nights.run(ref="main@2026-02-01")
    with pytest.raises(SourceUnavailable, match=r"has no ref 'trunk'; some that it has: .*main"):
        nights.run(ref="trunk")


def test_a_ref_with_a_date_can_be_filled_in_night_by_night(
    nights: Nights, repository: Repository
) -> None:
    repository.commit(2, mail="# Mail\n\nSecond.\n")
    source = SourceSettings.model_validate(nights.source | {"ref": "main@{date}"})
    assert dated_names(Settings(sources={"kb": source})) == {"kb"}
    nights.run(ref="main@{date}")  # as of 1 March
    assert nights.texts["mail.md"] == "# Mail\n\nSet up mail."
    nights.run()
    assert nights.texts["mail.md"] == "# Mail\n\nSecond."


def test_rights_by_glob_and_sidecar(nights: Nights, repository: Repository) -> None:
    (repository.place / "hr").mkdir()
    (repository.place / "hr" / "terms.md").write_text("Terms.\n")
    (repository.place / "hr" / ".acl.toml").write_text('default = ["group:hr"]\n')
    repository.commit(2)
    access = {"default": ["public"], "sidecar": ".acl.toml", "paths": {"pay.md": ["user:ann"]}}
    nights.run(access=access)
    assert nights.access == {
        "hr/terms.md": ("group:hr",),
        "mail.md": ("public",),
        "pay.md": ("user:ann",),
    }
    (repository.place / "hr" / ".acl.toml").write_text("default = everybody\n")
    repository.commit(3)
    assert nights.read() == []
    assert nights.access["hr/terms.md"] == ()


def test_what_is_no_repository_or_lost_an_object(
    nights: Nights, repository: Repository, tmp_path: Path
) -> None:
    nights.run()
    with pytest.raises(SourceUnavailable, match=f"the repository {tmp_path} cannot be read"):
        nights.run(uri=str(tmp_path))
    tree = repository.git("rev-parse", "HEAD^{tree}")
    (repository.place / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(SourceUnavailable, match="that it is complete"):
        nights.run(uri=str(repository.place))
    assert set(nights.stored) == {"mail.md", "pay.md"}
