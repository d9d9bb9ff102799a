"""What a run keeps in its folder. Importing this room needs NumPy alone."""

from ._checkpoint import read_checkpoint as read_checkpoint
from ._files import fresh_name as fresh_name
from ._files import part_of as part_of
from ._files import read_arrays as read_arrays
from ._files import whole_file as whole_file
from ._folder import RunFolder as RunFolder
from ._logs import Series as Series
from ._logs import finite as finite
from ._logs import read_logs as read_logs
from ._results import ResultFolder as ResultFolder
from ._results import read_json as read_json
from ._scale import Scale as Scale
from ._split import PARTS as PARTS
from ._split import Split as Split
from ._split import SplitItem as SplitItem
from ._titles import FORECAST_SCORES as FORECAST_SCORES
from ._titles import FORECASTS as FORECASTS
from ._titles import MATCH_SCORES as MATCH_SCORES
from ._titles import ONE_SHOT as ONE_SHOT
from ._titles import ScoreTitle as ScoreTitle
from ._titles import capitalized as capitalized
from ._titles import forecast_title as forecast_title
from ._titles import percent as percent
from ._titles import score_title as score_title
