"""Contrastive losses of the distance between two embeddings.

Shape letters: N pairs, E embedding size. In equations, :math:`y` is 1 for a similar pair and 0 for a dissimilar one.
"""

import math
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from ._pairs import REDUCTIONS, check_pairs, check_reduction, norm, widen


def contrastive_loss(
    first: Tensor,
    second: Tensor,
    similar: Tensor,
    *,
    margin: float = 1.0,
    form: str = "hadsell2006",
    reduction: str = "mean",
) -> Tensor:
    r"""Contrastive loss: it pulls similar pairs together and pushes dissimilar pairs apart, up to a margin.

    With the distance :math:`d = \|a - b\|_2` between the embeddings :math:`a` and :math:`b` of a pair and the margin
    :math:`m`, the forms are

    .. math::
        \text{hadsell2006:} &\quad \tfrac12 [y d^2 + (1 - y) \max(0, m - d)^2] \\
        \text{caffe\_legacy:} &\quad \tfrac12 [y d^2 + (1 - y) \max(0, m - d^2)] \\
        \text{squared\_distance:} &\quad \tfrac12 [y d^2 + (1 - y) \max(0, m - d^2)^2] \\
        \text{chopra2005:} &\quad y \tfrac2Q E^2 + (1 - y) 2 Q \exp(-2.77 E / Q), \quad E = \|a - b\|_1, Q = m

    ``hadsell2006`` is from `Hadsell, Chopra and LeCun 2006 <https://doi.org/10.1109/CVPR.2006.100>`_, ``caffe_legacy``
    is the ``legacy_version`` of Caffe's ``ContrastiveLoss`` layer, ``squared_distance`` is that with the hinge squared,
    and ``chopra2005`` is from `Chopra, Hadsell and LeCun 2005 <https://doi.org/10.1109/CVPR.2005.202>`_.

    First and second derivatives are exact and finite. At :math:`d = 0` the derivatives of :math:`d` count as 0; at the
    margin the derivative of the hinge is the right-hand one, 0. A dissimilar pair costs nothing at any distance beyond
    the margin, also where :math:`d^2` is beyond the largest number of its type (in float32 from 1.8e19 on); there a
    similar pair costs infinity.

    Args:
        first: embeddings ``(N, E)`` of the first side.
        second: embeddings ``(N, E)`` of the second side.
        similar: labels ``(N,)``: 1 or True for a similar pair, 0 or False for a dissimilar one; floating-point values
            between 0 and 1 are soft labels. Under ``torch.compile`` and ``torch.func`` the values are not checked.
        margin: margin m, or Q of ``"chopra2005"``; positive.
        form: name of the form, a key of :data:`FORMS`.
        reduction: ``"mean"`` or ``"sum"`` over the pairs; ``"mean_nonzero"``, the mean over the pairs whose loss is not
            zero (0 if there is none); or ``"none"``.

    Returns:
        A scalar, or ``(N,)`` with ``"none"``; in float32 at least, also for embeddings of half precision.

    Raises:
        ValueError: if an argument is not a tensor, the shapes differ or are not ``(N, E)`` and ``(N,)``, there is no
            pair, the embeddings are whole numbers, a label is not from 0 to 1, the margin is not positive, or the form
            or reduction is unknown.

    Example:
        >>> import torch
        >>> first, second = torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.3, 0.4]])
        >>> similar = torch.tensor([True, False])  # at distances 5 and 0.5
        >>> contrastive_loss(first, second, similar, reduction="none")  # half of 25, half of (1 - 0.5) squared
        tensor([12.5000,  0.1250])
        >>> contrastive_loss(first, second, similar, form="caffe_legacy", reduction="none")
        tensor([12.5000,  0.3750])
    """
    check_options(margin, form, reduction)
    check_pairs(first, second, similar)
    first, second = widen(first, second)
    return REDUCTIONS[reduction](FORMS[form](first - second, similar.to(first.dtype), margin))


class ContrastiveLoss(nn.Module):
    """Module of :func:`contrastive_loss`.

    Args:
        margin: as for :func:`contrastive_loss`.
        form: as for :func:`contrastive_loss`.
        reduction: as for :func:`contrastive_loss`.

    Raises:
        ValueError: as for :func:`contrastive_loss`.

    Example:
        >>> import torch
        >>> loss = ContrastiveLoss(margin=2.0)
        >>> first, second = torch.zeros(1, 2), torch.tensor([[0.6, 0.8]])
        >>> loss(first, second, torch.tensor([0]))  # half of (2 - 1) squared
        tensor(0.5000)
    """

    def __init__(self, margin: float = 1.0, form: str = "hadsell2006", reduction: str = "mean") -> None:
        super().__init__()
        check_options(margin, form, reduction)
        self.margin, self.form, self.reduction = margin, form, reduction

    def forward(self, first: Tensor, second: Tensor, similar: Tensor) -> Tensor:
        """Return the loss of pairs of embeddings ``(N, E)`` with labels ``(N,)``."""
        return contrastive_loss(first, second, similar, margin=self.margin, form=self.form, reduction=self.reduction)

    def extra_repr(self) -> str:
        """Show the options in the module's ``repr``."""
        return f"margin={self.margin}, form={self.form!r}, reduction={self.reduction!r}"


def _hadsell2006(difference: Tensor, similar: Tensor, margin: float) -> Tensor:
    # Not clamp, whose derivative at the bound is 1; that of relu is the right-hand 0.
    apart = F.relu(margin - norm(difference)).square()
    return _either(similar, _squared(difference), apart) / 2


def _caffe_legacy(difference: Tensor, similar: Tensor, margin: float) -> Tensor:
    squared = _squared(difference)
    return _either(similar, squared, F.relu(margin - squared)) / 2


def _squared_distance(difference: Tensor, similar: Tensor, margin: float) -> Tensor:
    squared = _squared(difference)
    return _either(similar, squared, F.relu(margin - squared).square()) / 2


def _chopra2005(difference: Tensor, similar: Tensor, margin: float) -> Tensor:
    energy = difference.abs().sum(-1)
    apart = 2 * margin * (-2.77 / margin * energy).exp()
    return _either(similar, 2 / margin * energy.square(), apart)


FORMS: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "hadsell2006": _hadsell2006,
    "caffe_legacy": _caffe_legacy,
    "squared_distance": _squared_distance,
    "chopra2005": _chopra2005,
}
"""Losses by name: functions of differences ``(N, E)``, labels ``(N,)`` and the margin that return losses ``(N,)``."""


def _either(similar: Tensor, together: Tensor, apart: Tensor) -> Tensor:
    """Return the loss of a similar pair, that of a dissimilar one, or of both what a soft label asks for."""
    return _share(similar, together) + _share(1 - similar, apart)


def _share(label: Tensor, loss: Tensor) -> Tensor:
    """Return ``label * loss``, and 0 for a label of 0 whose loss is infinite: the product would be NaN."""
    return label * loss.where((label != 0) | (loss != math.inf), 0)


def _squared(difference: Tensor) -> Tensor:
    return difference.square().sum(-1)


def check_options(margin: float, form: str, reduction: str) -> None:
    """Raise ``ValueError`` unless the form and the reduction are known and the margin is positive and finite."""
    if form not in FORMS:
        raise ValueError(f"`form` (={form!r}) must be one of {', '.join(FORMS)}")
    if not 0 < margin < math.inf:
        raise ValueError(f"`margin` (={margin}) must be positive and finite")
    check_reduction(reduction)
