"""Training, validation and test of networks, as Lightning modules."""

from ._base import Task as Task
from ._base import TrainingDivergedError as TrainingDivergedError
from ._callbacks import BEST as BEST
from ._callbacks import LAST as LAST
from ._callbacks import BestCheckpoint as BestCheckpoint
from ._callbacks import FramesPerSecond as FramesPerSecond
from ._callbacks import ImagesPerSecond as ImagesPerSecond
from ._callbacks import LastCheckpoint as LastCheckpoint
from .forecast import Forecast as Forecast
from .forecast import format_table as format_table
from .match import EMBEDDING_EPOCHS as EMBEDDING_EPOCHS
from .match import MATCH_LOSSES as MATCH_LOSSES
from .match import EmbeddingEpochs as EmbeddingEpochs
from .match import Match as Match
from .match import MatchResults as MatchResults
