"""Options of the convolutions of a layer: checked and spread once, to the projections of the input and of the state.

Shape letters: g groups, K kernel, S spatial axes.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, TypedDict

from ._option import Option
from ._projection import PADDING_MODES, Projection
from ._rules import choice, per_axis, whole

Size = int | Sequence[int]


def _padding(name: str, value: Any, axes: int) -> str | tuple[int, ...]:
    """Padding of the input's projection: ``"same"``, or a size per axis; ``"valid"`` is 0."""
    if isinstance(value, str):
        return "same" if choice(name, value, ("same", "valid")) == "same" else (0,) * axes
    return per_axis(name, value, axes, 0)


def _padding_mode(name: str, value: Any, axes: int) -> str:
    return str(choice(name, value, PADDING_MODES))


class SpaceOptions(TypedDict, total=False):
    """Options of the two convolutions, with their definitions."""

    stride: Annotated[
        Size,
        Option(
            1,
            "stride of the convolution of the input; the state lives at the size of its result.",
            partial(per_axis, least=1),
            spatial=True,
            per_layer=True,
        ),
    ]
    padding: Annotated[
        str | Size,
        Option(
            "same",
            '``"same"``, ``"valid"`` or sizes, for the convolution of the input; that of the state keeps the size.',
            _padding,
            spatial=True,
            per_layer=True,
        ),
    ]
    dilation: Annotated[
        Size,
        Option(
            1,
            "dilation of the convolution of the input.",
            partial(per_axis, least=1),
            spatial=True,
            per_layer=True,
        ),
    ]
    recurrent_dilation: Annotated[
        Size,
        Option(
            1,
            "dilation of the convolution of the state.",
            partial(per_axis, least=1),
            spatial=True,
            per_layer=True,
        ),
    ]
    padding_mode: Annotated[
        str,
        Option(
            "zeros",
            '``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``, for both convolutions.',
            _padding_mode,
            spatial=True,
        ),
    ]
    groups: Annotated[
        int,
        Option(
            1,
            "groups inside every gate: group j of each gate reads group j of the input and of the state.",
            partial(whole, least=1),
        ),
    ]


SPACE_TYPES: dict[str, Any] = {name: hint.__origin__ for name, hint in SpaceOptions.__annotations__.items()}
SPACE: dict[str, Option] = {name: hint.__metadata__[0] for name, hint in SpaceOptions.__annotations__.items()}
"""Definitions of :class:`SpaceOptions` by name."""


def check_space(axes: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options of one layer, spread them over ``axes`` and fill in defaults.

    Raises:
        ValueError: naming the option, its rule and the value.
    """
    return {name: option.check(name, options.get(name, option.default), axes) for name, option in SPACE.items()}


def projections(
    axes: int,
    kernel_size: tuple[int, ...],
    recurrent_kernel_size: tuple[int, ...],
    space: Mapping[str, Any],
    parts: int = 1,
) -> tuple[Projection, Projection]:
    """Projections of the input and of the state.

    Args:
        axes: number of spatial axes.
        kernel_size: kernel of the input's projection, per axis.
        recurrent_kernel_size: kernel of the state's projection, per axis.
        space: the options as :func:`check_space` returns them; those without meaning for dense layers may be missing.
        parts: blocks stacked in the input's channels (2 above a bidirectional layer).
    """
    mode, groups = space.get("padding_mode", "zeros"), space["groups"]
    to_gates = Projection(
        axes=axes,
        kernel_size=kernel_size,
        stride=space.get("stride", ()),
        dilation=space.get("dilation", ()),
        padding=space.get("padding", "same"),
        padding_mode=mode,
        groups=groups,
        parts=parts,
    )
    recurrent = Projection(
        axes=axes,
        kernel_size=recurrent_kernel_size,
        stride=(1,) * axes,
        dilation=space.get("recurrent_dilation", ()),
        padding_mode=mode,
        groups=groups,
    )
    return to_gates, recurrent
