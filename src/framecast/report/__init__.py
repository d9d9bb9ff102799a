"""Reports: figures, animations, and the page that tells of a run."""

from ._html import write_report as write_report
from ._run import Examples as Examples
from ._run import Scale as Scale
from ._run import read_examples as read_examples
from ._strip import save_strip as save_strip
from ._strip import strip_figure as strip_figure
