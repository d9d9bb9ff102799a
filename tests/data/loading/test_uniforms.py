import numpy as np

from framecast.data.loading._uniforms import splitmix, uniforms


def plain(state, count):
    """SplitMix64 in Python's whole numbers."""
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        mixed = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) % 2**64
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) % 2**64
        yield mixed ^ mixed >> 31


def test_generator_is_splitmix64():
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert splitmix(np.array([1234567], np.uint64), 5)[0].tolist() == published
    states = [0, 2**64 - 1, 2**63]
    expected = [list(plain(state, 4)) for state in states]
    assert splitmix(np.array(states, np.uint64), 4).tolist() == expected


def test_numbers_follow_from_entropy_and_key_alone():
    keys = np.array([3, 2**45, 0, 9])
    together = uniforms((5, 1), keys, 3)
    for key, row in zip(keys, together, strict=True):
        assert np.array_equal(uniforms((5, 1), [key], 3)[0], row)
    assert np.array_equal(uniforms((5, 1), keys, 2), together[:, :2])
    for other in ((5, 2), (6, 1), (1, 5), (5,)):
        assert not np.any(uniforms(other, keys, 3) == together)


def test_numbers_are_evenly_spread_and_not_correlated():
    numbers = uniforms((0, 0), np.arange(50_000), 3)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    for column in numbers.T:
        counts = np.histogram(column, 20, (0, 1))[0]
        assert ((counts - 2500) ** 2 / 2500).sum() < 45  # chi-squared of 19 degrees, 1 in 1000
    following = np.concatenate([numbers[:-1], numbers[1:], uniforms((1, 0), np.arange(49_999), 3)], axis=1)
    correlations = np.corrcoef(following.T) - np.eye(9)
    assert np.abs(correlations).max() < 0.02
