"""Loaders: batches in an order that can stop anywhere and go on exactly, and the base of all data modules."""

from ._batches import Batch as Batch
from ._batches import Batches as Batches
from ._batches import as_it_is as as_it_is
from ._batches import gather as gather
from ._batches import labels_of as labels_of
from ._loader import EpochSampler as EpochSampler
from ._loader import FramesDataModule as FramesDataModule
from ._loader import Sample as Sample
from ._uniforms import uniforms as uniforms
