"""The packaged English model, all-MiniLM-L6-v2, run by torch alone.

Its vectors are those of `sentence_transformers` to the bit (tests/embedding/test_local.py), so its
identity is the same whichever of the two made them. A folder or a hub id is loaded by that library.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from almanac.embedding.local import LocalEncoder, Role, TokenStates
from almanac.embedding.model_files import find_model, read_facts
from almanac.embedding.sentence_transformer import identity_from, identity_of, token_counter
from almanac.embedding.tokens import FastTokenCounter
from schemas.encoder import Encoder
from schemas.errors import ConfigError
from schemas.settings import EmbedderSettings

if TYPE_CHECKING:
    from torch import Tensor

    from almanac.embedding.bert import Bert

__all__ = ["identity_of", "open_encoder", "token_counter"]


def open_encoder(settings: EmbedderSettings) -> Encoder:
    """Load the weights into torch.

    Raises:
        ConfigError: they cannot be loaded, or not on this device.
    """
    import torch
    from safetensors import SafetensorError
    from tokenizers import Tokenizer

    torch.set_num_threads(settings.threads)
    folder = find_model(settings)
    facts = read_facts(folder.path)
    try:
        if facts is None:
            raise ValueError("its files are not those of a plain transformer")
        tokenizer = Tokenizer.from_str(facts.tokenizer)
        if (end := tokenizer.token_to_id("[SEP]")) is None:
            raise ValueError("its tokenizer has no [SEP]")
        model = _model(folder.path, settings)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(
            f"the packaged model {settings.model} cannot be loaded on {settings.device}: {reason}"
        ) from None
    identity = identity_from(settings, folder, facts)
    counter = FastTokenCounter(tokenizer, identity.passage_prefix)
    network = _Network(model, counter, end)
    return LocalEncoder(settings, identity, counter, network)


def _model(folder: Path, settings: EmbedderSettings) -> Bert:
    import torch
    from safetensors.torch import load_file

    from almanac.embedding.bert import Bert, Shape

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    shape = Shape(
        config["num_hidden_layers"], config["num_attention_heads"], config["layer_norm_eps"]
    )
    weights = {
        name: tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
        if not name.startswith("pooler.") and tensor.is_floating_point()
    }
    return Bert(shape, weights, getattr(torch, settings.precision), settings.device)


class _Network(TokenStates):
    """The transformer, the mean of its tokens, and that brought to length one."""

    def embed(self, texts: Sequence[str], prefix: str, role: Role, length: int) -> Tensor:
        """Vectors of texts of one length; a longer one is cut before its end token."""
        import torch

        states = self.states(texts, prefix, length)
        # As sentence-transformers takes it: a sum and a quotient, which differ from a mean in bits.
        total = states.sum(dim=1, dtype=torch.float32)
        mean = (total / float(length)).to(states.dtype)
        return torch.nn.functional.normalize(mean, p=2, dim=1)
