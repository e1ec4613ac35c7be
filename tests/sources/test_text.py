from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.sources.helpers import broken, ingest, write

ENGLISH = "# Backups\n\nThe nightly backup starts at 02:00 and writes to the second disk.\n"
RUSSIAN = (
    "# Резервное копирование\n\nНочная копия запускается в 02:00 и пишется на второй диск. "
    "Отдельный файл восстанавливает мастер.\n"
)


def test_a_document_is_the_file_as_it_stands(tmp_path: Path) -> None:
    write(tmp_path, {"docs/guide.md": ENGLISH})
    documents, rejections = ingest(tmp_path)
    document = documents["docs/guide.md"]
    assert rejections == []
    assert document.text == ENGLISH
    assert document.title == "Backups"
    assert document.uri == f"{tmp_path}/docs/guide.md"
    assert document.media_type == "text/markdown"
    assert document.content_hash == hashlib.sha256(ENGLISH.encode()).hexdigest()
    assert document.size == len(ENGLISH.encode())
    assert document.metadata == {}


@pytest.mark.parametrize(
    ("name", "media_type", "title"),
    [
        ("a.md", "text/markdown", "H"),
        ("a.markdown", "text/markdown", "H"),
        ("a.mdx", "text/mdx", "H"),
        ("a.b.txt", "text/plain", "a.b"),
        (".txt", "text/plain", ".txt"),
    ],
)
def test_media_types_and_titles(tmp_path: Path, name: str, media_type: str, title: str) -> None:
    documents, _ = ingest(write(tmp_path, {name: "# H\n"}))
    assert [(d.media_type, d.title) for d in documents.values()] == [(media_type, title)]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("intro\n\n# First\n\n# Second\n", "First"),
        ("# Closed ##\n", "Closed"),
        ("# C#\n", "C#"),
        ("# With an anchor { #anchor }\n", "With an anchor"),
        ("# Braces {name} stay\n", "Braces {name} stay"),
        ("   # Indented by three\n", "Indented by three"),
        ("    # Code\n\nText\n", "file"),
        ("#hashtag\n", "file"),
        ("## Second level\n", "file"),
        ("#\n\n# Not blank\n", "Not blank"),
        ("Setext\n======\n", "Setext"),
        ("\n====\n", "file"),
        ("```\n# In a fence\n```\n# Outside\n", "Outside"),
        ("~~~~\n```\n# Still in\n~~~\n# Still\n~~~~\n# Out\n", "Out"),
        ("```never closed\n# In\n", "file"),
        ("---\ntitle: From the front matter\n---\n# Heading\n", "From the front matter"),
        ("---\ntitle: 2024\n---\ntext\n", "2024"),
        ("---\ntitle: ''\n---\n# Heading\n", "Heading"),
        ("---\ntitle: [a, b]\n---\n# Heading\n", "Heading"),
        ("---\ntitle: |\n  two\n  lines\n---\ntext\n", "two lines"),
        ("# Far" + " " * 1_000_000 + "apart {" + "#" * 1_000_000 + "\n", "Far apart {" + "#" * 989),
    ],
)
def test_titles_of_markdown(tmp_path: Path, text: str, title: str) -> None:
    documents, _ = ingest(write(tmp_path, {"file.md": text}))
    assert documents["file.md"].title == title


def test_front_matter_becomes_metadata(tmp_path: Path) -> None:
    head = "---\ntitle: T\ntags: [a, b]\ndate: 2024-01-02\nweight: .nan\n1: one\n---\n"
    documents, rejections = ingest(write(tmp_path, {"a.md": f"{head}\nBody\n", "b.txt": head}))
    assert rejections == []
    assert documents["a.md"].text == "\nBody\n"
    assert documents["a.md"].metadata == {
        "title": "T",
        "tags": ["a", "b"],
        "date": "2024-01-02",
        "weight": None,
        "1": "one",
    }
    assert documents["b.txt"].text == head


@pytest.mark.parametrize(
    "block",
    [
        "title: [unclosed\n\t- tab: x",
        "title: !!python/object/apply:os.system ['exit 1']",
        "date: 2024-13-45",
        "a: &a [1]\nb: *a",
        "n: !!int ''",
        "n: !!bool maybe",
        "when: !!timestamp soon",
        "n: " + "9" * 5000,
        "n: 0x" + "f" * 5000,
        "deep: " + "[" * 8000 + "]" * 8000,
        "deep: " + "[" * 30_000 + "]" * 30_000,
        "deep: " + "[" * 100 + "]" * 100,
        "- " * 20_000 + "x",
        'half: "\\ud83d"',
        "long: " + "x" * 70_000,
    ],
)
def test_broken_front_matter_stays_in_the_text(tmp_path: Path, block: str) -> None:
    text = f"---\n{block}\n---\n# Heading\n"
    documents, rejections = ingest(write(tmp_path, {"a.md": text}))
    assert documents["a.md"].text == text
    assert documents["a.md"].title == "Heading"
    assert broken(rejections) == {("a.md", "front_matter_is_valid", "should")}


@pytest.mark.parametrize(
    "text",
    ["---\n\nA paragraph\n\n---\n\nmore\n", "---\ntitle: never closed\n", "\n---\na: b\n---\n"],
)
def test_thematic_breaks_are_no_front_matter(tmp_path: Path, text: str) -> None:
    documents, rejections = ingest(write(tmp_path, {"a.md": text}))
    assert (documents["a.md"].text, documents["a.md"].metadata, rejections) == (text, {}, [])


def test_blank_files_are_nothing(tmp_path: Path) -> None:
    blanks = {"a.md": "", "b.md": " \n\t\u00a0\u2003\n", "c.txt": b"\xef\xbb\xbf", "d.csv": "\n"}
    assert ingest(write(tmp_path, {**blanks, "e.md": "---\n---\n"})) == ({}, [])


def test_a_page_that_is_all_front_matter_keeps_it_as_its_text(tmp_path: Path) -> None:
    text = "---\ntitle: T\n---\n\n"
    documents, rejections = ingest(write(tmp_path, {"a.md": text}))
    assert (documents["a.md"].text, documents["a.md"].title, rejections) == (text, "T", [])
    assert documents["a.md"].metadata == {"title": "T"}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbf# A\n", "# A\n"),
        (b"a\r\nb\rc\n", "a\nb\nc\n"),
        ("\ufeff# Я\n".encode("utf-16-le"), "# Я\n"),
        ("\ufeff# Я\n".encode("utf-16-be"), "# Я\n"),
        ("\ufeff# Я\n".encode("utf-32-le"), "# Я\n"),
        (
            "pass\u200bword \u202eright\u202c so\u00adft \ufeff \u2028".encode(),
            "password right soft  \u2028",
        ),
        ("e\u0301 \u00e9".encode(), "\u00e9 \u00e9"),
        (
            "ﬁrst co\u200dop 👩\u200d🔬 می\u200cخواهم".encode(),
            "first coop 👩\u200d🔬 می\u200cخواهم",
        ),
    ],
)
def test_unicode_has_one_spelling_without_what_nobody_sees(
    tmp_path: Path, data: bytes, text: str | bytes
) -> None:
    expected = text if isinstance(text, str) else text.decode()
    documents, rejections = ingest(write(tmp_path, {"a.md": data}))
    assert (documents["a.md"].text, rejections) == (expected, [])


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (RUSSIAN, "cp866"),
        ("Müller fährt über die Straße nach Köln und öffnet die Tür.\n", "cp1252"),
        ("备份每天晚上两点开始，写入第二个磁盘。恢复单个文件请使用向导。\n", "gb18030"),
        ("バックアップは毎晩二時に始まり、二番目のディスクに書き込まれます。\n", "cp932"),
    ],
)
def test_older_encodings_are_read_and_recorded(tmp_path: Path, text: str, encoding: str) -> None:
    # ASCII around it must not drown what tells the encoding.
    whole = "plain ascii line\n" * 5000 + text
    documents, rejections = ingest(write(tmp_path, {"a.txt": whole.encode(encoding)}))
    assert documents["a.txt"].text == whole
    assert broken(rejections) == {("a.txt", "text_is_utf8", "should")}


@pytest.mark.parametrize(
    ("data", "expectation"),
    [
        (RUSSIAN.encode()[:-3] + b"\xd1", "text_is_decodable"),
        (RUSSIAN.encode() + RUSSIAN.encode("cp1251"), "text_is_decodable"),
        (RUSSIAN.encode() * 1000 + RUSSIAN.encode("cp1251") * 1000, "text_is_decodable"),
        (b"\xff" + RUSSIAN.encode(), "text_is_decodable"),
        (b"\xff\xfea", "text_is_decodable"),
        (b"\xef\xbb\xbfab\xff", "text_is_decodable"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "file_is_text"),
        (b"\0" * 5000, "file_is_text"),
        (bytes(range(1, 32)) * 20, "file_is_text"),
    ],
)
def test_damaged_text_and_binary_are_refused(tmp_path: Path, data: bytes, expectation: str) -> None:
    documents, rejections = ingest(write(tmp_path, {"a.md": data, "good.md": ENGLISH}))
    assert list(documents) == ["good.md"]
    assert broken(rejections) == {("a.md", expectation, "must")}


def test_control_characters_become_blanks_and_are_recorded(tmp_path: Path) -> None:
    documents, rejections = ingest(write(tmp_path, {"a.md": "# A\0B\n\nx\x1b[31m \x0c\ty\n"}))
    assert documents["a.md"].text == "# A B\n\nx [31m  \ty\n"
    assert documents["a.md"].title == "A B"
    assert broken(rejections) == {("a.md", "text_has_no_control_characters", "should")}
    assert rejections[0].value == repr("\0\x0c\x1b")
