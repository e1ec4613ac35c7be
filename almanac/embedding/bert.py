"""The BERT encoder in torch alone: the two packaged models need nothing else.

`transformers` and `sentence_transformers` give the same bits, for these are the same calls of torch
in the same order; but importing them takes six seconds of processor time, and this none.
Devlin et al., "BERT" (NAACL 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import embedding, gelu, layer_norm, linear, scaled_dot_product_attention


@dataclass(frozen=True, slots=True)
class Shape:
    """What the weights alone do not tell. `epsilon` is that of the layer norms."""

    layers: int
    heads: int
    epsilon: float


class Bert:
    """Weights by the names of transformers' `BertModel`, without a pooler.

    They are copied to memory of torch's own, as the last bits depend on how memory is aligned.
    """

    def __init__(
        self, shape: Shape, weights: Mapping[str, Tensor], dtype: torch.dtype, device: str
    ) -> None:
        self.device = torch.device(device)
        self._shape = shape
        self._weights = {
            name: torch.empty_like(values, dtype=dtype, device=self.device).copy_(values)
            for name, values in weights.items()
        }

    def states(self, tokens: list[list[int]]) -> Tensor:
        """The last hidden states of texts of one length, shape (texts, tokens, hidden)."""
        ids = torch.tensor(tokens, device=self.device)
        positions = torch.arange(ids.shape[1], device=self.device)[None]
        weights, name = self._weights, "embeddings"
        rows = embedding(ids, weights[f"{name}.word_embeddings.weight"])
        rows = rows + embedding(
            torch.zeros_like(ids), weights[f"{name}.token_type_embeddings.weight"]
        )
        rows = rows + embedding(positions, weights[f"{name}.position_embeddings.weight"])
        rows = self._norm(rows, f"{name}.LayerNorm")
        for layer in range(self._shape.layers):
            rows = self._layer(rows, f"encoder.layer.{layer}")
        return rows

    def _layer(self, rows: Tensor, name: str) -> Tensor:
        attended = self._attention(rows, f"{name}.attention.self")
        attended = self._linear(attended, f"{name}.attention.output.dense")
        rows = self._norm(attended + rows, f"{name}.attention.output.LayerNorm")
        wide = gelu(self._linear(rows, f"{name}.intermediate.dense"))
        return self._norm(
            self._linear(wide, f"{name}.output.dense") + rows, f"{name}.output.LayerNorm"
        )

    def _attention(self, rows: Tensor, name: str) -> Tensor:
        texts, tokens, hidden = rows.shape
        size = hidden // self._shape.heads
        query, key, value = (
            self._linear(rows, f"{name}.{part}").view(texts, tokens, -1, size).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        found = scaled_dot_product_attention(query, key, value, scale=size**-0.5)
        return found.transpose(1, 2).contiguous().reshape(texts, tokens, hidden)

    def _linear(self, rows: Tensor, name: str) -> Tensor:
        return linear(rows, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, rows: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return layer_norm(rows, weight.shape, weight, bias, self._shape.epsilon)
