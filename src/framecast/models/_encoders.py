"""Networks that map an image or a clip to a short vector, for :class:`framecast.models.Siamese`."""

from __future__ import annotations

from ._clip_encoder import ClipEncoder
from ._configured import ConfiguredModule
from ._conv_encoder import ConvEncoder
from ._lenet import LeNet

ENCODERS: dict[str, type[ConfiguredModule]] = {"LeNet": LeNet, "ConvEncoder": ConvEncoder, "ClipEncoder": ClipEncoder}
"""The encoders by the names that checkpoints use."""
