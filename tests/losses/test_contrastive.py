import numpy as np
import pytest
import torch
from pytorch_metric_learning import distances, losses, reducers

from framecast.losses import FORMS, ContrastiveLoss, contrastive_loss, cosine_contrastive_loss

# Of torch's own forward mode.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

MARGIN = 1.3
REDUCTIONS = ("none", "mean", "sum", "mean_nonzero")


def value_equation(form, a, b, y, m):
    d, energy = np.linalg.norm(a - b, axis=1), np.abs(a - b).sum(1)
    return {
        "hadsell2006": (y * d**2 + (1 - y) * np.maximum(0, m - d) ** 2) / 2,
        "caffe_legacy": (y * d**2 + (1 - y) * np.maximum(0, m - d**2)) / 2,
        "squared_distance": (y * d**2 + (1 - y) * np.maximum(0, m - d**2) ** 2) / 2,
        "chopra2005": y * 2 / m * energy**2 + (1 - y) * 2 * m * np.exp(-2.77 / m * energy),
    }[form]


def gradient_equation(form, a, b, y, m):
    """Derivative of each pair's loss by a, worked out by hand; at d = 0 those of d are 0."""
    u, y = a - b, y[:, None]
    d, energy = np.linalg.norm(u, axis=1, keepdims=True), np.abs(u).sum(1, keepdims=True)
    unit = np.divide(u, d, out=np.zeros_like(u), where=d > 0)
    return {
        "hadsell2006": y * u - (1 - y) * np.maximum(0, m - d) * unit,
        "caffe_legacy": y * u - (1 - y) * (d**2 < m) * u,
        "squared_distance": y * u - (1 - y) * 2 * np.maximum(0, m - d**2) * u,
        "chopra2005": (y * 4 / m * energy - (1 - y) * 5.54 * np.exp(-2.77 / m * energy)) * np.sign(u),
    }[form]


def hessian_equation(form, u, y, m):
    """Second derivative of one pair's loss by a; at d = 0 those of d are 0, those of d squared are not."""
    d, energy, eye, sign = np.linalg.norm(u), np.abs(u).sum(), np.eye(len(u)), np.sign(u)
    unit = u / d if d > 0 else u
    curvature = (eye - np.outer(unit, unit)) / d if d > 0 else 0 * eye
    apart = {
        "hadsell2006": (d < m) * (np.outer(unit, unit) - (m - d) * curvature),
        "caffe_legacy": (d**2 < m) * -eye,
        "squared_distance": (d**2 < m) * (4 * np.outer(u, u) - 2 * (m - d**2) * eye),
        "chopra2005": 2 * m * (2.77 / m) ** 2 * np.exp(-2.77 / m * energy) * np.outer(sign, sign),
    }[form]
    together = 4 / m * np.outer(sign, sign) if form == "chopra2005" else eye
    return y * together + (1 - y) * apart


def pairs(distance_of_pair):
    """Pairs (a, b) at the given distances in directions of three axes, similar ones and dissimilar ones and between."""
    torch.manual_seed(0)
    direction = torch.nn.functional.normalize(torch.randn(len(distance_of_pair), 3, dtype=torch.float64))
    second = torch.randn(len(distance_of_pair), 3, dtype=torch.float64)
    first = second + direction * torch.tensor(distance_of_pair, dtype=torch.float64)[:, None]
    return first, second


RANDOM = pairs([0.1, 0.4, 0.7, 0.9, 1.1, 0.2, 0.5, 0.8, 1.0, 0.3])
BEYOND = pairs([1.31, 1.5, 2.0, 5.0, 100.0])
ZERO = (RANDOM[0], RANDOM[0].clone())
LABELS = {"similar": 1.0, "dissimilar": 0.0, "soft": 0.3}


def arrays(*tensors):
    return [x.detach().cpu().numpy() for x in tensors]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("points", [RANDOM, ZERO, BEYOND], ids=["random", "zero", "beyond"])
@pytest.mark.parametrize("form", FORMS)
def test_value_and_both_gradients_equal_the_equations(form, points, label):
    a, b = (x.clone().requires_grad_() for x in points)
    y = torch.full((len(a),), LABELS[label], dtype=torch.float64)
    value = contrastive_loss(a, b, y, margin=MARGIN, form=form, reduction="none")
    gradients = torch.autograd.grad(value.sum(), (a, b))
    expected = gradient_equation(form, *arrays(a, b, y), MARGIN)
    np.testing.assert_allclose(*arrays(value), value_equation(form, *arrays(a, b, y), MARGIN), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(*arrays(gradients[0]), expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(*arrays(gradients[1]), -expected, rtol=1e-12, atol=1e-15)


# Vectors whose length is exact in floating point, at which d, d squared or the sum of |a - b| is exactly the margin.
AT_MARGIN = {
    "hadsell2006": ([3.0, 4.0, 0.0], 5.0),
    "caffe_legacy": ([3.0, 4.0, 0.0], 25.0),
    "squared_distance": ([3.0, 4.0, 0.0], 25.0),
    "chopra2005": ([3.0, -4.0, 0.0], 7.0),
}


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("form", FORMS)
def test_at_the_margin_derivatives_are_the_right_hand_ones(form, label):
    u, margin = AT_MARGIN[form]
    a = torch.tensor([u], dtype=torch.float64, requires_grad=True)
    b, y = torch.zeros_like(a), torch.tensor([LABELS[label]], dtype=torch.float64)
    (gradient,) = torch.autograd.grad(contrastive_loss(a, b, y, margin=margin, form=form), a)
    np.testing.assert_allclose(*arrays(gradient), gradient_equation(form, *arrays(a, b, y), margin), rtol=1e-13)
    hessian = torch.autograd.functional.hessian(
        lambda x: contrastive_loss(x, b, y, margin=margin, form=form), a.detach()
    )
    expected = hessian_equation(form, np.array(u), LABELS[label], margin)
    np.testing.assert_allclose(*arrays(hessian[0, :, 0]), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("points", [RANDOM, BEYOND], ids=["random", "beyond"])
@pytest.mark.parametrize("form", FORMS)
def test_second_derivatives_equal_the_equations(form, points, label):
    for a, b in zip(*points, strict=True):
        y = torch.tensor([LABELS[label]], dtype=torch.float64)
        hessian = torch.autograd.functional.hessian(
            lambda x, b=b, y=y: contrastive_loss(x[None], b[None], y, margin=MARGIN, form=form), a
        )
        expected = hessian_equation(form, (a - b).cpu().numpy(), LABELS[label], MARGIN)
        np.testing.assert_allclose(*arrays(hessian), expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("form", FORMS)
def test_second_derivatives_of_identical_inputs(form, label):
    y = LABELS[label]
    a = torch.tensor([[0.3, -2.0, 0.0]], dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(
        lambda x: contrastive_loss(x, a, torch.tensor([y], dtype=torch.float64), margin=MARGIN, form=form), a
    )
    expected = hessian_equation(form, np.zeros(3), y, MARGIN)
    np.testing.assert_allclose(*arrays(hessian[0, :, 0]), expected, rtol=1e-14)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("form", FORMS)
def test_gradcheck_with_the_labels_in_place(form, reduction):
    a, b = (torch.cat(x).clone().requires_grad_() for x in zip(RANDOM, BEYOND, strict=True))
    soft = torch.linspace(0.1, 0.9, len(a), dtype=torch.float64).requires_grad_()
    hard = torch.arange(len(a)) % 2

    def loss(first, second, similar):
        return contrastive_loss(first, second, similar, margin=MARGIN, form=form, reduction=reduction)

    for similar in (soft, hard, hard.bool()):
        assert torch.autograd.gradcheck(loss, (a, b, similar))
        assert torch.autograd.gradgradcheck(loss, (a, b, similar), atol=1e-4)


@pytest.mark.parametrize("form", ["hadsell2006", "caffe_legacy", "squared_distance"])
def test_gradcheck_of_similar_pairs_at_distance_zero(form):
    a, b = (x.clone().requires_grad_() for x in ZERO)
    similar = torch.ones(len(a), dtype=torch.bool)
    assert torch.autograd.gradcheck(lambda *x: contrastive_loss(*x, form=form), (a, b, similar))
    assert torch.autograd.gradgradcheck(lambda *x: contrastive_loss(*x, form=form), (a, b, similar))


def test_the_comparison_sees_a_missing_factor_of_two():
    class Published(torch.autograd.Function):
        """The squared-distance form with the gradient -(m - d^2)(a - b) of a published version."""

        @staticmethod
        def forward(context, u, y, margin):
            context.save_for_backward(u, y)
            context.margin = margin
            return FORMS["squared_distance"](u, y, margin)

        @staticmethod
        def backward(context, upstream):
            u, y = context.saved_tensors
            hinge = (context.margin - u.square().sum(1)).clamp(min=0)
            return (upstream * (y - (1 - y) * hinge))[:, None] * u, None, None

    a, b = RANDOM
    y = (torch.arange(len(a)) % 2).double()
    u = (a - b).requires_grad_()
    expected = gradient_equation("squared_distance", *arrays(a, b, y), MARGIN)
    for loss, right in ((FORMS["squared_distance"], True), (Published.apply, False)):
        (gradient,) = torch.autograd.grad(loss(u, y, MARGIN).sum(), u)
        assert np.allclose(*arrays(gradient), expected, rtol=1e-9) is right
        assert torch.autograd.gradcheck(loss, (u, y, MARGIN), raise_exception=False) is right


@pytest.mark.parametrize("distance", [0.0, 1e-300, 1e-160, 1e-44, 1e-30, 1e-22, 1e-15, 1e-8, 1e8])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("form", FORMS)
def test_derivatives_are_finite_at_and_near_distance_zero(form, dtype, distance):
    distance = min(distance, torch.finfo(dtype).max / 4)
    a = torch.tensor([[distance, -distance, distance / 3]] * 3, dtype=dtype, requires_grad=True)
    b = torch.zeros_like(a).requires_grad_()
    y = torch.tensor([0.0, 1.0, 0.5])
    value = contrastive_loss(a, b, y, form=form)
    gradients = torch.autograd.grad(value, (a, b), create_graph=True)
    second = torch.autograd.grad(sum((g * torch.tensor([1.0, 2.0, 3.0], dtype=dtype)).sum() for g in gradients[:1]), a)
    assert value.isfinite()
    assert all(g.isfinite().all() for g in gradients)
    if dtype in (torch.float64, torch.float32):  # 1 / d may be beyond the largest float16
        assert second[0].isfinite().all()
    if distance == 0:
        assert not gradients[0].any()


@pytest.mark.parametrize("distance", [0.0, 1e20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_where_the_squared_distance_is_infinite(form, dtype, distance):
    """Dissimilar pairs cost nothing there; similar ones, whose loss is beyond float32, have their derivatives still."""
    a = torch.tensor([[0.6, -0.8]], dtype=dtype) * distance
    b, u = torch.zeros_like(a), arrays(a.double())[0]
    for y in (0.0, 1.0):
        similar, labels = torch.tensor([y]), np.array([y])
        value = contrastive_loss(a, b, similar, form=form)
        with np.errstate(over="ignore"):
            expected = value_equation(form, u, 0 * u, labels, 1.0).astype(np.float32)
        np.testing.assert_allclose(*arrays(value[None]), expected, rtol=1e-2)
        assert value.isinf() == bool(y and distance)

        def loss(x, similar=similar):
            return contrastive_loss(x, b, similar, form=form)

        gradient, hessian = torch.func.grad(loss)(a), torch.autograd.functional.hessian(loss, a)[0, :, 0]
        np.testing.assert_allclose(*arrays(gradient.float()), gradient_equation(form, u, 0 * u, labels, 1.0), rtol=1e-2)
        np.testing.assert_allclose(
            *arrays(hessian.float()), hessian_equation(form, u[0], y, 1.0), rtol=1e-2, atol=1e-19
        )


@pytest.mark.parametrize("form", FORMS)
def test_one_pair_far_apart_leaves_the_gradients_of_the_others(form):
    a, b = (x.float().requires_grad_() for x in RANDOM)
    y = torch.arange(len(a)) % 2
    far, near = torch.full((1, 3), 1e20, requires_grad=True), torch.zeros(1, 3)
    value = contrastive_loss(
        torch.cat([a, far]), torch.cat([b, near]), torch.cat([y, y[:1]]), form=form, reduction="sum"
    )
    alone = contrastive_loss(a, b, y, form=form, reduction="sum")
    torch.testing.assert_close(value, alone)
    (expected,) = torch.autograd.grad(alone, a)
    found, none = torch.autograd.grad(value, (a, far))
    torch.testing.assert_close(found, expected)
    assert not none.any()


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_of_a_soft_label_at_its_ends(form):
    a, b = RANDOM
    ends = (torch.arange(len(a)) % 2).double().requires_grad_()
    (found,) = torch.autograd.grad(contrastive_loss(a, b, ends, margin=MARGIN, form=form, reduction="sum"), ends)
    one, zero = (value_equation(form, *arrays(a, b, torch.full_like(ends, y)), MARGIN) for y in (1.0, 0.0))
    np.testing.assert_allclose(*arrays(found), one - zero, rtol=1e-12)


def test_a_large_margin_costs_a_similar_pair_nothing():
    a = torch.tensor([[3.0, 4.0]], requires_grad=True)
    for form in ("hadsell2006", "squared_distance"):
        value = contrastive_loss(a, torch.zeros(1, 2), torch.tensor([1]), margin=1e30, form=form)
        assert value == 12.5
        torch.testing.assert_close(torch.autograd.grad(value, a)[0], a.detach())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_curvature_near_zero_keeps_its_digits(dtype):
    a = torch.tensor([[3e-15, 4e-15]], dtype=dtype)
    hessian = torch.autograd.functional.hessian(
        lambda x: contrastive_loss(x, torch.zeros_like(x), torch.tensor([False])), a
    )
    expected = hessian_equation("hadsell2006", np.array([3e-15, 4e-15]), 0.0, 1.0)
    np.testing.assert_allclose(*arrays(hessian[0, :, 0]), expected, rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(form, dtype):
    a, b = (x.to(dtype).requires_grad_() for x in RANDOM)
    y = torch.arange(len(a)) % 2
    value = contrastive_loss(a, b, y, form=form, reduction="none")
    wide = contrastive_loss(a.float(), b.float(), y, form=form, reduction="none")
    assert value.dtype == torch.float32
    assert torch.equal(value, wide)
    value.sum().backward()
    assert a.grad.dtype == dtype
    expected = gradient_equation(form, *arrays(a.float(), b.float(), y), 1.0)
    np.testing.assert_allclose(*arrays(a.grad.float()), expected, rtol=0.01)


@pytest.mark.parametrize("form", FORMS)
def test_autocast_changes_nothing_and_takes_mixed_types(form, device):
    a, b = (x.float() for x in RANDOM)
    y = torch.arange(len(a)) % 2
    expected = contrastive_loss(a, b, y, form=form)
    with torch.autocast(device.type, torch.bfloat16):
        assert torch.equal(contrastive_loss(a, b, y, form=form), expected)
        mixed = contrastive_loss(a.bfloat16(), b, y, form=form)
    assert torch.equal(mixed, contrastive_loss(a.bfloat16().float(), b, y, form=form))
    assert contrastive_loss(a.double(), b, y, form=form).dtype == torch.float64


@pytest.mark.parametrize("form", FORMS)
def test_a_nan_is_seen(form):
    a = torch.zeros(2, 3)
    a[1, 2] = torch.nan
    value = contrastive_loss(a, torch.zeros(2, 3), torch.tensor([0, 0]), form=form, reduction="none")
    assert value.isnan().tolist() == [False, True]


def test_reductions():
    a, b = (torch.cat(x) for x in zip(RANDOM, BEYOND, strict=True))
    y = torch.zeros(len(a))
    values = contrastive_loss(a, b, y, margin=MARGIN, reduction="none")
    assert (values == 0).sum() == len(BEYOND[0])
    expected = {"mean": values.mean(), "sum": values.sum(), "mean_nonzero": values[: len(RANDOM[0])].mean()}
    for reduction, value in expected.items():
        torch.testing.assert_close(contrastive_loss(a, b, y, margin=MARGIN, reduction=reduction), value)
    assert contrastive_loss(*BEYOND, y[:5], margin=MARGIN, reduction="mean_nonzero") == 0
    assert torch.equal(contrastive_loss(a, b, y, margin=MARGIN), expected["mean"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_module_is_the_function(form, reduction):
    y = torch.arange(len(RANDOM[0])) % 2
    module = ContrastiveLoss(MARGIN, form, reduction)
    expected = contrastive_loss(*RANDOM, y, margin=MARGIN, form=form, reduction=reduction)
    assert torch.equal(module(*RANDOM, y), expected)
    assert repr(module) == f"ContrastiveLoss(margin=1.3, form={form!r}, reduction={reduction!r})"


@pytest.mark.parametrize("form", FORMS)
def test_labels_of_any_type_mean_the_same(form):
    y = torch.arange(len(RANDOM[0])) % 2
    values = [contrastive_loss(*RANDOM, y.to(t), form=form) for t in (torch.bool, torch.uint8, torch.int64, torch.half)]
    assert all(torch.equal(value, values[0]) for value in values)


# Another library's losses


def test_caffe_legacy_is_half_of_the_hinge_embedding_loss_of_torch():
    a, b = (torch.cat(x).requires_grad_() for x in zip(RANDOM, BEYOND, strict=True))
    y = torch.arange(len(a)) % 2
    ours = contrastive_loss(a, b, y, margin=MARGIN, form="caffe_legacy")
    theirs = torch.nn.HingeEmbeddingLoss(MARGIN)((a - b).square().sum(1), 2 * y - 1) / 2
    torch.testing.assert_close(ours, theirs)
    gradients = (torch.autograd.grad(value, (a, b)) for value in (ours, theirs))
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other)


# Per pair, pytorch-metric-learning has d^p and max(0, m - d^p) with p of its choice: its power and what is done to
# the result, for similar and dissimilar pairs, give three of the forms.
METRIC_LEARNING = {
    "hadsell2006": (1, lambda d: d**2 / 2, lambda hinge: hinge**2 / 2),
    "caffe_legacy": (2, lambda d: d / 2, lambda hinge: hinge / 2),
    "squared_distance": (2, lambda d: d / 2, lambda hinge: hinge**2 / 2),
}


@pytest.mark.parametrize("form", METRIC_LEARNING)
def test_against_pytorch_metric_learning(form):
    power, together, apart = METRIC_LEARNING[form]
    a, b = (torch.cat(x).requires_grad_() for x in zip(RANDOM, BEYOND, strict=True))
    n = len(a)
    y = torch.arange(n) % 2 == 1
    other = losses.ContrastiveLoss(
        pos_margin=0,
        neg_margin=MARGIN,
        distance=distances.LpDistance(normalize_embeddings=False, p=2, power=power),
        reducer=reducers.DoNothingReducer(),
    )
    side = torch.arange(n)
    chosen = (side[y], side[y] + n, side[~y], side[~y] + n)
    found = other(torch.cat([a, b]), torch.zeros(2 * n), chosen)
    theirs = together(found["pos_loss"]["losses"]).sum() + apart(found["neg_loss"]["losses"]).sum()
    ours = contrastive_loss(a, b, y, margin=MARGIN, form=form, reduction="sum")
    torch.testing.assert_close(ours, theirs)
    gradients = (torch.autograd.grad(value, (a, b)) for value in (ours, theirs))
    for mine, them in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, them, rtol=1e-6, atol=1e-8)


# Transforms


@pytest.mark.parametrize("form", FORMS)
def test_compiled_without_a_graph_break(form):
    y = torch.arange(len(RANDOM[0])) % 2
    module = ContrastiveLoss(MARGIN, form, "mean_nonzero")
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    a, b = (x.clone().requires_grad_() for x in RANDOM)
    results = []
    for loss in (module, compiled):
        value = loss(a, b, y)
        results.append((value, *torch.autograd.grad(value, (a, b))))
    for eager, traced in zip(*results, strict=True):
        torch.testing.assert_close(traced, eager)


@pytest.mark.parametrize("form", FORMS)
def test_vmap_and_its_derivatives(form):
    y = torch.rand(2, 5, dtype=torch.float64)
    a, b = (x.reshape(2, 5, 3) for x in RANDOM)
    a = torch.cat([a[:, :4], b[:, 4:]], 1)  # a pair at distance zero in each

    def loss(first, second, similar):
        return contrastive_loss(first, second, similar, margin=MARGIN, form=form)

    def one_by_one(function):
        return torch.stack([function(*x) for x in zip(a, b, y, strict=True)])

    torch.testing.assert_close(torch.func.vmap(loss)(a, b, y), one_by_one(loss))
    gradient = torch.func.grad(loss)
    expected = [torch.autograd.grad(loss(x.requires_grad_(), *rest), x)[0] for x, *rest in zip(a, b, y, strict=True)]
    torch.testing.assert_close(torch.func.vmap(gradient)(a, b, y), torch.stack(expected))
    hessian = torch.func.vmap(torch.func.hessian(loss))(a, b, y)  # forward mode over reverse mode
    expected = [torch.autograd.functional.hessian(lambda x, r=rest: loss(x, *r), x) for x, *rest in zip(a, b, y)]  # noqa: B905
    torch.testing.assert_close(hessian, torch.stack(expected))


def test_label_values_are_not_checked_where_they_cannot_be():
    a, b = RANDOM
    wrong = torch.full((len(a),), 2.0)
    torch.func.vmap(contrastive_loss)(a[None], b[None], wrong[None])
    torch.compile(contrastive_loss, backend="eager", fullgraph=True)(a, b, wrong)


@pytest.mark.parametrize(
    ("similar", "message"),
    [
        (torch.tensor([0, 1, -1, 2]), r"`similar` must be 0 or 1, got 2 values that are not, the first -1"),
        (
            torch.tensor([0.0, 1.0, 1.5, 0.5]),
            r"`similar` must be from 0 to 1, got 1 values that are not, the first 1.5",
        ),
        (torch.tensor([0.0, 1.0, 1.0, torch.nan]), r"`similar` must be from 0 to 1, got 1 values .* the first nan"),
        (torch.tensor([0, 1, 1]), r"`similar` must have shape \(4,\), one per pair, got \(3,\)"),
        (torch.zeros(4, 1), r"`similar` must have shape \(4,\), one per pair, got \(4, 1\)"),
    ],
)
def test_wrong_labels(similar, message):
    with pytest.raises(ValueError, match=message):
        contrastive_loss(torch.zeros(4, 2), torch.ones(4, 2), similar)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ((4, 2), (4, 3), r"`first` and `second` must have one shape, got \(4, 2\) and \(4, 3\)"),
        ((4, 2), (1, 2), r"`first` and `second` must have one shape, got \(4, 2\) and \(1, 2\)"),
        ((0, 2), (0, 2), r"`first` and `second` must hold at least one pair, got shape \(0, 2\)"),
        ((4,), (4,), r"`first` must have shape \(N, E\) with E at least 1, got \(4,\)"),
        ((4, 0), (4, 0), r"`first` must have shape \(N, E\) with E at least 1, got \(4, 0\)"),
    ],
)
def test_wrong_shapes(first, second, message):
    with pytest.raises(ValueError, match=message):
        contrastive_loss(torch.zeros(first), torch.zeros(second), torch.zeros(first[:1]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.0}, r"`margin` \(=0.0\) must be positive and finite"),
        ({"margin": float("nan")}, r"`margin` \(=nan\) must be positive and finite"),
        ({"margin": float("inf")}, r"`margin` \(=inf\) must be positive and finite"),
        ({"form": "hadsell"}, r"`form` \(='hadsell'\) must be one of hadsell2006, caffe_legacy, squared_distance, ch"),
        ({"reduction": "avg"}, r"`reduction` \(='avg'\) must be one of none, mean, sum, mean_nonzero"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        contrastive_loss(torch.zeros(4, 2), torch.ones(4, 2), torch.zeros(4), **options)
    with pytest.raises(ValueError, match=message):
        ContrastiveLoss(**options)


@pytest.mark.parametrize("name", ["first", "second", "similar"])
def test_lists_are_not_tensors(name):
    tensors = {"first": torch.zeros(4, 2), "second": torch.zeros(4, 2), "similar": torch.zeros(4)}
    for wrong in (tensors[name].tolist(), tensors[name].numpy()):
        kind = type(wrong).__name__
        with pytest.raises(ValueError, match=rf"`{name}` must be a tensor, got {kind}"):
            contrastive_loss(**(tensors | {name: wrong}))
        with pytest.raises(ValueError, match=rf"`{name}` must be a tensor, got {kind}"):
            cosine_contrastive_loss(**(tensors | {name: wrong}))


def test_embeddings_of_whole_numbers():
    with pytest.raises(ValueError, match=r"`first` must be of a floating-point type, got torch.int64"):
        contrastive_loss(torch.zeros(4, 2).long(), torch.zeros(4, 2), torch.zeros(4))
