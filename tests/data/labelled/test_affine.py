import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform

from framecast.data import Affine
from framecast.data.labelled._affine import _PURPOSE
from framecast.data.loading._uniforms import uniforms

rng = np.random.default_rng(0)
NONE = {"rotation": 0.0, "scale": 0.0, "shift": 0.0, "shear": 0.0}


def equation(image, key, rotation, scale, shift, shear, seed=0):
    """Where each point goes, after the docstring, in (row, column) and with SciPy's interpolation."""
    turn, factor, slope, right, down = 2 * uniforms((seed, _PURPOSE), [key], 5)[0] - 1
    angle = np.deg2rad(rotation * turn)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = (1 + scale * factor) * matrix @ np.array([[1, shear * slope], [0, 1]])
    back = np.linalg.inv(matrix)[::-1, ::-1]  # rows before columns
    centre = (np.array(image.shape) - 1) / 2
    offset = centre - back @ (centre + shift * np.array([down, right]))
    return affine_transform(image, back, offset, order=1, mode="grid-constant")


@pytest.mark.parametrize(
    "amounts",
    [
        {"rotation": 80.0},
        {"scale": 0.5},
        {"shift": 3.0},
        {"shear": 0.7},
        {"rotation": 30.0, "scale": 0.3, "shift": 2.5, "shear": 0.4},
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [(9, 9), (8, 13)])
def test_images_move_as_the_equation_says(amounts, size):
    images = rng.random((4, *size))
    affine = Affine(**(NONE | amounts), seed=3)
    changed = affine.batch(torch.from_numpy(images)[:, None], range(10, 14))
    for image, new, key in zip(images, changed, range(10, 14), strict=True):
        np.testing.assert_allclose(new[0].numpy(), equation(image, key, **(NONE | amounts), seed=3), atol=1e-12)
        assert not np.allclose(new[0].numpy(), image, atol=0.01)


@pytest.mark.parametrize(
    ("name", "amount", "low", "high"),
    [("shift", 3.0, -3.0, 3.0), ("scale", 0.3, 0.7 * 10 - 10, 1.3 * 10 - 10)],
)
def test_amounts_are_spread_over_their_range(name, amount, low, high):
    """A dot ten pixels right of the centre: how far it goes to the right."""
    images = torch.zeros(400, 1, 41, 41, dtype=torch.float64)
    images[:, :, 18:23, 28:33] = 1
    changed = Affine(**(NONE | {name: amount})).batch(images, range(400))
    columns = (changed * torch.arange(41.0)).sum((1, 2, 3)) / changed.sum((1, 2, 3)) - 30
    assert low - 0.05 < columns.min() < low + 0.2
    assert high - 0.2 < columns.max() < high + 0.05
    assert abs(columns.mean()) < 0.3


def test_no_amount_changes_nothing():
    images = torch.rand(3, 2, 6, 7)
    assert torch.allclose(Affine(**NONE).batch(images, [0, 1, 2]), images, atol=1e-6)


def test_a_change_follows_from_seed_and_key_whatever_the_batch():
    images = torch.rand(5, 1, 8, 8)
    affine, keys = Affine(), [7, 2**50, 3, 3, 0]
    together = affine.batch(images, keys)
    alone = [affine(image, key) for image, key in zip(images, keys, strict=True)]
    assert torch.allclose(together, torch.stack(alone), atol=1e-6)
    same = affine.batch(images[2:3].expand(5, -1, -1, -1), keys)
    assert torch.equal(same[2], same[3])
    assert not torch.allclose(same[0], same[2])
    assert not torch.allclose(Affine(seed=1).batch(images, keys), together)


def test_frames_of_a_clip_change_alike():
    frame = torch.rand(1, 1, 6, 7)
    clips = frame.expand(2, 4, 3, 6, 7)
    changed = Affine().batch(clips, [1, 2])
    assert changed.shape == clips.shape
    assert torch.allclose(changed, changed[:, :1, :1].expand_as(changed))
    assert not torch.allclose(changed[0], changed[1])
    assert torch.allclose(Affine()(clips[1], 2), changed[1], atol=1e-6)


def test_what_comes_in_from_outside():
    ramp = 1 + torch.arange(36.0).reshape(1, 1, 6, 6).expand(20, 1, 6, 6)
    modes = ("zeros", "border", "reflection")
    zeros, border, reflection = (Affine(shift=4, padding_mode=mode).batch(ramp, range(20)) for mode in modes)
    assert zeros.min() == 0
    assert min(border.min(), reflection.min()) >= 0.999
    assert not torch.allclose(border, reflection)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rotation": -1}, r"`rotation` \(=-1\) must be finite and not negative"),
        ({"shift": float("nan")}, r"`shift` \(=nan\) must be finite and not negative"),
        ({"shear": float("inf")}, r"`shear` \(=inf\) must be finite"),
        ({"scale": 1.0}, r"`scale` \(=1\.0\) must be below 1"),
        ({"padding_mode": "wrap"}, r"`padding_mode` \(='wrap'\) must be zeros, border or reflection"),
        ({"seed": -1}, r"`seed` \(=-1\) must be between"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Affine(**arguments)
