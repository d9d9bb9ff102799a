"""A comparison that fails says by how much."""

import pytest
import torch
from tests.support.comparison import assert_same, difference


def test_what_differs_is_named_with_its_distance():
    expected = torch.tensor([1.0, -4.0])
    with pytest.raises(AssertionError, match=r"output \(2,\) is off by 0.25 \(tolerance 0.1\)$"):
        assert_same([expected + torch.tensor([0.0, 1.0])], [expected], 0.1, ["output"])
    assert_same([expected + 0.3], [expected], 0.1)


def test_types_and_shapes_are_compared():
    with pytest.raises(AssertionError, match=r"result 0 is torch.float64 \(2,\), not torch.float32 \(1,\)"):
        assert_same([torch.zeros(2, dtype=torch.float64)], [torch.zeros(1)], 0.1)
    with pytest.raises(ValueError, match="longer"):
        assert_same([], [torch.zeros(1)], 0.1)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_finite_is_not_like_a_number(value):
    expected = torch.tensor([1.0, value])
    assert difference(expected.clone(), expected) == 0
    assert difference(torch.tensor([1.0, 2.0]), expected) == torch.inf
    assert difference(expected, torch.tensor([1.0, 2.0])) == torch.inf
    assert difference(torch.tensor([value, 1.0]), expected) == torch.inf


def test_infinities_of_other_sign_differ():
    assert difference(torch.tensor([torch.inf]), torch.tensor([-torch.inf])) == torch.inf


def test_gradients_that_are_recorded_are_of_no_matter():
    value = torch.ones(2, requires_grad=True)
    assert difference(value * 2, value) == 1
    assert difference(value[:0], value[:0]) == 0
