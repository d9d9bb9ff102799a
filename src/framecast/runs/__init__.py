"""What a run keeps in its folder. Importing this room needs NumPy alone."""

from ._scale import Scale as Scale
from ._split import Split as Split
from ._split import SplitItem as SplitItem
