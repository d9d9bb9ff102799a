"""The report of a run that forecasts."""

from ._page import page as page
from ._run import Examples as Examples
from ._run import read_examples as read_examples
from ._strip import save_strip as save_strip
from ._strip import strip_figure as strip_figure
