"""Training, validation and test of networks, as Lightning modules."""

from ._base import Task as Task
from ._base import TrainingDivergedError as TrainingDivergedError
from ._callbacks import BestCheckpoint as BestCheckpoint
from ._callbacks import FramesPerSecond as FramesPerSecond
from ._callbacks import ImagesPerSecond as ImagesPerSecond
from ._callbacks import LastCheckpoint as LastCheckpoint
from ._results import Results as Results
from .forecast import Forecast as Forecast
from .forecast import ForecastNetwork as ForecastNetwork
from .forecast import format_table as format_table
from .match import MATCH_LOSSES as MATCH_LOSSES
from .match import EmbeddingEpochs as EmbeddingEpochs
from .match import Match as Match
from .match import MatchResults as MatchResults
