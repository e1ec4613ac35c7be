"""Memory that a stage needed and the next does not, given back to the operating system."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Return what is free of the heap: the engines' threads leave it in pieces of their own.

    Costs some milliseconds. Only glibc keeps so much, and only it can be asked.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
