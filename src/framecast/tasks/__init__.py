"""Training, validation and test of networks, as Lightning modules."""

from ._base import Task as Task
from ._base import TrainingDivergedError as TrainingDivergedError
from ._callbacks import BEST as BEST
from ._callbacks import LAST as LAST
from ._callbacks import BestCheckpoint as BestCheckpoint
from ._callbacks import FramesPerSecond as FramesPerSecond
from ._callbacks import ImagesPerSecond as ImagesPerSecond
from ._callbacks import LastCheckpoint as LastCheckpoint
from ._embedding_epochs import EMBEDDING_EPOCHS as EMBEDDING_EPOCHS
from ._embedding_epochs import EmbeddingEpochs as EmbeddingEpochs
from ._forecast import Forecast as Forecast
from ._match import MATCH_LOSSES as MATCH_LOSSES
from ._match import Match as Match
from ._match_scores import MatchResults as MatchResults
