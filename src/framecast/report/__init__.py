"""Reports: figures, animations, and a page that tells of a run, a folder for each job."""

from .forecast import Examples as Examples
from .forecast import read_examples as read_examples
from .forecast import save_strip as save_strip
from .forecast import strip_figure as strip_figure
