from __future__ import annotations

import json
import lzma
import subprocess
import sys
from pathlib import Path

import pytest

from expectations.frames import documents_frame
from expectations.runner import validate
from schemas.documents import Document, Rejection
from schemas.report import Validation
from tests.expectations.samples import RUSSIAN, broken, document

MUSTS = {
    "doc_id_is_not_blank",
    "doc_id_is_not_too_long",
    "doc_id_is_unique",
    "text_is_valid_unicode",
    "text_is_not_blank",
    "text_has_letters_or_digits",
    "text_is_decoded",
    "text_is_not_too_long",
}
SHOULDS = {
    "title_is_not_blank",
    "page_is_not_an_error_or_sign_in",
    "text_is_not_tiny",
    "text_is_decoded_cleanly",
    "line_is_not_endless",
    "text_is_not_one_repeated_line",
    "text_is_not_encoded_data",
}


def judged(*documents: Document) -> Validation:
    return validate("documents", documents_frame(documents))


def test_the_rules_and_their_severities() -> None:
    checks = judged(document("a.md")).checks
    assert {check.expectation for check in checks if check.severity == "must"} == MUSTS
    assert {check.expectation for check in checks if check.severity == "should"} == SHOULDS
    assert all(check.success and check.checked == 1 and not check.failed for check in checks)


def test_good_documents_in_two_languages_break_nothing() -> None:
    verdict = judged(
        document("копия.md"), document("b.md", "The backup starts at 02:00.", "Backup")
    )
    assert verdict.passed
    assert verdict.failing == ()


def test_blank_texts_are_kept_out_with_one_must_each() -> None:
    blanks = ["", " \n\t\u00a0\u2003", "\u200b\ufeff\u200b"]
    verdict = judged(
        document("a.md"), *(document(f"{n}.md", text) for n, text in enumerate(blanks))
    )
    assert broken(verdict) == [
        (1, "text_is_not_blank", ""),
        (1, "text_is_not_tiny", "0"),
        (2, "text_is_not_blank", r" \n\t\xa0\u2003"),
        (2, "text_is_not_tiny", "5"),
        (3, "text_is_not_blank", r"\u200b\ufeff\u200b"),
        (3, "text_is_not_tiny", "3"),
    ]
    assert verdict.kept_out == {1, 2, 3}


def test_signs_only_is_kept_out_and_one_letter_of_any_alphabet_is_not() -> None:
    texts = ["—" * 12, "—" * 12 + "ж", "—" * 12 + "7", "—" * 12 + "語", "😀" * 12]
    verdict = judged(*(document(f"{n}.md", text) for n, text in enumerate(texts)))
    assert broken(verdict) == [
        (0, "text_has_letters_or_digits", "—" * 12),
        (4, "text_has_letters_or_digits", "😀" * 12),
    ]


def test_ids() -> None:
    longest, too_long = "д" * 1024, "д" * 1025
    verdict = judged(
        document(" \u00a0"),
        document(longest),
        document(too_long),
        document("same"),
        document("other"),
        document("same"),
    )
    assert broken(verdict) == [
        (0, "doc_id_is_not_blank", r" \xa0"),
        (2, "doc_id_is_not_too_long", "д" * 199 + "…"),
        (3, "doc_id_is_unique", "same"),
        (5, "doc_id_is_unique", "same"),
    ]
    assert verdict.failing[1][1].doc_id == too_long


def test_lone_surrogates_are_kept_out_and_can_be_stored_as_reported() -> None:
    verdict = judged(
        document("latin1-\udce9.md"),
        document("b.md", "half a \ud83d pair of them"),
        document("c.md", title="half \ud83d"),
    )
    assert broken(verdict) == [
        (0, "text_is_valid_unicode", r"latin1-\udce9.md"),
        (1, "text_is_valid_unicode", "b.md"),
        (2, "text_is_valid_unicode", "c.md"),
    ]
    assert verdict.failing[0][1].doc_id.encode() == rb"latin1-\udce9.md"


@pytest.mark.parametrize(
    ("bad", "rules"),
    [
        (0, []),
        (1, []),
        (2, ["text_is_decoded_cleanly"]),
        (100, ["text_is_decoded_cleanly"]),
        (101, ["text_is_decoded", "text_is_decoded_cleanly"]),
    ],
)
@pytest.mark.parametrize("sign", ["\ufffd", "\0", "\x1b", "\x9b"])
def test_undecoded_characters_out_of_a_thousand(sign: str, bad: int, rules: list[str]) -> None:
    text = ("ж" * 9 + "\n") * 100
    verdict = judged(document("a.md", sign * bad + text[bad:]))
    # Nine letters a line, a hundred times: the repeated line is not what is looked at here.
    found = [name for _, name, _ in broken(verdict) if "decoded" in name]
    assert found == rules


def test_line_ends_and_tabs_are_no_control_characters() -> None:
    text = "\r\n".join(f"строка\t{n}\x0b\x0c\x85" for n in range(20))
    assert judged(document("a.md", text)).failing == ()


def test_lengths() -> None:
    words = "слово " * 20
    exact = (words + "\n") * 82_644 + "я" * 76
    assert len(exact) == 10_000_000
    at_limit, over = document("a.md", exact), document("b.md", exact + "!")
    verdict = judged(at_limit, over, document("c.md", "девять зн"), document("d.md", "десять знк"))
    kept = [row for row in broken(verdict) if row[1] != "text_is_not_one_repeated_line"]
    assert kept == [(1, "text_is_not_too_long", "10000001"), (2, "text_is_not_tiny", "9")]


def test_endless_line_counts_the_longest_whatever_ends_it() -> None:
    line = "слово " * 20_000
    parted = line[:100_000] + "\r" + line[100_000:]
    verdict = judged(document("a.md", line), document("b.md", parted))
    assert broken(verdict) == [(0, "line_is_not_endless", "120000")]


def test_repeated_line_needs_ten_and_half_the_characters() -> None:
    texts = [
        "Загрузка страницы…\n" * 10,
        "Загрузка страницы…\n" * 9,
        "```\n" * 40 + "Совсем другой текст, и его заметно больше, чем ограждений кода. " * 4,
    ]
    verdict = judged(*(document(f"{n}.md", text) for n, text in enumerate(texts)))
    assert broken(verdict) == [(0, "text_is_not_one_repeated_line", "0.9474")]


def test_encoded_data() -> None:
    wrapped = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    lines = "\n".join(wrapped[n:] + wrapped[:n] for n in range(30))
    address = "https://example.org/" + "/".join(["docs-and_more"] * 30)
    verdict = judged(document("a.md", lines), document("b.md", address))
    assert broken(verdict) == [(0, "text_is_not_encoded_data", "0.9874")]


@pytest.mark.parametrize(
    "title",
    [
        "404 Not Found",
        "Error 503",
        "404",
        "Page not found",
        "Access Denied",
        "Sign in",
        "Log in to your account",
        "Just a moment...",
        "Attention Required! | Cloudflare",
        "Sign in · Wiki",
        "HTTP Error 502: Bad Gateway",
        "Error: Page not found",
        "403 - Forbidden",
        "Ошибка 404",
        "Страница не найдена",
        "Доступ запрещён",
        "ВХОД В СИСТЕМУ",
        "Авторизация",
    ],
)
def test_error_and_sign_in_pages(title: str) -> None:
    short, long = document("a.md", title=title), document("b.md", RUSSIAN * 40, title)
    assert broken(judged(short, long)) == [(0, "page_is_not_an_error_or_sign_in", title)]


@pytest.mark.parametrize(
    "title",
    [
        "4040 servers",
        "Handling errors",
        "Signing in with a key",
        "Sign in and sign out",
        "500th anniversary",
        "Ошибки при входе",
        "Вход с ключом",
        "Login flow explained",
        "500 tips",
        "Sign in to the VPN",
        "Access denied when printing",
        "Вход в систему учёта",
    ],
)
def test_pages_that_only_write_about_errors_and_signing_in(title: str) -> None:
    assert judged(document("a.md", title=title)).failing == ()


def test_a_rejection_says_which_document_and_what_to_do() -> None:
    verdict = judged(document("a.md"), document("b.md", title=" \u00a0"))
    assert verdict.passed
    assert verdict.kept_out == frozenset()
    assert verdict.failing == (
        (
            1,
            Rejection(
                doc_id="b.md",
                expectation="title_is_not_blank",
                severity="should",
                reason="The document has no title, so its chunks are embedded without one. Give it "
                "a heading, or name the title's column in columns.title.",
                value=r" \xa0",
            ),
        ),
    )


def test_the_last_state_of_the_fastapi_corpus_breaks_nothing(shared_data: Path) -> None:
    texts: dict[str, str] = {}
    changes = shared_data / "corpus_a_fastapi" / "changes.jsonl.xz"
    with lzma.open(changes, "rt", encoding="utf-8") as lines:
        for change in map(json.loads, lines):
            if change["op"] == "put":
                texts[change["path"]] = change["text"]
            else:
                del texts[change["path"]]
    assert len(texts) == 279
    assert judged(*(document(path, text, path) for path, text in texts.items())).failing == ()


def test_the_xquad_passages_break_nothing(shared_data: Path) -> None:
    corpus = shared_data / "retrieval" / "xquad_en_ru" / "corpus.jsonl"
    rows = [json.loads(line) for line in corpus.read_text(encoding="utf-8").splitlines()]
    documents = [document(row["id"], row["text"], row["title"]) for row in rows]
    assert len(documents) == 480
    assert judged(*documents).failing == ()


def test_bad_input_is_kept_out_for_the_right_reason(shared_data: Path, tmp_path: Path) -> None:
    maker = shared_data / "nasty" / "make_nasty.py"
    subprocess.run([sys.executable, maker, tmp_path / "bad"], check=True, capture_output=True)
    source = tmp_path / "bad" / "source"
    paths = ["good/backup_en.md", "good/backup_ru.md", *sorted(EXPECTED)]
    texts = [(source / path).read_bytes().decode("utf-8", "replace") for path in paths]
    verdict = judged(*(document(path, text, path) for path, text in zip(paths, texts, strict=True)))
    found: dict[str, set[str]] = {path: set() for path in paths}
    for _, rejection in verdict.failing:
        found[rejection.doc_id].add(rejection.expectation)
    assert found == EXPECTED | {"good/backup_en.md": set(), "good/backup_ru.md": set()}


UNREADABLE = {"text_is_decoded", "text_is_decoded_cleanly"}
EXPECTED: dict[str, set[str]] = {
    "size/empty.md": {"text_is_not_blank", "text_is_not_tiny"},
    "size/whitespace.md": {"text_is_not_blank", "text_is_not_tiny"},
    "size/one_char.md": {"text_is_not_tiny"},
    "size/heading_only.md": set(),
    "size/one_word_1mb.txt": {"line_is_not_endless", "text_is_not_encoded_data"},
    "enc/binary.md": UNREADABLE,
    "enc/cp1251.txt": UNREADABLE,
    "enc/koi8r.txt": UNREADABLE,
    "enc/two_encodings.md": UNREADABLE,
    "enc/utf16le_bom.md": UNREADABLE,
    "enc/invalid_utf8.md": {"text_is_decoded_cleanly"},
    "enc/cut_in_a_letter.md": {"text_is_decoded_cleanly"},
    "char/nul.md": {"text_is_decoded_cleanly"},
    "char/control.md": UNREADABLE,
    "char/zero_width.md": set(),
    "char/bidi.md": set(),
    "char/zalgo.md": set(),
    "char/cr_only.txt": set(),
    "char/separators.md": set(),
    "html/deep.html": {"line_is_not_endless"},
    "md/quotes.md": set(),
    "md/inline_image.md": {"line_is_not_endless", "text_is_not_encoded_data"},
    "text/injection_ru.md": set(),
    "text/personal.md": set(),
    "name/new\nline.md": set(),
    "name/emoji \U0001f600.md": set(),
    "fs/" + "/".join(["d" * 20] * 60) + "/deep.md": {"doc_id_is_not_too_long"},
}
