"""Lightning data modules: typed constructors from which the command line is built."""

from ._data_module import FramesDataModule as FramesDataModule
from ._forecast_data import ForecastData as ForecastData
from ._frame_data import FrameData as FrameData
from ._match_data import MatchData as MatchData
from ._moving_mnist_data import MovingMNISTData as MovingMNISTData
from ._recording_data import RecordingData as RecordingData
