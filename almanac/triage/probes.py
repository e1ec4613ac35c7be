"""Pairs of texts that tell how an embedder scales: those that mean the same, and strange ones.

Each model spreads its cosines over a range of its own (unrelated sentences: about .05 for one,
about .75 for another). Measured on these pairs, 0 is unrelated and 1 is the same meaning, whatever
the model; and a model that can't tell them apart in a script has no voice on texts in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schemas.encoder import Encoder

_SAME = {
    "latin": (
        ("The shop closes at six in the evening.", "You can buy things there until 6 p.m."),
        ("Employees receive thirty days of leave a year.", "Staff get a month off annually."),
        ("The bridge was damaged by a flood.", "High water harmed the crossing."),
        ("He founded the company together with his brother.", "Two siblings started the firm."),
        ("Restart the device to finish the update.", "The upgrade is complete after a reboot."),
        ("Most of the island is covered by forest.", "Trees grow on the larger part of the isle."),
    ),
    "cyrillic": (
        ("Магазин закрывается в шесть вечера.", "Покупки там можно делать до 18 часов."),
        ("Сотрудникам полагается тридцать дней отпуска.", "Работники отдыхают месяц в году."),
        ("Мост был поврежден наводнением.", "Большая вода разрушила переправу."),
        ("Он основал компанию вместе с братом.", "Фирму создали двое братьев."),
        ("Перезапустите устройство, чтобы завершить обновление.", "После перезагрузки новая версия "
         "установлена."),
        ("Большая часть острова покрыта лесом.", "Почти на всем острове растут деревья."),
    ),
}  # fmt: skip
_WORDS = {
    "latin": (("holiday", "leave"), ("illness", "disease"), ("buy", "purchase"), ("begin", "start"),
              ("car", "vehicle"), ("answer", "reply"), ("large", "big"), ("doctor", "physician")),
    "cyrillic": (("отпуск", "каникулы"), ("болезнь", "заболевание"), ("купить", "приобрести"),
                 ("начать", "приступить"), ("машина", "автомобиль"), ("ответ", "отклик"),
                 ("большой", "крупный"), ("врач", "доктор")),
}  # fmt: skip
_APART = 1.5  # standard deviations between the two means below which a model can't tell


@dataclass(frozen=True, slots=True)
class Scale:
    """`low` is the cosine of unrelated texts, `high` of those that mean the same."""

    low: float
    high: float

    def of(self, cosine: float) -> float:
        """0 for unrelated, 1 for the same meaning; beyond them where a cosine is."""
        return (cosine - self.low) / (self.high - self.low)


def scales(encoder: Encoder, script: str) -> tuple[Scale, Scale] | None:
    """Of sentences and of words; None for a script that the model can't read."""
    sentences, words = (_scale(encoder, some[script]) for some in (_SAME, _WORDS))
    return (sentences, words) if sentences and words else None


def _scale(encoder: Encoder, pairs: tuple[tuple[str, str], ...]) -> Scale | None:
    left = encoder.encode_queries([one for one, _ in pairs])
    right = encoder.encode_queries([other for _, other in pairs])
    cosines = left @ right.T
    same = np.diag(cosines)
    apart = cosines[~np.eye(len(pairs), dtype=bool)]
    if same.mean() - apart.mean() < _APART * (same.std() + apart.std()) / 2:
        return None
    return Scale(float(apart.mean()), float(same.mean()))
