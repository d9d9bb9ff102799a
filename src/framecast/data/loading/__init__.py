"""Loading: whole batches, an order of training that can stop anywhere and go on exactly, random numbers by key."""

from ._batches import Batch as Batch
from ._batches import Batches as Batches
from ._batches import as_it_is as as_it_is
from ._batches import gather as gather
from ._batches import labels_of as labels_of
from ._epoch_sampler import EpochSampler as EpochSampler
from ._stream import ResumableLoader as ResumableLoader
from ._stream import Sample as Sample
from ._stream import Stream as Stream
from ._uniforms import uniforms as uniforms
