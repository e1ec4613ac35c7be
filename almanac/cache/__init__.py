"""Answers that are given again without a model, while a new one would come from the same passages.

An answer stands under its question and under all that made it but the release: `wording` says when
two questions are one, `store` keeps the answers in a file beside the journal, `tending` removes
those that somebody disliked or that were erased elsewhere, `calibration` finds the threshold.
"""
