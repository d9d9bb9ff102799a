"""Checks of arguments that all losses share."""

from torch import Tensor


def check_tensors(**values: object) -> None:
    """Raise ``ValueError`` unless every value is a tensor; a keyword is the name of the argument."""
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise ValueError(f"`{name}` must be a tensor, got {type(value).__name__}")
