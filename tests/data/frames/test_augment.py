import pytest
import torch

from framecast.data import Augment


def sample(height=6, width=6):
    """Frames whose values are their own coordinates, so that a change can be read off."""
    frames = torch.arange(float(height * width)).reshape(1, 1, height, width)
    return {"input": frames.repeat(2, 1, 1, 1), "target": frames.repeat(3, 2, 1, 1), "mask": frames > 7}


def dihedral(square, flips, turns):
    return {
        tuple(torch.rot90(square.flip(-1) if flip else square, turn, (-2, -1)).flatten().tolist())
        for flip in flips
        for turn in turns
    }


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotate90", [False, True])
def test_each_change_comes_and_no_other(flip, rotate90):
    augment = Augment(flip=flip, rotate90=rotate90)
    seen = {tuple(augment(sample(), key)["input"][0].flatten().tolist()) for key in range(80)}
    assert seen == dihedral(sample()["input"][0, 0], {False, flip}, range(4) if rotate90 else [0])


def test_input_target_and_mask_change_alike():
    augment = Augment(rotate90=True, crop=3)
    for key in range(20):
        changed = augment(sample(7, 9), key)
        frames = changed["input"][0, 0]
        assert frames.shape == (3, 3)
        for name in ("input", "target"):
            assert torch.equal(changed[name], frames.expand_as(changed[name]))
        assert torch.equal(changed["mask"][0, 0], frames > 7)
        assert changed["mask"].dtype == torch.bool


def test_crops_reach_everywhere_and_are_not_square_only():
    augment = Augment(flip=False, crop=(2, 5))
    corners = {augment(sample(4, 7), key)["input"][0, 0, 0, 0].item() for key in range(150)}
    assert corners == {7.0 * row + column for row in range(3) for column in range(3)}


def test_changes_follow_from_seed_and_key():
    def corners(seed, first_key):
        augment = Augment(seed=seed, crop=3)
        return [augment(sample(), key)["input"][0, 0, 0, 0].item() for key in range(first_key, first_key + 20)]

    assert corners(0, 2**33) == corners(0, 2**33)
    assert corners(0, 2**33) != corners(1, 2**33)
    assert corners(0, 2**33) != corners(0, 0)


def test_errors():
    with pytest.raises(ValueError, match=r"`crop` \(=\(7, 7\)\) must not exceed the frame size \(6, 8\)"):
        Augment(crop=7)(sample(6, 8), 0)
    with pytest.raises(ValueError, match=r"`rotate90` needs square frames, got \(6, 8\): set `crop`"):
        Augment(rotate90=True)(sample(6, 8), 0)
    with pytest.raises(ValueError, match=r"`crop` \(=0\) must be positive"):
        Augment(crop=0)
    with pytest.raises(ValueError, match=r"`seed` \(=-1\) must be between"):
        Augment(seed=-1)
