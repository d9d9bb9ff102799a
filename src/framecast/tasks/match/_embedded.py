"""A set of images as their embeddings, gathered batch by batch.

Shape letters: N batch, n images, m images with a thumbnail, E embedding size, T frames, C channels, H height, W width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .._evenly import evenly_spread

_THUMBNAIL = 64  # longest side of a thumbnail in pixels


class Embedded:
    """Embeddings, classes, groups and writers of a set of images, and thumbnails of some of them."""

    def __init__(self) -> None:
        self.count = 0
        self.thumbnail_indices: set[int] = set()
        self._parts: dict[str, list[Tensor]] = {"embedding": [], "thumbnail": []}

    @property
    def embeddings(self) -> Tensor:
        """Float32 ``(n, E)``, on the CPU as all else."""
        return self._whole("embedding")

    @property
    def labels(self) -> Tensor:
        """Classes ``(n,)``."""
        return self._whole("label")

    @property
    def groups(self) -> Tensor | None:
        """Groups of classes ``(n,)``, if known."""
        return self._whole("group") if "group" in self._parts else None

    @property
    def writers(self) -> Tensor | None:
        """The writer of each image ``(n,)``, if known."""
        return self._whole("writer") if "writer" in self._parts else None

    @property
    def thumbnails(self) -> Tensor:
        """The thumbnails, uint8 ``(m, H, W)`` or ``(m, H, W, 3)``; of clips the middle frame."""
        images = self._whole("thumbnail")
        return images[:, 0] if images.shape[1] == 1 else images.movedim(1, -1)

    def keep_thumbnails(self, count: int, total: int) -> None:
        """Keep thumbnails of ``count`` of the ``total`` images to come, evenly spread."""
        self.thumbnail_indices = set(evenly_spread(count, total))

    def add(self, embeddings: Tensor, batch: dict[str, Tensor]) -> None:
        """Add a batch: its embeddings ``(N, E)``, and the classes, groups and writers of its images."""
        self._parts["embedding"].append(embeddings.detach().float().cpu())
        for name in ("label", "group", "writer"):
            if name in batch:
                self._parts.setdefault(name, []).append(batch[name].cpu())
        rows = [row for row in range(len(embeddings)) if self.count + row in self.thumbnail_indices]
        if rows:
            lengths = batch["length"][rows] if "length" in batch else None
            self._parts["thumbnail"].append(_thumbnails(batch["image"][rows], lengths))
        self.count += len(embeddings)

    def _whole(self, name: str) -> Tensor:
        return torch.cat(self._parts[name])


def _thumbnails(images: Tensor, lengths: Tensor | None) -> Tensor:
    """Shrink images ``(N, C, H, W)``, or the middle frames of clips ``(N, T, C, H, W)``, to uint8 ``(N, C, H, W)``."""
    if images.dim() == 5:
        middle = images.shape[1] // 2 * torch.ones(len(images)) if lengths is None else lengths // 2
        images = images[torch.arange(len(images)), middle.long().cpu()]
    longest = max(images.shape[-2:])
    if longest > _THUMBNAIL:
        size = [max(1, round(side * _THUMBNAIL / longest)) for side in images.shape[-2:]]
        images = F.interpolate(images.float(), size, mode="area")
    return images.float().clamp(0, 1).mul(255).round().to(torch.uint8).cpu()
