"""Recordings of frames: files of many kinds that are read, split, cut into windows and written."""

from ._augment import Augment as Augment
from ._fit_scale import fit_scale as fit_scale
from ._folder import SplitBy as SplitBy
from ._folder import recordings as recordings
from ._folder import split_recordings as split_recordings
from ._frame_options import FrameOptions as FrameOptions
from ._frame_sequences import FrameSequences as FrameSequences
from ._frame_source import FrameSource as FrameSource
from ._frame_source import RecordingFolder as RecordingFolder
from ._reading import Recording as Recording
from ._reading import block_mean as block_mean
from ._reading import read_recording as read_recording
from ._writing import fresh_folder as fresh_folder
from ._writing import write_animation as write_animation
from ._writing import write_recording as write_recording
