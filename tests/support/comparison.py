"""Comparisons of tensors that say by how much they fail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

SMALL = 1e-3  # what is compared with zero is measured by this


def difference(actual: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest expected number; infinite where NaN or infinities differ."""
    actual, expected = actual.detach().resolve_neg().double(), expected.detach().resolve_neg().double()
    if not expected.numel():
        return 0.0
    finite = expected.isfinite()
    alike = (actual == expected) | (actual.isnan() & expected.isnan())
    if not torch.equal(actual.isfinite(), finite) or not alike[~finite].all():
        return float("inf")
    if not finite.any():
        return 0.0
    actual, expected = actual[finite], expected[finite]
    return ((actual - expected).abs().max() / expected.abs().max().clamp_min(SMALL)).item()


def faults(
    actual: Iterable[Tensor], expected: Iterable[Tensor], tolerance: float, names: Sequence[str] = ()
) -> list[str]:
    """What differs by more than ``tolerance``, in words; dtype and shape are compared as well."""
    found = []
    for k, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
        name = names[k] if k < len(names) else f"result {k}"
        if (ours.dtype, ours.shape) != (theirs.dtype, theirs.shape):
            found.append(f"{name} is {ours.dtype} {tuple(ours.shape)}, not {theirs.dtype} {tuple(theirs.shape)}")
        elif not (distance := difference(ours, theirs)) <= tolerance:
            found.append(f"{name} {tuple(theirs.shape)} is off by {distance:.2g} (tolerance {tolerance:.2g})")
    return found


def assert_same(
    actual: Iterable[Tensor], expected: Iterable[Tensor], tolerance: float, names: Sequence[str] = ()
) -> None:
    """See that tensors agree, each to ``tolerance`` of its own largest number.

    Args:
        actual: tensors to check.
        expected: what they are to be.
        tolerance: the largest relative difference.
        names: what the tensors are called in the message.
    """
    __tracebackhide__ = True
    differences = faults(actual, expected, tolerance, names)
    assert not differences, "; ".join(differences)
