import numpy as np
import pytest

from framecast.data.labelled._classes import Classes, ClassSampler

LABELS = np.array([7, 3, 3, 9, 7, 7, 9, 3, 7, 9, 9, 3])


def sampler(batches=6, **options):
    options = {"batch_size": 6, "classes_per_batch": 2} | options
    return ClassSampler(LABELS, batches * 6, **options)


def test_classes_index_their_samples():
    classes = Classes(LABELS)
    for sample, label in enumerate(LABELS):
        number = classes.number[sample]
        assert classes.labels[number] == label
        members = classes.order[classes.starts[number] :][: classes.counts[number]]
        assert members.tolist() == np.flatnonzero(label == LABELS).tolist()
        assert members[classes.rank[sample]] == sample


def test_batches_hold_equally_many_of_each_class():
    positions = np.array(list(sampler(200))).reshape(200, 6)
    samples = positions % 12
    pairs = set()
    for batch in samples:
        assert len(set(batch)) == 6
        names, counts = np.unique(LABELS[batch], return_counts=True)
        assert counts.tolist() == [3, 3]
        pairs.add(tuple(names))
    assert pairs == {(3, 7), (3, 9), (7, 9)}
    assert len(np.unique(positions)) == 1200
    assert np.bincount(samples.ravel()).min() > 70  # all come, about a hundred times each


def test_reading_goes_on_where_it_stopped():
    whole = [*sampler(), *sampler(start=lambda: 36)]
    assert len(set(whole)) == 72
    for batches in range(12):
        after = list(sampler(start=lambda batches=batches: batches * 6))
        assert after == whole[batches * 6 : (batches // 6 + 1) * 36]
    assert list(sampler(seed=1)) != whole[:36]


def test_processes_share_the_batches():
    batches = np.array(list(sampler())).reshape(6, 6)
    for rank in (0, 1):
        mine = sampler(rank=rank, world_size=2)
        assert len(mine) == 18
        assert list(mine) == batches[rank::2].ravel().tolist()
    after = list(sampler(rank=1, world_size=2, start=lambda: 24))
    assert after == batches[5].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes_per_batch": 0}, r"`classes_per_batch` \(=0\) must be positive"),
        ({"batch_size": 7}, r"`batch_size` \(=7\) must be a multiple of `classes_per_batch` \(=2\)"),
        (
            {"batch_size": 4, "classes_per_batch": 4},
            "of 4 x 1 images need at least 4 classes, but the data have 3",
        ),
        ({"batch_size": 10}, "class 3 has 4 images, but batches of 2 x 5 images need at least 5 of each"),
        ({"batch_size": 10, "names": tuple("abcdefghij")}, "class d has 4 images, but batches"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        sampler(**options)
