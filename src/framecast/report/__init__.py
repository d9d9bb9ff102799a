"""Reports: figures, animations, and the page that tells of a run."""

from ._html import write_report as write_report
from .forecast._run import Examples as Examples
from .forecast._run import Scale as Scale
from .forecast._run import read_examples as read_examples
from .forecast._strip import save_strip as save_strip
from .forecast._strip import strip_figure as strip_figure
