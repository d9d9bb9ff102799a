import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from framecast.runs import Scale

finite = st.floats(-1e6, 1e6)


@given(
    low=finite,
    width=st.floats(1e-3, 1e6),
    values=npst.arrays(np.float64, st.integers(0, 20), elements=st.floats(-1e6, 1e6) | st.just(np.nan)),
)
def test_round_trip(low, width, values):
    scale = Scale(low, low + width)
    tolerance = 1e-9 * (1 + abs(low) + width)
    np.testing.assert_allclose(scale.from_unit(scale.to_unit(values)), values, rtol=1e-9, atol=tolerance)
    tensor = torch.from_numpy(values)
    np.testing.assert_allclose(scale.from_unit(scale.to_unit(tensor)), values, rtol=1e-9, atol=tolerance)
    np.testing.assert_allclose(scale.to_unit(np.array([low, low + width])), [0, 1], atol=1e-9)
    assert Scale.from_dict(scale.as_dict()) == scale


def test_type_stays():
    scale = Scale(-10.0, 30.0, "dBZ", "float32")
    assert scale.to_unit(np.zeros(2, np.float32)).dtype == np.float32
    assert scale.from_unit(torch.zeros(2)).dtype == torch.float32


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_ends_must_be_in_order(low, high):
    with pytest.raises(ValueError, match=r"`low` \(=.*\) must be below `high`"):
        Scale(low, high)


def test_words_name_the_unit():
    assert Scale(0.0, 60.0, "dBZ").words == "dBZ"
    assert Scale().words == "unit scale"
    assert Scale(0.0, 2.0).words == "data’s own units"


def test_missing_fields_take_their_defaults():
    assert Scale.from_dict({}) == Scale(0.0, 1.0, "", "")
    assert Scale.from_dict({"low": -1, "high": 3, "unit": None}) == Scale(-1.0, 3.0)
