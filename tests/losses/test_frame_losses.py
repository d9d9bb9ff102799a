import numpy as np
import pytest
import torch

from framecast.losses import LOSSES, FrameCrossEntropy, FrameMSE, frame_cross_entropy, frame_mse

SHAPE = (2, 3, 2, 5, 7)


def cross_entropy_equation(logits, target):
    probability = 1 / (1 + np.exp(-logits))
    target = np.clip(target, 0, 1)
    return -target * np.log(probability) - (1 - target) * np.log(1 - probability)


EQUATIONS = {"cross_entropy": cross_entropy_equation, "mse": lambda prediction, target: (prediction - target) ** 2}
FUNCTIONS = {"cross_entropy": frame_cross_entropy, "mse": frame_mse}


def reduce_equation(values, mask, reduction):
    values = np.where(mask, values, 0)
    if reduction == "none":
        return values
    if reduction == "mean":
        return values.sum() / mask.sum()
    return np.mean([values[n, k].sum() for n, k in np.ndindex(mask.shape[:2]) if mask[n, k].any()])


@pytest.fixture
def frames():
    """Output, target (beyond [0, 1] here and there) and mask, in which one frame is missing altogether."""
    torch.manual_seed(0)
    output = torch.randn(SHAPE, dtype=torch.float64)
    target = torch.rand(SHAPE, dtype=torch.float64) * 1.4 - 0.2
    mask = torch.rand(SHAPE) < 0.6
    mask[1, 0] = False
    return output, target, mask


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "frame_sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_function_and_module_follow_the_equation(frames, name, reduction, masked):
    output, target, mask = frames
    mask = mask if masked else torch.ones_like(mask)
    expected = reduce_equation(
        EQUATIONS[name](*(x.cpu().numpy() for x in (output, target))), mask.cpu().numpy(), reduction
    )
    arguments = (output, target, mask) if masked else (output, target)
    for value in (FUNCTIONS[name](*arguments, reduction=reduction), LOSSES[name](reduction)(*arguments)):
        np.testing.assert_allclose(value.cpu().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_mean_is_the_default(frames, name):
    output, target, mask = frames
    mean = FUNCTIONS[name](output, target, mask, "mean")
    assert FUNCTIONS[name](output, target, mask) == mean == LOSSES[name]()(output, target, mask)


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_masked_reaches_neither_value_nor_gradient(frames, name):
    output, target, mask = frames
    torch.manual_seed(1)
    results = []
    for filler in (0.3, torch.nan, torch.inf):
        x = torch.where(mask, output, filler).requires_grad_()
        t = torch.where(mask, target, filler).requires_grad_()
        value = FUNCTIONS[name](x, t, mask)
        results.append((value.detach(), *torch.autograd.grad(value, (x, t))))
    for result in results:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))
        assert (result[1] != 0).equal(mask)


@pytest.mark.parametrize("reduction", ["mean", "frame_sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_no_valid_pixel_gives_zero_and_zero_gradient(frames, name, reduction):
    output, target, mask = frames
    output.requires_grad_()
    value = FUNCTIONS[name](output, torch.full_like(target, torch.nan), torch.zeros_like(mask), reduction).sum()
    value.backward()
    assert value == 0
    assert torch.equal(output.grad, torch.zeros_like(output))


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_follows_from_the_value(frames, name):
    output, target, mask = frames
    assert torch.autograd.gradcheck(lambda x: FUNCTIONS[name](x, target, mask), output.requires_grad_())


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_output_is_compared_in_the_precision_of_the_target(frames, name):
    output, target, _ = frames
    output, target = output.bfloat16(), target.float()
    value = FUNCTIONS[name](output, target, reduction="frame_sum")
    torch.testing.assert_close(value, FUNCTIONS[name](output.float(), target, reduction="frame_sum"), rtol=0, atol=0)


def test_cross_entropy_stays_finite_for_certain_logits():
    logits = torch.tensor([-200.0, 200.0]).reshape(1, 1, 1, 1, 2)
    assert frame_cross_entropy(logits, 1 - logits.sign().clamp(min=0)) == 200


def test_links():
    output = torch.tensor([-1.0, 2.0])
    assert torch.equal(FrameCrossEntropy().to_prediction(output), output.sigmoid())
    assert torch.equal(FrameMSE().to_prediction(output), output)


def test_repr_names_the_reduction():
    assert repr(FrameMSE("frame_sum")) == "FrameMSE(reduction='frame_sum')"


@pytest.mark.parametrize("name", LOSSES)
def test_bad_arguments(frames, name):
    output, target, mask = frames
    loss = LOSSES[name]()
    for key, wrong in (
        ("output", [output.tolist(), target]),
        ("target", [output, None]),
        ("mask", [output, target, [1]]),
    ):
        with pytest.raises(ValueError, match=f"`{key}` must be a tensor, got (list|NoneType)"):
            loss(*wrong)
    with pytest.raises(ValueError, match=r"`target` must have shape \(N, T, C, H, W\), got \(3, 2, 5, 7\)"):
        loss(output[0], target[0])
    with pytest.raises(ValueError, match=r"output and `target` must have one shape, got \(1, 3, 2, 5, 7\) and \(2, "):
        loss(output[:1], target)
    with pytest.raises(ValueError, match=r"`mask` must be bool with the shape .* of `target`, got torch.float32"):
        loss(output, target, mask.float())
    with pytest.raises(ValueError, match=r"`mask` must be bool .* got torch.bool \(2, 3, 1, 5, 7\)"):
        loss(output, target, mask[:, :, :1])
    rule = r"`reduction` \(='sum'\) must be one of mean, frame_sum, none"
    with pytest.raises(ValueError, match=rule):
        FUNCTIONS[name](output, target, reduction="sum")
    with pytest.raises(ValueError, match=rule):
        LOSSES[name]("sum")
