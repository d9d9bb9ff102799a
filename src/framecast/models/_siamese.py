"""Siamese networks: one encoder for both sides of a pair.

Shape letters: N pairs, E embedding size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from ._configured import ConfiguredModule
from ._encoders import ENCODERS


class Siamese(ConfiguredModule):
    """An encoder applied to both sides of a pair with the same weights.

    Both sides go through the encoder in one batch of 2N, so that a batch norm sees them together and the encoder runs
    once. How far apart the two embeddings are is for the loss and the metrics to say. Bromley et al. 1993, "Signature
    Verification using a Siamese Time Delay Neural Network"; Hadsell, Chopra and LeCun 2006.

    Args:
        encoder: maps images ``(N, C, H, W)`` to embeddings ``(N, E)``, or padded clips and their lengths, and says E in
            an attribute ``embedding_size``: one of :data:`framecast.models.ENCODERS`, or a module of one's own.

    Raises:
        ValueError: if the encoder does not say its embedding size.

    Example:
        >>> from framecast.models import LeNet
        >>> model = Siamese(LeNet())
        >>> first, second = model(torch.rand(4, 1, 28, 28), torch.rand(4, 1, 28, 28))
        >>> first.shape, second.shape
        (torch.Size([4, 2]), torch.Size([4, 2]))
        >>> model.config
        {'encoder': 'LeNet', 'options': {'channels': 1, 'embedding_size': 2, 'size': 28}}
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        if not isinstance(getattr(encoder, "embedding_size", None), int):
            raise ValueError(f"`encoder` must have an int `embedding_size`, which {type(encoder).__name__} has not")
        self.encoder = encoder

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build a network from a :attr:`config`, with new weights.

        Raises:
            ValueError: if it names an encoder that is none of :data:`framecast.models.ENCODERS`.
        """
        name = config["encoder"]
        if name not in ENCODERS:
            raise ValueError(f"`encoder` (={name!r}) must be one of {', '.join(ENCODERS)}")
        return cls(ENCODERS[name].from_config(config["options"]))

    @property
    def embedding_size(self) -> int:
        """Size E of an embedding."""
        return int(self.encoder.embedding_size)  # type: ignore[arg-type]

    def embed(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Embed images or clips one by one.

        Args:
            x: what the encoder takes, for example images ``(N, C, H, W)`` or clips ``(N, T, C, H, W)``.
            lengths: number of frames ``(N,)`` of each clip; for images None.

        Returns:
            ``(N, E)``.
        """
        embedding: Tensor = self.encoder(x) if lengths is None else self.encoder(x, lengths)
        return embedding

    def forward(
        self, first: Tensor, second: Tensor, *, lengths: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embed both sides of N pairs.

        Args:
            first: the first sides, as for :meth:`embed`.
            second: the second sides, of the same shape.
            lengths: numbers of frames ``(N,)`` of the first and of the second clips; for images None.

        Returns:
            The embeddings ``(N, E)`` of the first and of the second sides.

        Raises:
            ValueError: if the shapes differ.
        """
        if first.shape != second.shape:
            raise ValueError(
                f"`first` and `second` must have one shape, got {tuple(first.shape)} and {tuple(second.shape)}"
            )
        embeddings = self.embed(torch.cat([first, second]), None if lengths is None else torch.cat(lengths))
        return embeddings[: len(first)], embeddings[len(first) :]
