"""Greedy answers and log-probabilities of a model, a batch of prompts at a time."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.feedback import Message

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

Tokens = list[int]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt in tokens, with the answers whose probability is wanted; empty ones are not."""

    case_id: str
    prompt: Tokens
    chosen: Tokens
    rejected: Tokens

    def length(self, max_new_tokens: int) -> int:
        """Tokens of the prompt with the longest of its answers."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected), max_new_tokens)


@dataclass(frozen=True, slots=True)
class Reply:
    """A greedy answer, and mean log-probabilities a token (natural) of the answers given."""

    answer: str
    chosen: float | None
    rejected: float | None


def tokenised(
    tokenizer: PreTrainedTokenizerBase,
    case_id: str,
    prompt: Sequence[Message],
    chosen: str | None,
    rejected: str | None,
) -> Prompt:
    """The prompt under the model's chat template, up to where its answer begins."""
    messages = list(prompt)
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    def ids(what: str | None, end: str) -> Tokens:
        return tokenizer(what + end, add_special_tokens=False)["input_ids"] if what else []

    end = tokenizer.eos_token
    return Prompt(case_id, ids(str(text), ""), ids(chosen, end), ids(rejected, end))


def batches(asked: Sequence[Prompt], max_new_tokens: int, most_tokens: int) -> list[list[Prompt]]:
    """Prompts of similar length together, longest first, padded to at most `most_tokens` a batch.

    What is in a batch depends on the prompts alone: the last bits of a logit depend on the batch.
    """
    ordered = sorted(asked, key=lambda one: (-one.length(max_new_tokens), one.case_id))
    found: list[list[Prompt]] = []
    for one in ordered:
        if found and found[-1][0].length(max_new_tokens) * (len(found[-1]) + 1) <= most_tokens:
            found[-1].append(one)
        else:
            found.append([one])
    return found


def ask(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    batch: Sequence[Prompt],
    max_new_tokens: int,
) -> list[Reply]:
    """Answer each prompt, in order, and weigh its chosen and rejected answers.

    The prompts are read once: the answers go on from copies of their keys and values. Log
    probabilities are of the answer and the end token after it.
    """
    import torch

    _be_greedy(model, tokenizer, max_new_tokens)
    ids, mask = _padded([one.prompt for one in batch], tokenizer.pad_token_id, model.device)
    with torch.inference_mode():
        cache = model(
            input_ids=ids[:, :-1],
            attention_mask=mask[:, :-1],
            position_ids=_positions(mask[:, :-1]),
            use_cache=True,
            logits_to_keep=1,
        ).past_key_values
        made = model.generate(
            input_ids=ids, attention_mask=mask, past_key_values=copy.deepcopy(cache)
        )
        answers = tokenizer.batch_decode(made[:, ids.shape[1] :], skip_special_tokens=True)
        chosen, rejected = (
            _log_probabilities(model, ids, mask, copy.deepcopy(cache), wanted)
            for wanted in ([one.chosen for one in batch], [one.rejected for one in batch])
        )
    return [
        Reply(answer.strip(), *given)
        for answer, *given in zip(answers, chosen, rejected, strict=True)
    ]


def _be_greedy(model: Any, tokenizer: PreTrainedTokenizerBase, max_new_tokens: int) -> None:
    """In the place of the base's own configuration, which may sample or punish repetition."""
    from transformers import GenerationConfig

    make: Any = GenerationConfig
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    base.generation_config = model.generation_config = make(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _log_probabilities(
    model: Any, ids: torch.Tensor, mask: torch.Tensor, cache: Any, wanted: Sequence[Tokens]
) -> list[float | None]:
    """Mean log-probability of the tokens of each answer after its prompt; None for an empty one.

    `cache` holds the prompts but for their last token, and is used up.
    """
    import torch
    from torch.nn.functional import cross_entropy

    if not any(wanted):
        return [None] * len(wanted)
    longest = max(map(len, wanted))
    # Right padding: no token looks at what comes after it.
    tails = ids.new_tensor([answer + [0] * (longest - len(answer)) for answer in wanted])
    tails = torch.cat([ids[:, -1:], tails], dim=1)
    whole = torch.cat([mask, mask.new_ones(tails.shape[0], longest)], dim=1)
    logits = model(
        input_ids=tails,
        attention_mask=whole,
        position_ids=_positions(whole)[:, -tails.shape[1] :],
        past_key_values=cache,
        use_cache=True,
    ).logits
    found: list[float | None] = []
    for row, answer in enumerate(wanted):
        given = logits[row, : len(answer)].float()
        loss = cross_entropy(given, ids.new_tensor(answer)) if answer else None
        found.append(None if loss is None else -float(loss))
    return found


def _padded(
    prompts: Sequence[Tokens], pad: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts padded on the left, and where they stand; both of shape (prompts, longest)."""
    import torch

    longest = max(map(len, prompts))
    gaps = [longest - len(prompt) for prompt in prompts]
    rows = [[pad] * gap + prompt for gap, prompt in zip(gaps, prompts, strict=True)]
    mask = [[0] * gap + [1] * (longest - gap) for gap in gaps]
    return torch.tensor(rows, device=device), torch.tensor(mask, device=device)


def _positions(mask: torch.Tensor) -> torch.Tensor:
    """The place of each token in its own prompt, from 0; padding is at 0."""
    return (mask.cumsum(dim=1) - 1).clamp(min=0)
