"""The one reading layer: files of frames and images of every format, opened once, decoded by windows."""

from ._clips import file_of as file_of
from ._formats import ENDINGS as ENDINGS
from ._formats import FORMATS as FORMATS
from ._formats import IMAGE_ENDINGS as IMAGE_ENDINGS
from ._formats import Format as Format
from ._formats import clip_paths as clip_paths
from ._formats import format_of as format_of
from ._formats import is_image as is_image
from ._formats import open_frames as open_frames
from ._frame_file import FileError as FileError
from ._frame_file import FrameFile as FrameFile
from ._frame_file import Ground as Ground
from ._frame_file import ReadingOptions as ReadingOptions
from ._listing import images as images
from ._listing import images_within as images_within
from ._listing import natural_key as natural_key
from ._listing import note_unknown as note_unknown
from ._listing import visible as visible
from ._missing import Missing as Missing
from ._missing import check_missing as check_missing
from ._missing import rounding_note as rounding_note
from ._missing import to_float as to_float
from ._span import span_path as span_path
from ._span import split_span as split_span
