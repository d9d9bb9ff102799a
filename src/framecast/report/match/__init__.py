"""The report of a run that matches."""

from ._page import page as page
