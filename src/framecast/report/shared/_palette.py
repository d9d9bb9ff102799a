"""Colours that all charts and pictures of a report share."""

INK = "#1c2330"
QUIET = "#5c6473"
GRID = "#e3e6eb"
EDGE = "#d5d8df"
"""Edges of pictures and panels."""

# Okabe and Ito's colours, which all readers tell apart.
BLUE = "#0072b2"
VERMILION = "#d55e00"
GREEN = "#00805c"
PURPLE = "#8f5f86"
