"""Matching: whether two images, or two clips, show the same thing.

Shape letters: N batch, P pairs, E embedding size, C channels, H height, W width.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from framecast.metrics import best_threshold, sample_pairs, verification
from framecast.models import Siamese
from framecast.runs import RunFolder

from .._base import Task
from .._callbacks import ImagesPerSecond
from .._results import Results
from ._embedded import Embedded
from ._embedding_epochs import EmbeddingEpochs
from ._losses import MATCH_LOSSES
from ._results import match_results
from ._scores import PAIR_SEED, MatchResults, distances, score


@dataclass(kw_only=True, eq=False, repr=False)
class Match(Task):
    """Train and score a Siamese network.

    A batch is either images with classes, ``{"image": (N, C, H, W), "label": (N,)}``, of which the loss makes all
    pairs (or those of a miner), or pairs, ``{"first", "second": (N, C, H, W), "similar": (N,)}``. Clips are
    ``(N, T, C, H, W)`` with ``"length"``, or ``"first_length"`` and ``"second_length"``, ``(N,)``. Validation and test
    embed labelled images and score pairs drawn from them.

    Args:
        network: the Siamese network.
        loss: a form of :func:`framecast.losses.contrastive_loss` (``"hadsell2006"``, ``"caffe_legacy"``,
            ``"squared_distance"``, ``"chopra2005"``), or ``"cosine"``, for which embeddings are scaled to length 1
            wherever distances are computed.
        margin: the loss's margin; by default 1, and 0 for ``"cosine"``.
        reduction: ``"mean"``, ``"sum"`` or ``"mean_nonzero"`` over the pairs of a batch.
        miner: name of a miner of pytorch-metric-learning that chooses the pairs of a batch of images; None for all.
        pairs: number of pairs to score, half of one class and half of two, drawn from the validation or test images.
        neighbours: number k of neighbours in the gallery that name an image's class in the test.
        examples: number of test images to keep for the report, evenly spread over the test set.

    Raises:
        ValueError: naming the argument, its rule and its value.
    """

    kind: ClassVar[str] = "match"

    network: Siamese = field(kw_only=False)
    loss: str = "hadsell2006"
    margin: float | None = None
    reduction: str = "mean_nonzero"
    miner: str | None = None
    pairs: int = 50_000
    neighbours: int = 5
    examples: int = 2_000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in MATCH_LOSSES:
            raise ValueError(f"`loss` must be one of {', '.join(map(repr, MATCH_LOSSES))}, got {self.loss!r}")
        if self.reduction == "none":
            raise ValueError("`reduction` must make one number of a batch: mean, sum or mean_nonzero, got 'none'")
        for name, least in (("pairs", 2), ("neighbours", 1), ("examples", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"`{name}` (={getattr(self, name)}) must be at least {least}")
        losses = MATCH_LOSSES[self.loss](self.loss, self.margin, self.reduction, self.miner)
        self.pair_loss, self.batch_loss = losses
        # In the weights' file, so that a run that resumes knows them before its next validation.
        self.threshold: Tensor
        self.brightness: Tensor
        self.register_buffer("threshold", torch.tensor(torch.nan))
        self.register_buffer("brightness", torch.tensor(torch.nan))
        self.validated = Embedded()
        self.tested: dict[str, Embedded] = {}
        self.trained = torch.empty(0, dtype=torch.long)
        self.classes: list[str] = []

    @property
    def unit_length(self) -> bool:
        """Whether embeddings are scaled to length 1 before distances are computed."""
        return self.loss == "cosine"

    def forward(self, images: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Embed images, or clips and their lengths, as ``(N, E)`` between which distances are Euclidean."""
        embeddings = self.network.embed(images, lengths)
        return F.normalize(embeddings) if self.unit_length else embeddings

    def loss_of(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the loss of a batch of pairs, or of the pairs within a batch of images."""
        if "first" in batch:
            lengths = (batch["first_length"], batch["second_length"]) if "first_length" in batch else None
            first, second = self.network(batch["first"], batch["second"], lengths=lengths)
            return self.pair_loss(first, second, batch["similar"])
        return self.batch_loss(self.network.embed(batch["image"], batch.get("length")), batch["label"])

    def describe(self) -> dict[str, Any]:
        """See the base."""
        return {**super().describe(), "loss": self.loss}

    def check_data(self, about: dict[str, Any]) -> None:
        """See the base; an encoder of images may also take one size only."""
        if "classes" not in about:
            raise ValueError("`data` must be labelled images or clips for the task Match: MatchData")
        encoder, channels = self.network.encoder, about["channels"]
        taken = getattr(encoder, "channels", channels)
        if channels != taken:
            raise ValueError(
                f"the images have {channels} channel{'s' * (channels > 1)}, but the encoder takes {taken}: "
                f"set --model.network.encoder.channels {channels}"
                + ", or --data.images.grayscale true"
                * (channels == 3)
            )
        size, fixed = list(about["frame_size"]), getattr(encoder, "size", None)
        if fixed is not None and list(fixed) != size:
            theirs, ours = ("x".join(map(str, values)) for values in (size, fixed))
            raise ValueError(
                f"the images are {theirs}, but the encoder takes {ours}: "
                "set --data.images.size or --model.network.encoder.size"
            )

    def run_callbacks(self, run: RunFolder) -> list[pl.Callback]:
        """See the base."""
        return [*super().run_callbacks(run), EmbeddingEpochs(run), ImagesPerSecond()]

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """See the base. Keep the brightness of the first batch, by which inverted images are noticed later."""
        if self.brightness.isnan():
            self.brightness.copy_(batch["image" if "image" in batch else "first"].mean())
        return super().training_step(batch, batch_idx)

    def on_validation_epoch_start(self) -> None:
        """Begin a new set of embeddings."""
        self.validated = Embedded()

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Embed a batch."""
        self.validated.add(self(batch["image"], batch.get("length")), batch)

    def on_validation_epoch_end(self) -> None:
        """Score pairs of the validation images, and choose the threshold on them."""
        embeddings, labels = self.validated.embeddings, self.validated.labels
        first, second, similar = sample_pairs(labels, self.pairs, PAIR_SEED)
        distance = distances(embeddings, first, second)
        scores = verification(distance, similar)
        self.threshold.fill_(best_threshold(distance, similar))
        self.log("val_loss", self.pair_loss(embeddings[first], embeddings[second], similar), prog_bar=True)
        self.log("val_auc", scores.auc, prog_bar=True)
        self.log("val_eer", scores.eer)

    def on_test_start(self) -> None:
        """Begin new sets of embeddings."""
        self.tested = {name: Embedded() for name in ("test", "val", "gallery")}
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        self.tested["test"].keep_thumbnails(self.examples, len(data.test_set))
        self.trained = torch.tensor(data.train_images.labels).unique()
        self.classes = [str(name) for name in data.test_set.classes]

    def test_step(self, batch: dict[str, Tensor], batch_idx: int, dataloader_idx: int = 0) -> None:
        """Embed a batch of the test part, of the validation part or of the gallery."""
        name = list(self.tested)[dataloader_idx]
        self.tested[name].add(self(batch["image"], batch.get("length")), batch)

    def results(self) -> MatchResults:
        """Return the scores, after testing."""
        return score(self.tested, self.trained, pairs=self.pairs, neighbours=self.neighbours)

    def summarize(self, protocol: Mapping[str, Any]) -> Results:
        """See the base."""
        return match_results(self.kind, protocol, self.results(), self.classes)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """See the base; add the threshold and what else judges new images."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["framecast"] |= {
            "threshold": self.threshold.item(),
            "unit_length": self.unit_length,
            "brightness": self.brightness.item(),
        }
