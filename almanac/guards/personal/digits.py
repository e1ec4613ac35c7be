"""Check digits of Russian numbers.

Sources: the orders of the Federal Tax Service on the INN (MMB-7-6/435@) and on the OGRN (the rules
of the register, order 165n of the Ministry of Finance), and the Pension Fund's rule for the SNILS.
"""

from __future__ import annotations

from collections.abc import Sequence

_INN_10 = (2, 4, 10, 3, 5, 9, 4, 6, 8)
_INN_11 = (7, *_INN_10)
_INN_12 = (3, *_INN_11)
_FIRST_CHECKED = 1_001_998  # SNILS up to this number have no check digits


def is_inn(number: str) -> bool:
    """10 digits of a company or 12 of a person, with the right check digits."""
    if len(number) == 10:
        return _weighed(number, _INN_10)
    return len(number) == 12 and _weighed(number, _INN_11) and _weighed(number, _INN_12)


def is_snils(number: str) -> bool:
    """11 digits, the last two of them the sum of the others weighted 9 to 1, modulo 101."""
    if len(number) != 11 or int(number[:9]) <= _FIRST_CHECKED:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(range(9, 0, -1), number, strict=False))
    return total % 101 % 100 == int(number[9:])


def is_ogrn(number: str) -> bool:
    """13 digits of a company or 15 of a sole trader; the last one is a remainder of the others."""
    modulus = {13: 11, 15: 13}.get(len(number))
    return modulus is not None and int(number[:-1]) % modulus % 10 == int(number[-1])


def _weighed(number: str, weights: Sequence[int]) -> bool:
    total = sum(weight * int(digit) for weight, digit in zip(weights, number, strict=False))
    return total % 11 % 10 == int(number[len(weights)])
