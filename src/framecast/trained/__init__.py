"""What a checkpoint becomes: a forecaster or a matcher."""

from ._forecaster import Forecaster as Forecaster
from ._matcher import Matcher as Matcher
