from itertools import combinations

import pytest
import torch
from pytorch_metric_learning import distances, losses, miners, reducers

from framecast.losses import (
    FORMS,
    BatchContrastiveLoss,
    all_pairs,
    contrastive_loss,
    contrastive_loss_of_batch,
    pairs_from_labels,
)

REDUCTIONS = ("none", "mean", "sum", "mean_nonzero")


@pytest.fixture
def batch():
    """Embeddings of three classes, one of which has a single image; two embeddings are the same."""
    torch.manual_seed(0)
    labels = torch.tensor([7, 2, 7, 2, 2, 7, 9, 2, 7, 7, 2])
    embeddings = torch.randn(11, 3, dtype=torch.float64) * 0.4 + labels[:, None] % torch.tensor([2, 3, 4]) * 0.4
    embeddings[4] = embeddings[0]
    return embeddings.requires_grad_(), labels


def one_by_one(embeddings, labels, **options):
    """The loss of every pair of a batch, computed alone."""
    return torch.stack(
        [
            contrastive_loss(embeddings[i : i + 1], embeddings[j : j + 1], labels[i : i + 1] == labels[j], **options)
            for i, j in combinations(range(len(labels)), 2)
        ]
    )


def test_labels_of_both_sides():
    first, second = torch.tensor([3, 7, 7, 0]), torch.tensor([3, 3, 7, 7])
    assert pairs_from_labels(first, second).tolist() == [True, False, True, False]


def test_every_pair_is_there_once(batch):
    labels = batch[1]
    i, j, similar = all_pairs(labels)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == list(combinations(range(11), 2))
    assert similar.tolist() == [bool(labels[a] == labels[b]) for a, b in combinations(range(11), 2)]


@pytest.mark.parametrize("form", FORMS)
def test_all_pairs_of_a_batch_one_by_one(batch, form):
    embeddings, labels = batch
    expected = one_by_one(embeddings, labels, form=form, margin=0.9)
    values = contrastive_loss_of_batch(embeddings, labels, form=form, margin=0.9, reduction="none")
    torch.testing.assert_close(values, expected)
    gradients = [torch.autograd.grad(x.sum(), embeddings)[0] for x in (values, expected)]
    torch.testing.assert_close(*gradients)
    assert torch.autograd.gradcheck(
        lambda x: contrastive_loss_of_batch(x, labels, form=form), torch.randn_like(embeddings).requires_grad_()
    )


def test_reductions(batch):
    values = one_by_one(*batch)
    assert (values == 0).any()
    expected = {"mean": values.mean(), "sum": values.sum(), "mean_nonzero": values[values != 0].mean()}
    for reduction, value in expected.items():
        torch.testing.assert_close(contrastive_loss_of_batch(*batch, reduction=reduction), value)
    assert torch.equal(contrastive_loss_of_batch(*batch), contrastive_loss_of_batch(*batch, reduction="mean_nonzero"))


def test_all_pairs_against_pytorch_metric_learning(batch):
    distance = distances.LpDistance(normalize_embeddings=False, p=2, power=2)
    other = losses.ContrastiveLoss(pos_margin=0, neg_margin=0.9, distance=distance, reducer=reducers.SumReducer())
    embeddings, labels = batch
    theirs = other(embeddings, labels) / 4  # half of d squared, and every pair from both sides
    ours = contrastive_loss_of_batch(embeddings, labels, margin=0.9, form="caffe_legacy", reduction="sum")
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)
    torch.testing.assert_close(
        *(torch.autograd.grad(value, embeddings)[0] for value in (ours, theirs)), rtol=1e-6, atol=1e-6
    )


def chosen_by(miner, embeddings, labels):
    """Unordered pairs that a miner names, pairs or triplets."""
    found = [x.tolist() for x in miner(embeddings.detach(), labels)]
    sides = [found[:2], found[2:]] if len(found) == 4 else [found[:2], [found[0], found[2]]]
    return {tuple(sorted(pair)) for side in sides for pair in zip(*side, strict=True)}


@pytest.mark.parametrize("name", ["BatchHardMiner", "MultiSimilarityMiner", "PairMarginMiner", "TripletMarginMiner"])
def test_a_miner_chooses_and_every_chosen_pair_counts_once(batch, name):
    embeddings, labels = batch
    chosen = chosen_by(getattr(miners, name)(), embeddings, labels)
    assert 0 < len(chosen) < 55
    kept = [pair in chosen for pair in combinations(range(11), 2)]
    expected = one_by_one(embeddings, labels)[kept]
    for miner in (name, getattr(miners, name)()):
        values = contrastive_loss_of_batch(embeddings, labels, miner=miner, reduction="none")
        torch.testing.assert_close(values, expected)
        assert torch.equal(BatchContrastiveLoss(miner=miner)(embeddings, labels), values.sum() / (values != 0).sum())


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_a_miner_that_chooses_nothing(batch, reduction):
    embeddings, labels = batch
    nothing = torch.empty(0, dtype=torch.long)
    value = contrastive_loss_of_batch(embeddings, labels, miner=lambda x, y: (nothing,) * 4, reduction=reduction).sum()
    value.backward()
    assert value == 0
    assert not embeddings.grad.any()


@pytest.mark.parametrize("labels", [torch.zeros(5), torch.arange(5)])
def test_a_batch_with_pairs_of_one_kind(labels):
    embeddings = torch.randn(5, 2)
    torch.testing.assert_close(
        contrastive_loss_of_batch(embeddings, labels, reduction="none"), one_by_one(embeddings, labels)
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(batch, dtype):
    embeddings, labels = batch[0].detach().to(dtype).requires_grad_(), batch[1]
    value = contrastive_loss_of_batch(embeddings, labels, miner="MultiSimilarityMiner")
    assert torch.equal(value, contrastive_loss_of_batch(embeddings.float(), labels, miner="MultiSimilarityMiner"))
    value.backward()
    assert embeddings.grad.dtype == dtype
    assert embeddings.grad.isfinite().all()


def test_compiled_without_a_graph_break(batch):
    module = BatchContrastiveLoss(0.9, "hadsell2006")
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    gradients = [torch.autograd.grad(loss(*batch), batch[0])[0] for loss in (module, compiled)]
    torch.testing.assert_close(*gradients)


def test_mapped_over_batches(batch):
    embeddings, labels = torch.stack([batch[0], batch[0] * 0.7]), torch.stack([batch[1], batch[1].roll(1)])
    mapped = torch.func.vmap(contrastive_loss_of_batch)(embeddings, labels)
    one = torch.stack([contrastive_loss_of_batch(*x) for x in zip(embeddings, labels, strict=True)])
    torch.testing.assert_close(mapped, one)


def test_the_module_is_the_function(batch):
    module = BatchContrastiveLoss(0.9, "squared_distance", "sum")
    expected = contrastive_loss_of_batch(*batch, margin=0.9, form="squared_distance", reduction="sum")
    assert torch.equal(module(*batch), expected)
    assert repr(module) == "BatchContrastiveLoss(margin=0.9, form='squared_distance', reduction='sum')"
    assert repr(BatchContrastiveLoss(miner="BatchHardMiner")).startswith(
        "BatchContrastiveLoss(\n  margin=1.0, form='hadsell2006', reduction='mean_nonzero'\n  (miner): BatchHardMiner("
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: pairs_from_labels(torch.zeros(3), torch.zeros(2)),
            r"must both have shape \(N,\), got \(3,\) and \(2,",
        ),
        (lambda: pairs_from_labels(torch.zeros(3, 1), torch.zeros(3, 1)), r"must both have shape \(N,\), got \(3, 1\)"),
        (lambda: pairs_from_labels([3], torch.zeros(1)), r"`first_label` must be a tensor, got list"),
        (lambda: all_pairs([5, 5, 8]), r"`labels` must be a tensor, got list"),
        (lambda: contrastive_loss_of_batch([[0.0]], torch.zeros(1)), r"`embeddings` must be a tensor, got list"),
        (lambda: contrastive_loss_of_batch(torch.zeros(2, 1), [0, 1]), r"`labels` must be a tensor, got list"),
        (lambda: all_pairs(torch.zeros(1)), r"`labels` must have shape \(B,\) with B at least 2, got \(1,\)"),
        (lambda: all_pairs(torch.zeros(3, 2)), r"`labels` must have shape \(B,\) with B at least 2, got \(3, 2\)"),
        (
            lambda: contrastive_loss_of_batch(torch.zeros(0, 2), torch.zeros(0)),
            r"`labels` must have shape \(B,\) with B at least 2, got \(0,\)",
        ),
        (
            lambda: contrastive_loss_of_batch(torch.zeros(3, 2), torch.zeros(2)),
            r"`labels` must have shape \(3,\), one per embedding, got \(2,\)",
        ),
        (
            lambda: contrastive_loss_of_batch(torch.zeros(3), torch.zeros(3)),
            r"`embeddings` must have shape \(N, E\) with E at least 1, got \(3,\)",
        ),
        (
            lambda: contrastive_loss_of_batch(torch.zeros(3, 2).long(), torch.zeros(3)),
            r"`embeddings` must be of a floating-point type, got torch.int64",
        ),
        (lambda: BatchContrastiveLoss(margin=-1.0), r"`margin` \(=-1.0\) must be positive and finite"),
        (lambda: BatchContrastiveLoss(form="caffe"), r"`form` \(='caffe'\) must be one of hadsell2006, caffe_legacy"),
        (lambda: BatchContrastiveLoss(reduction="avg"), r"`reduction` \(='avg'\) must be one of none, mean, sum"),
        (lambda: BatchContrastiveLoss(miner="HardMiner"), r"`miner` \(='HardMiner'\) must be one of AngularMiner, Bat"),
    ],
)
def test_wrong_calls(call, message):
    with pytest.raises(ValueError, match=message):
        call()
