import base64
import io
import itertools

import numpy as np
import pytest
from PIL import Image, ImageSequence, features

from framecast.report import Examples, read_examples, save_strip, strip_figure
from framecast.report.forecast._animation import animate
from framecast.report.forecast._frames import NO_DATA, error_limit, error_picture, frame_colours, frame_picture
from framecast.report.forecast._lead_time_chart import lead_time_chart
from framecast.report.forecast._strip import choose
from framecast.runs import Scale

GREY = Scale(0.0, 255.0, "grey level")


def decoded(uri):
    return base64.b64decode(uri.partition(",")[2])


def labels(figure):
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def test_small_frames_are_enlarged_by_a_whole_factor():
    frame = np.array([[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]], np.float32)
    pixels = np.asarray(frame_picture(frame, GREY, 10))
    assert pixels.shape == (6, 9, 3)
    assert (pixels[:3, 3:6] == 255).all()
    assert (pixels[:3, :3] == 0).all()


def test_large_frames_are_averaged_and_no_data_does_not_darken_its_neighbours():
    frame = np.ones((1, 50, 70), np.float32)
    frame[:, :, 5:30] = np.nan
    pixels = np.asarray(frame_picture(frame, GREY, 7))
    assert pixels.shape == (5, 7, 3)
    assert (pixels[:, 0] == 255).all()  # half of it is missing: the mean of what is there
    assert not (pixels[:, 1] == 0).any()
    assert (np.asarray(frame_picture(frame * 0, Scale(0, 60, "dBZ"), 70))[:, 40] == [68, 1, 84]).all()  # viridis


def test_no_data_is_a_hatched_tint():
    frame = np.zeros((3, 16, 16), np.float32)
    frame[1, 4:] = np.nan
    pixels = np.asarray(frame_picture(frame, GREY, 16))
    assert (pixels[:4] == 0).all()
    assert (pixels[4:].reshape(-1, 3) == NO_DATA).all(1).mean() == pytest.approx(0.75)
    assert pixels[4:].min() > 150


def test_colour_frames_keep_their_colours():
    frame = np.array([1.0, 0.5, -3.0], np.float32).reshape(3, 1, 1)
    assert np.asarray(frame_picture(frame, GREY, 1)).tolist() == [[[255, 128, 0]]]


def test_error_is_signed_and_neutral_at_zero():
    target = np.full((3, 1, 3), 0.5, np.float32)
    forecast = target + np.array([-0.2, 0.0, 0.2], np.float32)
    low, zero, high = np.asarray(error_picture(forecast, target, 0.2, 3))[0].astype(int)
    assert low[2] > low[0] + 50  # blue
    assert high[0] > high[2] + 50  # red
    assert zero.min() >= 245
    assert (zero.max() - zero.min()) <= 2


def test_error_limit_is_round_in_the_data_s_unit_and_covers_the_errors():
    target = np.zeros((1, 1, 1, 10, 10), np.float32)
    forecast = np.full_like(target, 0.45)
    assert error_limit(forecast, target, GREY) * 255 == pytest.approx(120)
    assert error_limit(target, target, Scale()) == pytest.approx(0.05)
    assert error_limit(target + 3, target, Scale()) == 1.0
    assert error_limit(target + np.nan, target, Scale()) == pytest.approx(0.05)


def test_grey_is_for_brightness():
    assert frame_colours(GREY) == frame_colours(Scale()) == "gray"
    assert frame_colours(Scale(0, 60, "dBZ")) == "viridis"


def test_examples_are_chosen_by_squared_error():
    target = np.zeros((5, 1, 1, 2, 2), np.float32)
    forecast = target + np.array([0.3, 0.1, 0.5, 0.2, 0.4], np.float32).reshape(5, 1, 1, 1, 1)
    examples = Examples(target, target, forecast)
    assert [(choice.title, choice.index) for choice in choose(examples)] == [("Median", 0), ("Best", 1), ("Worst", 2)]
    two = Examples(target[:2], target[:2], forecast[:2])
    assert [(choice.title, choice.index) for choice in choose(two)] == [("Worst", 0), ("Best", 1)]
    one = Examples(target[:1], target[:1], forecast[:1])
    assert [choice.title for choice in choose(one)] == ["Only"]
    assert choose(one)[0].squared_error == pytest.approx(4 * 0.09)


@pytest.mark.parametrize(("shape", "masked"), [((1, 32, 32), True), ((3, 40, 60), False), ((3, 300, 400), False)])
def test_animation_shows_every_frame_once(make_run, shape, masked):
    examples = read_examples(make_run(shape=shape, examples=1, masked=masked) / "test" / "examples.npz")
    moving, still = animate(examples, 0, GREY, 0.5)
    with Image.open(io.BytesIO(decoded(moving))) as image:
        assert image.n_frames == 4 + 5
        frames = [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(image)]
    assert all(np.abs(one - next_).max() > 20 for one, next_ in itertools.pairwise(frames))
    with Image.open(io.BytesIO(decoded(still))) as image:
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - frames[-1]).mean() < 3


def test_animation_without_webp_is_an_animated_png(make_run, monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    examples = read_examples(make_run(examples=1, horizon=1) / "test" / "examples.npz")
    moving, _ = animate(examples, 0, GREY, 0.5)
    assert moving.startswith("data:image/apng")
    with Image.open(io.BytesIO(decoded(moving))) as image:
        assert (image.format, image.n_frames) == ("PNG", 5)


def test_lead_time_chart_names_every_line_with_its_last_value():
    scores = {
        "model": {"mse": {"mean": 2.0, "by_lead_time": [1.0, 3.25]}},
        "last_frame": {"mse": {"mean": 5.0, "by_lead_time": [4.0, None]}},
        "zero": {"mse": {"mean": 500.0, "by_lead_time": [500.0, 500.0]}},
        "mine": {"mse": {"mean": None, "by_lead_time": [None, None]}},
    }
    figure = lead_time_chart(scores, "mse")
    assert labels(figure) == {"Model\n3.250", "Last frame repeated\n4.000", "All zero\n500.0 ↑ off the chart"}
    assert figure.axes[0].get_ylim()[0] == 0
    assert figure.axes[0].get_ylim()[1] < 10
    assert lead_time_chart(scores, "mae") is None


def test_a_worse_model_is_never_left_off_the_chart():
    scores = {name: {"mse": {"mean": value, "by_lead_time": [value]}} for name, value in zip("abc", (1.0, 2.0, 3.0))}  # noqa: B905
    scores["model"] = {"mse": {"mean": 900.0, "by_lead_time": [900.0]}}
    figure = lead_time_chart(scores, "mse")
    assert figure.axes[0].get_ylim()[1] > 900
    assert not any("off the chart" in label for label in labels(figure))


def test_save_strip(make_run, tmp_path):
    path = make_run(horizon=12, masked=True) / "test" / "examples.npz"
    written = save_strip(path, tmp_path / "new" / "strip.png", indices=[2, 0], columns=6, dpi=50)
    with Image.open(written) as image:
        assert image.width == 500
        two = image.height
    with Image.open(save_strip(path, tmp_path / "one.png", dpi=50)) as image:
        assert image.height < two


def test_strip_figure_names_rows_columns_and_the_key(make_run):
    examples = read_examples(make_run(horizon=12) / "test" / "examples.npz")
    figure = strip_figure(examples, [1], scale=GREY, columns=5)
    texts = [text.get_text() for text in figure.texts]
    assert texts[:5] == ["t−3", "t−2", "t−1", "t", "Input"]
    assert {"Truth", "Forecast", "Error", "t+1", "t+12", "forecast − truth, grey level"} <= set(texts)
    assert len(figure.axes) == 4 + 3 * 5 + 1
    with pytest.raises(ValueError, match=r"`indices` \(=\[3\]\) must be among the 3 examples"):
        strip_figure(examples, [3])
    with pytest.raises(ValueError, match=r"`columns` \(=1\) must be at least 2"):
        strip_figure(examples, [0], columns=1)
