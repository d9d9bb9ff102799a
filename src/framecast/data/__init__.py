"""Data sets of frame sequences, reading and writing of frames, and the Lightning data modules."""

from ._augment import Augment as Augment
from ._digits import load_digits as load_digits
from ._frame_sequences import FrameSequences as FrameSequences
from ._idx import download_mnist as download_mnist
from ._idx import read_idx as read_idx
from ._loader import EpochSampler as EpochSampler
from ._loader import FramesDataModule as FramesDataModule
from ._modules import FrameData as FrameData
from ._modules import MovingMNISTData as MovingMNISTData
from ._moving_mnist import MovingMNIST as MovingMNIST
from ._moving_mnist import MovingMNISTTest as MovingMNISTTest
from ._reading import Recording as Recording
from ._reading import block_mean as block_mean
from ._reading import read_recording as read_recording
from ._recordings import recordings as recordings
from ._recordings import split_recordings as split_recordings
from ._scale import Scale as Scale
from ._writing import fresh_folder as fresh_folder
from ._writing import write_animation as write_animation
from ._writing import write_recording as write_recording
