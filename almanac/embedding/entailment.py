"""A cross-encoder that says whether one text follows from another, by hub id or folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from schemas.errors import ConfigError

Follows = Literal["entails", "contradicts", "neutral"]
_NAMES: dict[str, Follows] = {
    "entailment": "entails",
    "entails": "entails",
    "contradiction": "contradicts",
    "contradicts": "contradicts",
    "neutral": "neutral",
}


class Entailment:
    """Asks one model of three classes, named entailment, contradiction and neutral in its files."""

    def __init__(self, model: str, threads: int = 1, device: str = "cpu") -> None:
        """Load it.

        Raises:
            ConfigError: it can't be had, or its classes have other names.
        """
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        torch.set_num_threads(threads)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(model)
            self._model = AutoModelForSequenceClassification.from_pretrained(model).to(device)
        except (OSError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ConfigError(f"triage.entailment {model} can't be loaded: {reason}") from None
        self._model.eval()
        labels = self._model.config.id2label
        self._classes = [_NAMES.get(str(labels[at]).casefold()) for at in sorted(labels)]
        if set(self._classes) != set(_NAMES.values()):
            raise ConfigError(
                f"triage.entailment {model} has the classes {sorted(labels.values())}: name a "
                "model with entailment, neutral and contradiction"
            )
        self._device = device

    def ask(self, premises: Sequence[str], claim: str) -> list[tuple[Follows, float]]:
        """Of each premise: what it says of the claim, and how sure (0 to 1)."""
        import torch

        if not premises:
            return []
        tokens = self._tokenizer(
            list(premises), [claim] * len(premises), truncation=True, padding=True,
            return_tensors="pt",
        ).to(self._device)  # fmt: skip
        with torch.inference_mode():
            shares = self._model(**tokens).logits.float().softmax(dim=-1).cpu()
        found: list[tuple[Follows, float]] = []
        for row in shares:
            at = int(row.argmax())
            found.append((self._classes[at] or "neutral", float(row[at])))
        return found
