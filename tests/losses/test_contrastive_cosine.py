import numpy as np
import pytest
import torch

from framecast.losses import CosineContrastiveLoss, cosine_contrastive_loss

# Of torch's own forward mode.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

REDUCTIONS = ("none", "mean", "sum", "mean_nonzero")


@pytest.fixture
def pairs():
    """Random pairs of vectors with labels of both kinds, cosines on both sides of the margins used below."""
    torch.manual_seed(0)
    first, second = torch.randn(2, 24, 3, dtype=torch.float64)
    return first.requires_grad_(), second.requires_grad_(), torch.arange(24) % 2


def gradient_equation(a, b, y, margin):
    """Derivative of each pair's loss by a, worked out by hand."""
    length_a, length_b = (np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    cosine = (a * b).sum(1, keepdims=True) / length_a / length_b
    slope = b / length_a / length_b - cosine * a / length_a**2
    return ((1 - y[:, None]) * (cosine > margin) - y[:, None]) * slope


@pytest.mark.parametrize("margin", [-0.5, 0.0, 0.4])
def test_value_and_gradients_are_those_of_torch_and_of_the_equation(pairs, margin):
    first, second, similar = pairs
    ours = cosine_contrastive_loss(first, second, similar, margin=margin, reduction="none")
    theirs = torch.nn.CosineEmbeddingLoss(margin, reduction="none")(first, second, 2 * similar - 1)
    assert (ours[similar == 0] == 0).any()
    assert (ours[similar == 0] != 0).any()
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    gradients = [torch.autograd.grad(value.sum(), (first, second)) for value in (ours, theirs)]
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)
    a, b, y = (x.detach().cpu().numpy() for x in pairs)
    np.testing.assert_allclose(gradients[0][0].cpu(), gradient_equation(a, b, y, margin), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(gradients[0][1].cpu(), gradient_equation(b, a, y, margin), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradcheck_with_the_labels_in_place(pairs, reduction):
    first, second, hard = pairs
    soft = torch.linspace(0.1, 0.9, len(first), dtype=torch.float64).requires_grad_()
    for similar in (hard, hard.bool(), soft):
        arguments = (first, second, similar)
        assert torch.autograd.gradcheck(
            lambda *x: cosine_contrastive_loss(*x, margin=0.2, reduction=reduction), arguments
        )
        assert torch.autograd.gradgradcheck(
            lambda *x: cosine_contrastive_loss(*x, margin=0.2, reduction=reduction), arguments
        )


def test_at_the_margin_the_derivative_is_the_right_hand_zero():
    first = torch.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    second = torch.tensor([[0.0, 1.0], [0.0, 3.0]])
    for pair, margin in ((0, 0.0), (1, 1.0)):
        value = cosine_contrastive_loss(first, second, torch.tensor([0, 0]), margin=margin, reduction="none")[pair]
        (gradient,) = torch.autograd.grad(value, first, create_graph=True)
        assert value == 0
        assert not gradient.any()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_equal_vectors_cost_nothing_and_have_finite_derivatives(dtype):
    first = torch.randn(200, 7).to(dtype).requires_grad_()
    second = first.detach().clone().requires_grad_()
    value = cosine_contrastive_loss(first, second, torch.ones(200), reduction="none")
    assert not value.any()
    gradient = torch.autograd.grad(value.sum(), first, create_graph=True)[0]
    assert not gradient.any()
    assert torch.autograd.grad(gradient.sum(), first)[0].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_vector_of_zeros_has_cosine_zero_and_no_derivatives(dtype):
    first = torch.zeros(3, 4, dtype=dtype, requires_grad=True)
    second = torch.stack([torch.ones(4, dtype=dtype), torch.zeros(4, dtype=dtype), torch.ones(4, dtype=dtype)])
    second.requires_grad_()
    similar = torch.tensor([1.0, 1.0, 0.0])
    value = cosine_contrastive_loss(first, second, similar, margin=-0.5, reduction="none")
    assert value.tolist() == [1, 1, 0.5]
    gradients = torch.autograd.grad(value.sum(), (first, second), create_graph=True)
    assert not any(g.any() for g in gradients)
    second_order = torch.autograd.grad(sum(g.sum() for g in gradients), (first, second))
    assert not any(g.any() for g in second_order)


@pytest.mark.parametrize("length", [1e-20, 1e-10, 1e10])
def test_the_length_does_not_matter(pairs, length):
    first, second, similar = (x.detach().float() if x.is_floating_point() else x for x in pairs)
    expected = cosine_contrastive_loss(first, second, similar, reduction="none")
    torch.testing.assert_close(cosine_contrastive_loss(length * first, second, similar, reduction="none"), expected)


@pytest.mark.parametrize("length", [1e20, 1e38])
def test_vectors_whose_squared_length_is_infinite(length):
    a, b = torch.tensor([[0.6, -0.8]]) * length, torch.tensor([[1.0, 0.0]])
    for y in (0, 1):

        def loss(x, y=y):
            return cosine_contrastive_loss(x, b, torch.tensor([y]))

        torch.testing.assert_close(loss(a), torch.tensor(0.4 if y else 0.6))
        gradient, hessian = torch.func.grad(loss)(a), torch.autograd.functional.hessian(loss, a)
        at_one = torch.func.grad(loss)(a / length)
        torch.testing.assert_close(gradient * length, at_one, rtol=1e-4, atol=1e-6)
        assert hessian.isfinite().all()


def test_nearly_equal_directions_keep_their_digits_in_float32():
    first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1e-4]])
    assert cosine_contrastive_loss(first, second, torch.ones(1)).item() == pytest.approx(0.5e-8, rel=1e-5)


def test_a_nan_is_seen():
    first = torch.tensor([[1.0, torch.nan], [1.0, 1.0]])
    value = cosine_contrastive_loss(first, torch.ones(2, 2), torch.zeros(2), reduction="none")
    assert value.isnan().tolist() == [True, False]


def test_autocast_changes_nothing(pairs, device):
    first, second, similar = (x.detach().float() if x.is_floating_point() else x for x in pairs)
    expected = cosine_contrastive_loss(first, second, similar)
    with torch.autocast(device.type, torch.bfloat16):
        assert torch.equal(cosine_contrastive_loss(first, second, similar), expected)
        mixed = cosine_contrastive_loss(first.bfloat16(), second, similar)
    assert torch.equal(mixed, cosine_contrastive_loss(first.bfloat16().float(), second, similar))


def test_compiled_and_mapped(pairs):
    first, second, _ = pairs
    module = CosineContrastiveLoss(0.2, "mean_nonzero")
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    gradients = [torch.autograd.grad(loss(*pairs), (first, second)) for loss in (module, compiled)]
    for eager, traced in zip(*gradients, strict=True):
        torch.testing.assert_close(traced, eager)
    batches = [x.detach().reshape(2, 12, *x.shape[1:]) for x in pairs]
    mapped = torch.func.vmap(torch.func.hessian(module))(*batches)
    for value, x, *rest in zip(mapped, *batches, strict=True):
        torch.testing.assert_close(value, torch.autograd.functional.hessian(lambda x, rest=rest: module(x, *rest), x))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_module_is_the_function(pairs, reduction):
    module = CosineContrastiveLoss(0.2, reduction)
    assert torch.equal(module(*pairs), cosine_contrastive_loss(*pairs, margin=0.2, reduction=reduction))
    assert repr(module) == f"CosineContrastiveLoss(margin=0.2, reduction={reduction!r})"


def test_mean_is_over_all_pairs_and_mean_nonzero_over_those_that_cost(pairs):
    values = cosine_contrastive_loss(*pairs, margin=0.2, reduction="none")
    assert (values == 0).any()
    torch.testing.assert_close(cosine_contrastive_loss(*pairs, margin=0.2), values.mean())
    cost = cosine_contrastive_loss(*pairs, margin=0.2, reduction="mean_nonzero")
    torch.testing.assert_close(cost, values[values != 0].mean())


@pytest.mark.parametrize("margin", [-1.1, 1.1, float("nan")])
def test_wrong_margin(margin):
    with pytest.raises(ValueError, match=rf"`margin` \(={margin}\) must be from -1 to 1"):
        CosineContrastiveLoss(margin)
    with pytest.raises(ValueError, match=rf"`margin` \(={margin}\) must be from -1 to 1"):
        cosine_contrastive_loss(torch.ones(1, 2), torch.ones(1, 2), torch.ones(1), margin=margin)


def test_wrong_calls():
    with pytest.raises(ValueError, match=r"`reduction` \(='avg'\) must be one of none, mean, sum, mean_nonzero"):
        CosineContrastiveLoss(reduction="avg")
    with pytest.raises(ValueError, match=r"`first` and `second` must have one shape, got \(1, 2\) and \(2, 2\)"):
        cosine_contrastive_loss(torch.ones(1, 2), torch.ones(2, 2), torch.ones(1))
    with pytest.raises(ValueError, match=r"`similar` must be 0 or 1, got 1 values that are not, the first -1"):
        cosine_contrastive_loss(torch.ones(2, 2), torch.ones(2, 2), torch.tensor([1, -1]))
