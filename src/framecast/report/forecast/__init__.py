"""The report of a run that forecasts."""
