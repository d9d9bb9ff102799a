"""The task of forecasting."""

from ._network import ForecastNetwork as ForecastNetwork
from ._table import format_table as format_table
from ._task import Forecast as Forecast
