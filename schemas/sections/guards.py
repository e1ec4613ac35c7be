"""What is looked for in questions, passages and answers, and what happens where it is found."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.sections.base import Section

Action = Literal["block", "mask", "flag", "off"]
GuardName = Literal[
    "question_injection",
    "question_personal",
    "passage_injection",
    "answer_personal",
    "answer_words",
    "answer_grounding",
]


class GuardSettings(Section):
    """The guards of an assistant, part of its version.

    block: it is not answered, not shown to the model, or not said; mask: it is replaced; flag: it
    is recorded alone; off: it is not looked for.
    """

    question_injection: Literal["block", "flag", "off"] = Field(
        default="block", description="Questions that give the model orders or ask for its prompt."
    )
    question_personal: Action = Field(
        default="mask",
        description="Personal data with a form in questions (mail, numbers, addresses, secrets) "
        "that no passage has: masked for the model and in the log.",
    )
    passage_injection: Literal["block", "flag", "off"] = Field(
        default="block", description="Passages that give the model orders: block leaves them out."
    )
    answer_personal: Action = Field(
        default="mask",
        description="Personal data in answers that neither the question nor a passage has.",
    )
    answer_words: Action = Field(
        default="mask", description="Profanity in answers, English and Russian."
    )
    answer_grounding: Literal["block", "flag", "off"] = Field(
        default="block",
        description="Sentences with a number or a name that neither question nor passages have.",
    )
    meaning: bool = Field(
        default=True,
        description="Are injections in questions recognised by meaning, too? It opens "
        "the multilingual model.",
    )
    passage_meaning: bool = Field(
        default=False,
        description="Those in passages, too: about a quarter of a second of one core for each "
        "passage that is shown for the first time.",
    )
    fails_open: tuple[GuardName, ...] = Field(
        default=(), description="Guards that let pass what they fail on; the others block it."
    )
    message: str | None = Field(
        default=None,
        description="What is answered to a blocked question; by its language unless given.",
    )
