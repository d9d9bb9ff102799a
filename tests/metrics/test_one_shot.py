import pytest
import torch

from framecast.metrics import one_shot_accuracy


@pytest.fixture
def alphabets():
    """Three alphabets of 6, 8 and 10 characters, each drawn by the same 5 writers, in a random order."""
    characters = torch.arange(24).repeat_interleave(5)
    groups = torch.tensor([4] * 6 + [1] * 8 + [9] * 10)[characters]
    writers = torch.arange(5).repeat(24)
    order = torch.randperm(120)
    return (100 + characters)[order], groups[order], writers[order]


@pytest.fixture
def episodes(monkeypatch):
    """The supports and queries of every trial that a test has drawn."""
    named = one_shot_accuracy.__globals__  # the module itself may be there twice, where doctests are collected
    seen, trials = [], named["_trials"]

    def recorded(*arguments):
        for trial in trials(*arguments):
            seen.append(trial)
            yield trial

    monkeypatch.setitem(named, "_trials", recorded)
    return seen


def scattered(labels, noise, size=64):
    centres = torch.randn(int(labels.max()) + 1, size)
    return centres[labels] + noise * torch.randn(len(labels), size)


def test_an_embedding_that_knows_the_classes_is_always_right(alphabets):
    labels, groups, writers = alphabets
    embeddings = scattered(labels, 0.01)
    assert one_shot_accuracy(embeddings, labels, groups, ways=5, seed=0, writers=writers) == (1, 300, 3)
    assert one_shot_accuracy(embeddings, labels, ways=20, trials=7, seed=0) == (1, 140, 1)


def test_an_embedding_that_knows_nothing_is_at_chance(alphabets):
    labels, groups, _ = alphabets
    embeddings = torch.randn(len(labels), 64)
    score = one_shot_accuracy(embeddings, labels, groups, ways=5, trials=400, seed=0)
    assert score.queries == 6000
    assert score.accuracy == pytest.approx(1 / 5, abs=0.03)
    assert one_shot_accuracy(torch.zeros(120, 2), labels, groups, ways=5, seed=0).accuracy == pytest.approx(1 / 5)


def test_a_known_answer_between():
    # Of the classes 0 and 1, either image of class 0 is nearer to either of class 1 than to the other of its own.
    embeddings = torch.tensor([[-3.0], [3.0], [0.0], [0.1]])
    score = one_shot_accuracy(embeddings, torch.tensor([0, 0, 1, 1]), ways=2, trials=50, seed=0)
    assert score == (0.5, 100, 1)


def test_queries_look_for_supports_and_not_the_other_way_round(episodes):
    # The query at 1 is nearer to the support at 0; the query at 10 is nearest to the support at 1, whose nearest query
    # is the one at 0.
    embeddings = torch.tensor([[0.0], [0.0], [1.0], [10.0]])
    score = one_shot_accuracy(embeddings, torch.tensor([0, 0, 1, 1]), ways=2, trials=7, seed=0)
    wrong = sum(2 in query for _, query in episodes)
    assert 0 < wrong < 7
    assert score.accuracy == pytest.approx(1 - wrong / 14)


def test_every_query_has_a_support_of_its_class_by_another_writer(alphabets, episodes):
    labels, groups, writers = alphabets
    embeddings = scattered(labels, 0.01)
    one_shot_accuracy(embeddings, labels, groups, ways=5, trials=20, seed=0, writers=writers)
    assert len(episodes) == 60
    drawn = set()
    for support, query in episodes:
        assert torch.equal(labels[support], labels[query])
        assert len(labels[support].unique()) == 5
        assert len(groups[support].unique()) == 1
        assert (writers[support] != writers[query]).all()
        drawn |= set(zip(support, query, strict=True))
    assert len(drawn) > 200
    assert [int(groups[support[0]]) for support, _ in episodes] == [1] * 20 + [4] * 20 + [9] * 20


def test_without_writers_any_two_images_of_a_class(alphabets, episodes):
    labels, _, _ = alphabets
    by_one = torch.zeros_like(labels)
    one_shot_accuracy(scattered(labels, 0.01), labels, ways=10, trials=20, seed=0)
    assert all(set(support).isdisjoint(query) for support, query in episodes)
    with pytest.raises(ValueError, match=r"by different writers .*: class 100 has 5 images by 1 writers"):
        one_shot_accuracy(scattered(labels, 0.01), labels, ways=10, seed=0, writers=by_one)


def test_groups_with_too_few_classes_are_left_out_and_not_counted(alphabets, episodes):
    labels, groups, _ = alphabets
    score = one_shot_accuracy(scattered(labels, 0.01), labels, groups, ways=8, trials=3, seed=0)
    assert score == (1, 48, 2)
    assert [int(groups[support[0]]) for support, _ in episodes] == [1] * 3 + [9] * 3


def test_without_groups_classes_come_from_all(alphabets, episodes):
    labels, groups, _ = alphabets
    one_shot_accuracy(scattered(labels, 0.01), labels, ways=10, trials=20, seed=0)
    assert len(episodes) == 20
    assert all(len(groups[support].unique()) > 1 for support, _ in episodes)


def test_the_seed_decides_and_the_embedding_does_not(alphabets, episodes):
    labels, groups, writers = alphabets
    for seed, noise in ((0, 0.01), (0, 3.0), (1, 3.0)):
        one_shot_accuracy(scattered(labels, noise), labels, groups, ways=5, trials=4, seed=seed, writers=writers)
    first, second, third = (episodes[k : k + 12] for k in (0, 12, 24))
    assert first == second
    assert second != third


def test_harder_with_more_ways(alphabets):
    labels = alphabets[0]
    embeddings = scattered(labels, 1.5, size=8)
    scores = [one_shot_accuracy(embeddings, labels, ways=ways, trials=200, seed=0).accuracy for ways in (2, 5, 20)]
    assert 1 > scores[0] > scores[1] > scores[2] > 1 / 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ways": 1}, r"`ways` \(=1\) must be at least 2"),
        ({"trials": 0}, r"`trials` \(=0\) must be at least 1"),
        ({"ways": 4}, r"`ways` \(=4\) must be at most the classes of a group, of which none has more than 3"),
        (
            {"groups": torch.tensor([0, 1, 0, 0, 1, 1])},
            r"`groups` must hold each class in one group: class 0 is in \[0, 1",
        ),
        ({"groups": torch.zeros(5)}, r"`groups` must have shape \(6,\), one per image, got \(5,\)"),
        ({"writers": torch.zeros(5)}, r"`writers` must have shape \(6,\), one per image, got \(5,\)"),
        ({"labels": torch.zeros(5)}, r"`labels` must have shape \(6,\), one per embedding, got \(5,\)"),
        (
            {"labels": torch.tensor([0, 0, 1, 1, 1, 2])},
            r"two images of each class, .*: class 2 has 1 images by 1 writers",
        ),
        ({"embeddings": torch.full((6, 2), torch.nan)}, r"`embeddings` must be finite"),
        ({"embeddings": torch.zeros(6)}, r"`embeddings` must have shape \(N, E\) with N at least 1, got \(6,\)"),
    ],
)
def test_wrong_calls(options, message):
    arguments = {"embeddings": torch.zeros(6, 2), "labels": torch.tensor([0, 0, 1, 1, 2, 2]), "ways": 2, "seed": 0}
    with pytest.raises(ValueError, match=message):
        one_shot_accuracy(**{**arguments, **options})
