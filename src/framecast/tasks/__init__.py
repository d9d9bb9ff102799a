"""Training, validation and test of networks, as Lightning modules."""

from ._base import Task as Task
from ._base import TrainingDivergedError as TrainingDivergedError
from ._callbacks import BEST as BEST
from ._callbacks import LAST as LAST
from ._callbacks import BestCheckpoint as BestCheckpoint
from ._callbacks import FramesPerSecond as FramesPerSecond
from ._callbacks import LastCheckpoint as LastCheckpoint
from ._forecast import Forecast as Forecast
