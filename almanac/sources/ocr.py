"""Text of a scanned page, by the program tesseract, which is not part of the installation."""

from __future__ import annotations

import shutil
import subprocess

import pypdfium2

from almanac.sources.parsed import Unreadable

_DOTS_PER_INCH = 200
_POINTS_PER_INCH = 72
_SECONDS = 120
_LARGEST = 60_000_000  # dots of a page


def read_page(page: pypdfium2.PdfPage, languages: str) -> str:
    """What tesseract reads on a page, `languages` such as "eng+rus".

    Raises:
        Unreadable: tesseract or one of the languages is not installed, or it failed.
    """
    program = shutil.which("tesseract")
    if program is None:
        raise Unreadable(
            "file_is_parseable",
            "ocr is set, but tesseract is not installed: apt install "
            "tesseract-ocr tesseract-ocr-eng",
        )
    scale = _DOTS_PER_INCH / _POINTS_PER_INCH
    width, height = page.get_size()
    scale = min(scale, scale * (_LARGEST / max(1.0, width * height * scale * scale)) ** 0.5)
    picture = page.render(scale=scale, grayscale=True).to_numpy()
    if picture.ndim == 3:
        picture = picture[:, :, 0]
    # PGM: the plainest picture that tesseract reads, so no library has to write one.
    head = f"P5 {picture.shape[1]} {picture.shape[0]} 255\n".encode()
    done = subprocess.run(
        [program, "stdin", "stdout", "-l", languages, "--dpi", str(_DOTS_PER_INCH)],
        input=head + picture.tobytes(),
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        reason = " ".join(done.stderr.decode("utf-8", "replace").split())[-200:]
        raise Unreadable("file_is_parseable", f"tesseract failed: {reason}")
    text: str = done.stdout.decode("utf-8", "replace")
    return text.replace("\f", "").strip()
