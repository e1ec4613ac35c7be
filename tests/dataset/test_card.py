from __future__ import annotations

from pathlib import Path

from almanac.core.markdown import quoted, table
from almanac.dataset.build import build
from almanac.dataset.card import card
from almanac.releases.erase import Subject, erase
from tests.dataset.logged import asked, configured, faults, fill, lake_of, likes, verdict, vote


def test_the_card_says_what_is_in_it_and_what_is_not(tmp_path: Path) -> None:
    settings = configured(tmp_path, held_back=0)
    lake = lake_of(settings)
    other = asked(9, question="Mail ann.lee@contoso.com about the archive?", response="SECRET")
    asks = [*faults(range(4)), *likes([5])]
    verdicts = [verdict(one) for one, said in asks if said.rating < 0]
    fill(lake, [*asks, (other, vote(other, -1))], [*verdicts, verdict(other, "source_missing")])
    result = build(settings, None, None)
    page = card(lake, lake.datasets.manifest())
    assert page == result["card"]
    for part in (
        f"# Dataset {result['dataset'][:12]}\n",
        "5 examples, 5 to train on and 0 held back, made of 6 requests (from the first to the "
        "last): 5 disliked, 1 liked, 0 without a vote.",
        "| SFT | 5 | 0 |\n| DPO | 4 | 0 |\n| KTO | 9 | 0 |",
        "| origin | examples |\n| --- | ---: |\n| correction | 4 |\n| like | 1 |",
        "| cause | examples |\n| --- | ---: |\n| liked | 1 |\n| model_fault | 4 |",
        "| lang | examples |\n| --- | ---: |\n| en | 5 |",
        "| source | examples |\n| --- | ---: |\n| wiki | 5 |",
        "| reason | rows |\n| --- | ---: |\n| source_missing | 1 |",
        "| source_missing | `r-009` | Mail \\[EMAIL\\] about the archive? ",
        "**like**, train, en, request `r-005`",
        f"- question: {asked(5).question}",
        f"- right: {asked(5).response}",
        "| held_back | 0.0 |",
        "almanac dataset export",
        f"Full hash: `{result['dataset']}`",
    ):
        assert part in page
    assert "SECRET" not in page and "ann.lee" not in page


def test_the_card_of_a_dataset_that_was_erased_from_says_so(tmp_path: Path) -> None:
    settings = configured(tmp_path, held_back=0)
    fill(lake_of(settings), faults(range(4)))
    build(settings, None, None)
    lake = lake_of(settings)
    lake.delta("training_examples").delete("request_id = 'r-001'")
    page = card(lake, lake.datasets.manifest())
    assert "Not to be shown: 1 of 4 examples of dataset" in page
    assert asked(2).question not in page


def test_a_few_dropped_questions_of_each_reason_are_shown_and_erased_with_their_user(
    tmp_path: Path,
) -> None:
    settings = configured(tmp_path, held_back=0)
    gone = [asked(number, user_id="u-gone") for number in range(10, 16)]
    said = [*faults(range(4)), *((one, vote(one, -1)) for one in gone)]
    fill(lake_of(settings), said, [verdict(one) for one, _ in faults(range(4))])
    lake = lake_of(settings)
    page = build(settings, None, None)["card"]
    shown = [one.question for one in gone if one.question in page]
    assert len(shown) == 3
    erase(settings, Subject(user_id="u-gone"))
    page = card(lake, lake.datasets.manifest())
    assert not any(question in page for question in shown)
    assert "| not_triaged | 6 |" in page


def test_a_text_cannot_act_on_the_page() -> None:
    assert quoted("a | b\n<script>*x*</script> [l](u) `c` \x1b[0m") == (
        "a \\| b \\<script\\>\\*x\\*\\</script\\> \\[l\\](u) \\`c\\` ·\\[0m"
    )
    assert len(quoted("x" * 999)) == 280


def test_a_table_without_rows_says_none() -> None:
    assert table(("reason", "rows"), []) == "reason: none"
