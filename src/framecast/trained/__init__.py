"""What a checkpoint becomes: a forecaster or a matcher."""

from ._forecaster import Forecaster as Forecaster
from ._load import load as load
from ._load import load_forecaster as load_forecaster
from ._load import load_matcher as load_matcher
from ._matcher import Matcher as Matcher
