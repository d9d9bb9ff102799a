import base64
import io
import itertools

import numpy as np
import pytest
from PIL import Image, ImageSequence
from sklearn.decomposition import PCA

from framecast.report.match import _movement
from framecast.report.match._charts import distance_chart, roc_chart, validation_chart
from framecast.report.match._class_colours import COLOURS, OTHERS, class_colours
from framecast.report.match._embedding import apart, embedding_figure, embedding_picture
from framecast.report.match._mistakes import hardest_pairs
from framecast.report.match._movement import animate_movement
from framecast.report.match._plane import fit_plane, window
from framecast.report.match._run import Embedding, MatchPairs, Movement

# What a reader of each kind of colour vision sees, in linear light (Machado, Oliveira and Fernandes 2009, severity 1).
SIGHT = {
    "usual": np.eye(3),
    "deuteranope": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "protanope": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "tritanope": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


def lightness_and_hue(colour, sight):
    """CIELAB of `#rrggbb` as seen."""
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    tristimulus = matrix @ np.clip(sight @ linear, 0, 1) / (0.9505, 1, 1.089)
    x, y, z = np.where(tristimulus > 0.008856, np.cbrt(tristimulus), 7.787 * tristimulus + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def decoded(uri):
    return base64.b64decode(uri.partition(",")[2])


def texts(figure):
    axes = figure.axes[0]
    return [text.get_text() for text in (*axes.texts, *(axes.get_legend().texts if axes.get_legend() else ()))]


def pairs_of(distances, similar, threshold=0.5, images=None):
    images = np.arange(2 * len(distances)).reshape(-1, 2) if images is None else np.array(images)
    return MatchPairs(np.array(distances, float), np.array(similar, bool), images, threshold)


@pytest.mark.parametrize("sight", SIGHT)
def test_class_colours_are_told_apart_by_all_readers(sight):
    seen = [lightness_and_hue(colour, SIGHT[sight]) for colour in (*COLOURS, OTHERS, "#ffffff")]
    apart_by = [np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)]
    assert min(apart_by[:-1]) > 13  # the last is grey on white, which may be faint


def test_ten_classes_have_a_colour_each_in_the_order_of_their_labels():
    palette = class_colours(np.array([9, 9, 3, 0, 1, 2, 4, 5, 6, 7, 8]), [f"class {label}" for label in range(12)])
    assert palette.names == [f"class {label}" for label in range(10)]
    assert palette.colours == list(COLOURS)
    assert palette.groups(np.array([3, 9])).tolist() == [3, 9]
    assert palette.others is None
    assert palette.covers(np.array([0, 9]))
    assert not palette.covers(np.array([10]))


def test_of_many_classes_the_most_frequent_have_colours_and_the_rest_is_grey():
    labels = np.repeat(np.arange(12), [1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 1])
    palette = class_colours(labels, [f"class {label}" for label in range(12)])
    assert palette.names == [*(f"class {label}" for label in range(1, 11)), "2 others"]
    assert palette.colours == [*COLOURS, OTHERS]
    assert palette.others == 10
    assert palette.groups(np.array([0, 1, 11])).tolist() == [10, 0, 10]


def test_many_classes_with_a_slash_in_their_names_are_grouped_by_what_is_before_it():
    classes = [f"{alphabet}/character{number}" for alphabet in ("Greek", "Latin") for number in range(8)]
    palette = class_colours(np.arange(16), classes)
    assert palette.names == ["Greek", "Latin"]
    assert palette.groups(np.array([0, 7, 8])).tolist() == [0, 0, 1]
    assert palette.grouped
    assert not class_colours(np.arange(9), classes).grouped  # nine classes need no groups


def test_principal_components_are_those_of_scikit_learn():
    vectors = np.random.default_rng(0).normal(size=(50, 6)) * [1, 5, 2, 0.1, 3, 1]
    plane = fit_plane(vectors)
    reference = PCA(2).fit(vectors)
    assert plane.shares == pytest.approx(reference.explained_variance_ratio_)
    assert np.abs(plane(vectors)) == pytest.approx(np.abs(reference.transform(vectors)))
    assert (plane.directions.max(axis=1) > 0.5).all()
    first, second = (round(100 * share) for share in reference.explained_variance_ratio_)
    assert plane.axis_names == (f"first principal component, {first} % of the variance",
                                     f"second, {second} % of the variance")  # fmt: skip


def test_two_numbers_stay_as_they_are_and_one_is_drawn_on_a_line():
    vectors = np.random.default_rng(0).normal(size=(5, 2))
    assert (fit_plane(vectors)(vectors) == vectors).all()
    assert fit_plane(vectors).shares is None
    assert (fit_plane(vectors[:, :1])(vectors[:, :1]) == vectors * [1, 0]).all()


def test_the_window_holds_all_points_at_equal_scales():
    points = np.array([[[-1.0, 0.0], [3.0, 1.0]], [[0.0, 0.5], [0.0, 0.2]]])
    left, bottom, width = window(points, 0.5)
    assert left < -1 < 3 < left + width
    assert bottom < 0 < 1 < bottom + 0.5 * width
    assert (left + width / 2, bottom + width / 4) == pytest.approx((1.0, 0.5))
    assert window(np.ones((4, 2)), 1.0) == (0.5, 0.5, 1.0)


def test_thumbnails_keep_clear_of_each_other_and_fill_what_is_free():
    points = np.random.default_rng(0).random((300, 2))
    chosen = points[apart(points, 0.12, 999)]
    between = np.abs(chosen[:, None] - chosen).max(axis=-1)[~np.eye(len(chosen), dtype=bool)]
    assert between.min() >= 0.14 - 1e-9
    assert np.abs(points[:, None] - chosen).max(axis=-1).min(axis=1).max() < 0.14
    assert len(apart(points, 0.12, 5)) == 5


@pytest.mark.parametrize(("shape", "size"), [((8, 8), 2), ((10, 24), 7), ((8, 12, 3), 1)])
def test_the_picture_has_a_point_for_each_image_and_frames_in_its_colours(shape, size):
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(60, size)).astype(np.float32)
    labels = generator.integers(0, 3, 60)
    embedding = Embedding(vectors, labels, generator.integers(0, 256, (60, *shape), np.uint8), ["ant", "bee", "cow"])
    plane, palette = fit_plane(vectors), class_colours(labels, embedding.classes)
    figure = embedding_figure(embedding, plane, palette)
    axes = figure.axes[0]
    assert len(axes.collections[0].get_offsets()) == 60
    assert 2 * len(axes.images) == len(axes.patches) > 6
    assert [text.get_text() for text in figure.legends[0].texts] == ["ant", "bee", "cow"]
    centres = np.array([np.reshape(image.get_extent(), (2, 2)).mean(axis=1) for image in axes.images])
    extents = np.array([image.get_extent() for image in axes.images])
    side = (extents[:, [1, 3]] - extents[:, [0, 2]]).max()
    between = np.abs(centres[:, None] - centres).max(axis=-1)
    assert between[~np.eye(len(centres), dtype=bool)].min() > side
    points = plane(vectors)
    # The window was not fitted to the last thumbnail, and each lies where its point is.
    low, high = np.transpose([axes.get_xlim(), axes.get_ylim()])
    assert ((points > low) & (points < high)).all()
    for centre, image in zip(centres, axes.images, strict=True):
        index = int(np.linalg.norm(points - centre, axis=1).argmin())
        assert points[index] == pytest.approx(centre)
        assert (image.get_array() == embedding.images[index]).all()
    picture = embedding_picture(figure)
    assert picture.width > 1500
    drawn = {color for _, color in picture.getcolors(1 << 24)}
    assert {tuple(bytes.fromhex(colour[1:])) for colour in palette.colours} <= drawn


def test_an_embedding_that_fell_into_one_point_is_drawn():
    vectors = np.ones((4, 3), np.float32)
    embedding = Embedding(vectors, np.zeros(4, int), np.zeros((4, 5, 5), np.uint8), ["only"])
    plane = fit_plane(vectors)
    figure = embedding_figure(embedding, plane, class_colours(embedding.labels, ["only"]))
    assert len(figure.axes[0].images) == 1
    assert plane.shares == (0, 0)


def movement_of(epochs, count, size=2, seed=0):
    generator = np.random.default_rng(seed)
    positions = generator.normal(size=(epochs, count, size)).astype(np.float32)
    return Movement(positions, generator.integers(0, 3, count), np.arange(epochs) + 1)


def test_the_animation_ends_at_the_last_epoch_and_keeps_its_axes_and_colours():
    movement = movement_of(3, 40)
    palette = class_colours(movement.labels, ["ant", "bee", "cow"])
    moving, still, stops = animate_movement(movement, fit_plane(movement.positions[-1]), palette)
    assert stops == 3
    with Image.open(io.BytesIO(decoded(moving))) as image:
        assert (image.format, image.n_frames) == ("GIF", 3 + 2 * 3)  # three pictures between two epochs
        frames = [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(image)]
    with Image.open(io.BytesIO(decoded(still))) as image:
        last = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(frames[-1] - last).mean() < 2
    assert all(np.abs(one - after).max() > 50 for one, after in itertools.pairwise(frames))
    left, bottom, span = window(movement.positions, (560 - 54) / (840 - 180))
    pixels = np.array([0, 560]) + (movement.positions - [left, bottom]) * [1, -1] * 660 / span
    for places, frame in zip(pixels, (frames[0], frames[4], frames[-1]), strict=True):
        clear = [i for i in range(40) if (np.abs(places[i + 1 :] - places[i]).max(axis=1) > 9).all()]  # on top
        assert len(clear) > 30
        for index in clear:
            column, row = places[index].round().astype(int)
            colour = [*bytes.fromhex(palette.colours[movement.labels[index]][1:])]
            assert np.abs(frame[row, column] - colour).max() < 12


def test_a_long_animation_of_many_points_stays_small(monkeypatch):
    monkeypatch.setattr(_movement, "MOST_BYTES", 200_000)
    movement = movement_of(30, 500)
    palette = class_colours(movement.labels, ["ant", "bee", "cow"])
    moving, _, stops = animate_movement(movement, fit_plane(movement.positions[-1]), palette)
    assert len(decoded(moving)) < 200_000
    assert stops < 30
    with Image.open(io.BytesIO(decoded(moving))) as image:
        assert image.n_frames == stops


def test_one_epoch_is_a_still():
    movement = movement_of(1, 5, size=4)
    palette = class_colours(movement.labels, ["ant", "bee", "cow"])
    moving, _, stops = animate_movement(movement, fit_plane(movement.positions[-1]), palette)
    assert stops == 1
    with Image.open(io.BytesIO(decoded(moving))) as image:
        assert image.n_frames == 1


def test_histograms_are_shares_of_the_pairs_of_each_kind():
    pairs = pairs_of([0.12, 0.2, 0.12, 0.9, 0.7, 0.8, 0.6, 1.0], [1, 1, 1, 0, 0, 0, 0, 0])
    figure = distance_chart(pairs)
    assert texts(figure) == ["two classes", "same class", "threshold 0.5000"]
    filled = figure.axes[0].patches[::2]
    assert [patch.get_data().values.sum() for patch in filled] == pytest.approx([1, 1])
    values, edges, _ = filled[1].get_data()
    assert values[np.searchsorted(edges, 0.12) - 1] == pytest.approx(2 / 3)
    assert figure.axes[0].lines[0].get_xdata() == [0.5, 0.5]


def test_without_a_threshold_none_is_drawn():
    pairs = pairs_of([0.1, 0.2, 0.9, 0.7], [1, 1, 0, 0], threshold=None)
    assert texts(distance_chart(pairs)) == ["two classes", "same class"]
    assert texts(roc_chart(pairs)) == ["equal error rate 0 %"]


def test_the_roc_and_its_marks_are_those_of_the_definition():
    generator = np.random.default_rng(0)
    similar = np.repeat([True, False], 2000)
    pairs = pairs_of(generator.gamma(2, np.where(similar, 0.1, 0.5)), similar, threshold=0.3)
    axes = roc_chart(pairs).axes[0]
    same, other = pairs.distances[:2000], pairs.distances[2000:]
    false_accepts, true_accepts = axes.lines[0].get_data()
    for false, true in list(zip(false_accepts, true_accepts, strict=True))[::37]:
        thresholds = np.sort(other)
        allowed = round(false * 2000 + 1e-6 - 0.5)  # so many of the other pairs may be accepted
        limit = thresholds[allowed] if allowed < 2000 else np.inf
        assert true == pytest.approx((same < limit).mean(), abs=1e-9)
    assert axes.get_xscale() == "log"
    equal, at_threshold = (line.get_data() for line in axes.lines[1:])
    assert np.ravel(at_threshold) == pytest.approx([(other <= 0.3).mean(), (same <= 0.3).mean()])
    assert equal[0][0] + equal[1][0] == pytest.approx(1)
    assert f"{100 * (other <= 0.3).mean():.2f} % false" in "".join(texts(axes.figure))


def test_a_validation_chart_rings_its_best_value():
    steps = [10, 20, 30]
    figure = validation_chart((steps, [0.3, 0.1, 0.2]), "EER", "lowest")
    assert figure.axes[0].lines[1].get_data() == (20, pytest.approx(10))
    assert validation_chart((steps, [0.3, 0.1, 0.2]), "AUC", "highest").axes[0].lines[1].get_data()[0] == 10
    assert validation_chart(([], []), "EER", "lowest") is None


def test_hard_pairs_are_the_farthest_of_one_class_and_the_nearest_of_two():
    images = [[0, 1], [1, 2], [3, 4], [-1, 5], [0, 3], [2, 4], [1, 5], [6, -1]]
    pairs = pairs_of([0.1, 0.9, 0.6, 2.0, 0.4, 0.3, 0.8, 0.0], [1, 1, 1, 1, 0, 0, 0, 0], images=images)
    far, near = (hardest_pairs(pairs, similar, 9) for similar in (True, False))
    assert [(pair.first, pair.second, pair.distance, pair.wrong) for pair in far] == [
        (1, 2, 0.9, True), (3, 4, 0.6, True),
    ]  # fmt: skip
    assert [(pair.first, pair.distance, pair.wrong) for pair in near] == [
        (2, 0.3, True), (0, 0.4, True), (1, 0.8, False),
    ]  # fmt: skip
    assert len(hardest_pairs(pairs, True, 1)) == 1
