"""The report of a run that matches."""
