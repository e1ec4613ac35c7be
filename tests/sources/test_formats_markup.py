"""Markup that pandoc reads, and what is done without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from almanac.sources import pandoc
from almanac.sources.pandoc import executable
from tests.sources.helpers import ingest, lost, read, write

RST = """
.. _top:

API
***

See :ref:`the guide <guide>`, :py:meth:`~gw.Client.send`. E = :math:`mc^2`. Note [1]_.

.. py:function:: connect(host)
   :noindex:

   Opens it.

.. versionadded:: 2.1
   The port.

Deep
====

.. warning:: Do not unplug.

.. code-block:: python
   :linenos:

   def f():
       return 1

.. csv-table:: Limits
   :header: "Name", "Max"

   "cpu", 4

.. toctree::

   a

.. include:: /etc/passwd

.. a comment

.. [1] The end.
"""
RST_TEXT = """# API

See the guide, `send()`. E = \\(mc^2\\). Note^1.

connect(host)

Opens it.

Added in version 2.1:

The port.

## Deep

**Warning**

Do not unplug.

```python
def f():
    return 1
```

Limits

| Name | Max |
| --- | --- |
| cpu | 4 |

---

1. The end.
"""


def test_restructured_text_with_sphinx(tmp_path: Path) -> None:
    document = read(tmp_path, "a.rst", RST)
    assert (document.title, document.text) == ("API", RST_TEXT)
    assert lost(tmp_path) == {"a.rst": "not carried over: included files 1"}


MARKUPS: dict[str, tuple[str, str, str]] = {
    "a.adoc": (
        "= Backups\n:toc:\n\n// remark\n== Times\n\n|===\n|Day |Time\n\n|Mon |02:00\n|===\n\n"
        "[source,bash]\n----\nbackup --all\n----\n\ninclude::more.adoc[]\n",
        "# Backups\n\n# Times\n\n| Day | Time |\n| --- | --- |\n| Mon | 02:00 |\n\n"
        "```bash\nbackup --all\n```\n",
        "included files 1",
    ),
    "a.org": (
        "#+TITLE: Ops\n# remark\n* Ports\n| Name | Port |\n|------+------|\n| smtp | 25 |\n",
        "# Ops\n\n# Ports\n\n| Name | Port |\n| --- | --- |\n| smtp | 25 |\n",
        "",
    ),
    "a.mediawiki": (
        "= Main =\n'''Bold''' {{Infobox|x}}\n{| class=\"wikitable\"\n! A !! B\n|-\n| 1 || 2\n|}\n",
        "# Main\n\n**Bold**\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n",
        "templates 1",
    ),
    "a.tex": (
        "\\documentclass{article}\\title{Queues}\\begin{document}\\maketitle\\section{Model}\n"
        "Rate $\\lambda$.\n% remark\n\\begin{tabular}{ll}A & B\\\\1 & 2\\end{tabular}\n"
        "\\input{/etc/passwd}\\end{document}",
        "# Queues\n\n# Model\n\nRate \\(\\lambda\\).\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n",
        "included files 1",
    ),
}


@pytest.mark.parametrize("name", MARKUPS)
def test_markup_that_pandoc_reads(tmp_path: Path, name: str) -> None:
    source, text, loss = MARKUPS[name]
    assert read(tmp_path, name, source).text == text
    assert lost(tmp_path) == ({name: f"not carried over: {loss}"} if loss else {})


def test_markup_that_is_broken_is_kept_as_it_is(tmp_path: Path) -> None:
    source = "Title\n=====\n\n.. |a| image::\n\n.. figure::\n\n+---+\n| a\n"
    documents, rejections = ingest(write(tmp_path, {"a.rst": source}))
    assert "Title" in documents["a.rst"].text
    assert {r.severity for r in rejections} <= {"should"}


def test_without_pandoc_other_formats_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: what the parser process does where pandoc's package is not there."""
    executable.cache_clear()
    monkeypatch.setattr(pandoc.Path, "is_file", lambda self: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pandoc.Unreadable, match="pip install pypandoc_binary") as raised:
        executable()
    assert raised.value.note.expectation == "file_is_parseable"  # so it is tried the next night
    executable.cache_clear()
