import pytest
import torch

from framecast.metrics import neighbour_accuracy


@pytest.mark.parametrize("size", [2, 20])
@pytest.mark.parametrize("k", [1, 5])
def test_neighbours_counted_one_by_one(k, size):
    labels, gallery_labels = (torch.randint(4, (n,)) for n in (60, 90))
    centres = torch.randn(4, size) * 2 / size**0.5
    embeddings, gallery = (centres[y] + torch.randn(len(y), size) * 0.6 for y in (labels, gallery_labels))
    right = 0
    for x, label in zip(embeddings, labels, strict=True):
        nearest = gallery_labels[(gallery - x).square().sum(1).argsort()[:k]]
        right += int(nearest.bincount(minlength=4).argmax() == label)
    assert 20 < right < 58
    assert neighbour_accuracy(embeddings, labels, gallery, gallery_labels, k) == pytest.approx(right / 60)


def test_five_neighbours_are_the_default():
    gallery, gallery_labels = torch.tensor([[0.0], [0.1], [0.2], [0.3], [0.4], [5.0]]), torch.tensor([1, 1, 2, 2, 2, 1])
    query, label = torch.tensor([[0.0]]), torch.tensor([2])
    assert neighbour_accuracy(query, label, gallery, gallery_labels) == 1
    assert neighbour_accuracy(query, label, gallery, gallery_labels, k=2) == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_any_type_and_no_gradient(dtype):
    gallery = torch.tensor([[0.0], [1.0]], dtype=dtype, requires_grad=True)
    assert neighbour_accuracy(gallery, torch.tensor([3, 4]), gallery, torch.tensor([3, 4]), k=1) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 2), 0, (5, 2), 5, 1), r"`embeddings` must have shape \(N, E\) with N at least 1, got \(0, 2\)"),
        (((3,), 3, (5, 2), 5, 1), r"`embeddings` must have shape \(N, E\) with N at least 1, got \(3,\)"),
        (((3, 2), 4, (5, 2), 5, 1), r"`labels` must have shape \(3,\), one per embedding, got \(4,\)"),
        (((3, 2), 3, (5, 2), 4, 1), r"`gallery_labels` must have shape \(5,\), one per embedding, got \(4,\)"),
        (((3, 2), 3, (5, 3), 5, 1), r"`embeddings` and `gallery` must be of one embedding size, got 2 and 3"),
        (((3, 2), 3, (5, 2), 5, 6), r"`k` \(=6\) must be from 1 to 5, the images of the gallery"),
        (((3, 2), 3, (5, 2), 5, 0), r"`k` \(=0\) must be from 1 to 5, the images of the gallery"),
    ],
)
def test_wrong_calls(arguments, message):
    shape, labels, gallery, gallery_labels, k = arguments
    with pytest.raises(ValueError, match=message):
        neighbour_accuracy(
            torch.zeros(shape), torch.zeros(labels), torch.zeros(gallery), torch.zeros(gallery_labels), k
        )
