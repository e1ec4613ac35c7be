"""Is there a lakehouse at a place, or may one be made there? Asked before a verb does anything."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lakehouse.damage import is_engine_error, storage_condition
from lakehouse.files import Files
from lakehouse.format import FILE
from lakehouse.location import Location, locate
from lakehouse.personal import folders
from lakehouse.table import is_written
from schemas.errors import NoLakehouse, StorageUnavailable

_OF_A_LAKEHOUSE = frozenset(place.rstrip("/") for place in folders())
# An object store that is not there is told soon, not after minutes of trying again.
_ONCE = {"MAX_RETRIES": "1", "RETRY_TIMEOUT": "5s", "TIMEOUT": "10s", "CONNECT_TIMEOUT": "5s"}
_SHOWN = 3
_RIGHT = "name the right place with --lakehouse, ALMANAC_LAKEHOUSE or `lakehouse` in almanac.toml"


def check_place(
    uri: str,
    options: dict[str, str],
    *,
    may_be_new: bool = False,
    writes: bool = False,
    absent: str = "",
) -> None:
    """Raise where a verb can't do its work at a place; the message says what to do.

    Args:
        may_be_new: the verb makes a lakehouse where there is none yet.
        writes: it stores something.
        absent: what there is none of without a lakehouse, such as "no release yet".

    Raises:
        NoLakehouse: nothing is there, or something else.
        StorageUnavailable: the place can't be reached, read or written.
    """
    location = locate(uri, options | (_ONCE if "://" in uri else {}))
    folder = location.folder
    if folder is None:
        there = _on_a_store(location)
        if not there and not may_be_new:
            raise NoLakehouse(_nothing(location.uri, "is empty", absent))
        return
    try:
        there = _in_a_folder(folder)
    except OSError as error:
        raise _unusable(folder, error, "read") from None
    if not there and not may_be_new:
        is_empty = folder.is_dir()
        what = "is an empty folder" if is_empty else "is not there"
        raise NoLakehouse(_nothing(str(folder), what, absent))
    if writes or may_be_new:
        _check_writable(folder)


def _in_a_folder(folder: Path) -> bool:
    """Is a lakehouse in the folder? False where it is empty or missing."""
    if folder.is_file():
        raise NoLakehouse(f"{folder} is a file, and a lakehouse is a folder: {_RIGHT}")
    if not folder.exists():
        if blocking := next((one for one in folder.parents if one.is_file()), None):
            raise NoLakehouse(f"{folder} can't be a folder, {blocking} is a file: {_RIGHT}")
        return False
    names = sorted(path.name for path in folder.iterdir())
    if _OF_A_LAKEHOUSE & set(names):
        return True
    if seen := [name for name in names if not name.startswith(".")]:
        more = f" and {len(seen) - _SHOWN} more" if len(seen) > _SHOWN else ""
        raise NoLakehouse(
            f"{folder} is a folder of other things ({', '.join(seen[:_SHOWN])}{more}), and no "
            f"lakehouse: {_RIGHT}"
        )
    return False


def _check_writable(folder: Path) -> None:
    """Try it: rights alone do not tell of a read-only disk or a file system that makes no files."""
    nearest = next(one for one in (folder, *folder.parents) if one.is_dir())
    try:
        handle, name = tempfile.mkstemp(prefix=".almanac-", dir=nearest)
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        raise _unusable(folder, error, "written to") from None


def _unusable(folder: Path, error: OSError, verb: str) -> StorageUnavailable:
    return StorageUnavailable(
        f"the lakehouse at {folder} can't be {verb} ({error.strerror or error}): mend that "
        f"(rights, the disk, the mount), or {_RIGHT}"
    )


def _on_a_store(location: Location) -> bool:
    try:
        Files(location).read(FILE)
        return True
    except FileNotFoundError:
        pass
    except BaseException as error:
        raise _unreachable(location, error) from error
    try:
        return is_written(location)
    except BaseException as error:
        raise _unreachable(location, error) from error


def _unreachable(location: Location, error: BaseException) -> BaseException:
    if not isinstance(error, Exception) and not is_engine_error(error):
        return error  # such as Ctrl-C
    words = " ".join(str(error).split())
    reason = next((said for sign, said in _REASONS if sign in words), "") or storage_condition(
        error
    )
    why = f" ({reason})" if reason else ""
    return StorageUnavailable(
        f"the store of the lakehouse at {location.uri} can't be reached{why}: see the address, "
        f"its credentials and `storage_options`, or {_RIGHT}"
    )


_REASONS = (
    ("NoSuchBucket", "there is no such bucket"),
    ("AccessDenied", "access is denied"),
    ("InvalidAccessKeyId", "the access key is not known"),
    ("SignatureDoesNotMatch", "the secret key is wrong"),
    ("onnection refused", "the connection is refused"),
    ("dns error", "the name of the host is not known"),
    ("timed out", "no answer in time"),
    ("Missing region", "no region is set"),
    ("instance metadata", "there are no credentials"),
    ("No files in log", "nothing is there"),
    ("scheme", "the kind of address is not known"),
)


def _nothing(place: str, what: str, absent: str) -> str:
    said = f"{absent}: " if absent else ""
    return (
        f"{said}there is no lakehouse at {place}, which {what}. `almanac nightly` makes one; if it "
        f"is elsewhere, {_RIGHT}"
    )
