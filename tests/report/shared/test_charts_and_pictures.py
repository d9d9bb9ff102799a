import base64
import io

import numpy as np
import pytest
from PIL import Image

from framecast.report.shared._axes import label_ticks, plain_axes, spread, svg_uri
from framecast.report.shared._learning_curve import _envelope, learning_curve, smoothed
from framecast.report.shared._pictures import even_indices, picture_uri


def decoded(uri):
    return base64.b64decode(uri.partition(",")[2])


def labels(figure):
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def test_even_indices_are_even_and_hold_both_ends():
    assert even_indices(60, 10) == [0, 7, 13, 20, 26, 33, 39, 46, 52, 59]


def test_picture_uri_keeps_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    for picture in (pixels, pixels // 128 * 128):
        with Image.open(io.BytesIO(decoded(picture_uri(Image.fromarray(picture))))) as image:
            assert (np.asarray(image.convert("RGB")) == picture).all()


def test_learning_curve_is_logarithmic_beyond_a_decade():
    steps = list(range(300))
    figure = learning_curve({"train_loss": (steps, [1 / (step + 1) for step in steps]), "val_loss": ([150], [0.01])})
    assert figure.axes[0].get_yscale() == "log"
    assert "validation\n0.0100" in labels(figure)
    assert learning_curve({"train_loss": ([0, 1], [1.0, 0.5])}).axes[0].get_yscale() == "linear"
    assert learning_curve({"train_loss": ([0, 1], [1.0, -0.01])}).axes[0].get_yscale() == "linear"
    assert learning_curve({"learning_rate": ([0], [1.0])}) is None


def test_smoothing_keeps_a_line_and_narrows_at_the_ends():
    line = np.arange(200.0)
    assert smoothed(line) == pytest.approx(line)
    noisy = line + np.tile([1.0, -1.0], 100)
    assert np.abs(smoothed(noisy) - line)[10:-10].max() < 0.3


def test_a_long_curve_is_thinned_without_losing_its_spikes():
    values = np.zeros(100_000)
    values[[777, 50_001]] = 9, -9
    steps, kept = _envelope(np.arange(100_000), values)
    assert len(kept) < 2000
    assert (kept.max(), kept.min()) == (9, -9)
    assert steps[kept.argmax()] == 777
    assert (np.diff(steps) > 0).all()


def test_ticks_are_short_numbers_in_their_unit():
    axes = plain_axes(2, 2)[1]
    label_ticks(axes.yaxis, 100, " %")
    assert [axes.yaxis.get_major_formatter()(value) for value in (0.07, 1e-17)] == ["7 %", "0 %"]
    label_ticks(axes.yaxis)
    assert [axes.yaxis.get_major_formatter()(value) for value in (1e-7, 20_000)] == ["1e−07", "20,000"]


def test_spread_labels_do_not_touch():
    placed = spread([0.1, 0.11, 0.12, 0.3, 0.9], 0.15)
    assert (np.diff(placed) >= 0.15 - 1e-9).all()
    assert placed[-1] == 0.9


def test_svg_uses_the_reader_s_fonts_and_leaves_matplotlib_as_it_was():
    import matplotlib

    before = matplotlib.rcParams["svg.fonttype"]
    text = decoded(svg_uri(learning_curve({"val_loss": ([1, 2], [2.0, 1.0])}))).decode()
    assert "system-ui" in text
    assert "DejaVu" not in text
    assert matplotlib.rcParams["svg.fonttype"] == before
