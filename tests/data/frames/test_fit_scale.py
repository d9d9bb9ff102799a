import numpy as np
import pytest

from framecast.data import Recording, Scale, fit_scale


def recording(*values, dtype="float32"):
    return Recording(np.array(values, np.float32).reshape(-1, 1, 1, 1), np.dtype(dtype), "name")


def test_fit_leaves_nan_out():
    recordings = [recording(3, np.nan, 5, dtype="uint16"), recording(-2, 4, dtype="uint16")]
    scale = fit_scale(iter(recordings), unit="mm/h")
    assert scale == Scale(-2.0, 5.0, "mm/h", "uint16")
    assert fit_scale(recordings, "percentiles", (25, 75)) == Scale(1.75, 4.25, "", "uint16")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([recording(3, 3, np.nan)],), r"min-max of the training part are both 3\.0: give `scale`"),
        (([],), "no recordings"),
        (([recording(1, 2)], "max"), r"`scale` \(='max'\) must be min-max, percentiles or two numbers"),
        (([recording(1, 2)], "percentiles", (60, 40)), r"`percentiles` \(=\(60, 40\)\)"),
    ],
    ids=["one value", "no recordings", "unknown scale", "percentiles that fall"],
)
def test_fit_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_scale(*arguments)
