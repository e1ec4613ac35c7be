from __future__ import annotations

from math import pi

import numpy as np
import pytest

from almanac.evaluation.power import allowance, power, questions_needed, sign_test
from almanac.evaluation.rightness import right


def test_the_sign_test() -> None:
    assert sign_test(0, 0) == 1.0
    assert sign_test(8, 1) == pytest.approx(10 / 512)
    assert sign_test(1, 8) == pytest.approx(1 - 1 / 512)


def test_all_tries_together_spend_what_one_may() -> None:
    assert allowance(1) == pytest.approx(0.05 * 6 / pi**2)
    assert sum(map(allowance, range(1, 5000))) == pytest.approx(0.05, abs=1e-4)


def test_power_is_what_a_simulation_finds() -> None:
    rng = np.random.default_rng(0)
    n, gain, changed, alpha = 100, 0.1, 0.3, allowance(1)
    gained = rng.binomial(n, (changed + gain) / 2, 4000)
    lost = np.array([rng.binomial(n - g, (changed - gain) / 2 / (1 - g / n)) for g in gained])
    shown = np.mean([sign_test(g, k) <= alpha for g, k in zip(gained, lost, strict=True)])
    assert power(n, gain, changed, alpha) == pytest.approx(shown, abs=0.03)


def test_the_questions_needed_have_the_power() -> None:
    for gain in (0.1, 0.2):
        needed = questions_needed(gain, 0.3, allowance(1))
        assert 0.8 <= power(needed, gain, 0.3, allowance(1)) < 0.83
    assert questions_needed(0.1, 0.3, allowance(1)) == 233
    assert power(1000, 0.1, 0.3, allowance(1)) > 0.99


@pytest.mark.parametrize(
    ("question", "answer", "references", "expected"),
    [
        ("Where is the printer?", "I think that it is in room seven.", ["Room seven"], 1.0),
        ("Where is the printer?", "In room eight.", ["Room seven"], 0.0),
        ("Who is older?", "Clijsters is older than Pierce.", ["Mary Pierce"], 0.0),
        ("Are dogs allowed?", "No, they are not.", ["no"], 1.0),
        ("Are dogs allowed?", "Yes, on a lead.", ["no"], 0.0),
        ("When does it open?", "It opens at 9 am.", ["It opens at 8 am [1]."], 0.0),
        ("Who pays?", "I don't know.", ["the terminal"], 0.0),
        (
            "Who approves travel?",
            "The head of the department.",
            ["Travel is approved by the head of the department [1].", "the head of department"],
            1.0,
        ),
    ],
)
def test_right_as_a_whole(
    question: str, answer: str, references: list[str], expected: float
) -> None:
    assert right(question, answer, references) == expected
