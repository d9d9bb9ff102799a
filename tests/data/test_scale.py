import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from framecast.data import Recording, Scale

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


def recording(*values, dtype="float32"):
    return Recording(np.array(values, np.float32).reshape(-1, 1, 1, 1), np.dtype(dtype), "name")


def test_fit_leaves_nan_out():
    recordings = [recording(3, np.nan, 5, dtype="uint16"), recording(-2, 4, dtype="uint16")]
    scale = Scale.fit(iter(recordings), unit="mm/h")
    assert scale == Scale(-2.0, 5.0, "mm/h", "uint16")
    assert Scale.fit(recordings, "percentiles", (25, 75)) == Scale(1.75, 4.25, "", "uint16")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([recording(3, 3, np.nan)],), r"min-max of the training part are both 3\.0: give `scale`"),
        (([],), "no recordings"),
        (([recording(1, 2)], "max"), r"`scale` \(='max'\) must be min-max, percentiles or two numbers"),
        (([recording(1, 2)], "percentiles", (60, 40)), r"`percentiles` \(=\(60, 40\)\)"),
    ],
)
def test_fit_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        Scale.fit(*arguments)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_ends_must_be_in_order(low, high):
    with pytest.raises(ValueError, match=r"`low` \(=.*\) must be below `high`"):
        Scale(low, high)
