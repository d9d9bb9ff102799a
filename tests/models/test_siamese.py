import json

import pytest
import torch

from framecast.models import ENCODERS, ClipEncoder, ConvEncoder, LeNet, Siamese


@pytest.fixture
def sides():
    torch.manual_seed(0)
    return torch.rand(2, 5, 1, 12, 12)


class Counting(torch.nn.Module):
    """An encoder that remembers what it was given."""

    embedding_size = 3

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, x, lengths=None):
        self.calls.append((x, lengths))
        return x.flatten(1)[:, :3]


def test_both_sides_go_through_the_encoder_in_one_call(sides):
    encoder = Counting()
    first, second = Siamese(encoder)(*sides, lengths=(torch.arange(5), torch.arange(5, 10)))
    ((x, lengths),) = encoder.calls
    assert torch.equal(x, torch.cat(list(sides)))
    assert torch.equal(lengths, torch.arange(10))
    assert torch.equal(first, sides[0].flatten(1)[:, :3])
    assert torch.equal(second, sides[1].flatten(1)[:, :3])


def test_batch_norm_sees_both_sides_together(sides):
    model = Siamese(ConvEncoder(widths=(4,), embedding_size=3))
    seen = model.encoder.blocks[0][0](torch.cat(list(sides)))
    model(*sides)
    norm = model.encoder.blocks[0][1]
    assert norm.num_batches_tracked == 1
    torch.testing.assert_close(norm.running_mean, 0.1 * seen.mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * seen.var((0, 2, 3)))


def test_both_sides_are_embedded_with_the_same_weights(sides):
    model = Siamese(LeNet(size=16)).double()
    images = torch.rand(3, 1, 16, 16, dtype=torch.float64)
    first, second = model(images, images.flip(0))
    torch.testing.assert_close(first, second.flip(0))
    torch.testing.assert_close(first, model.embed(images))
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in LeNet(size=16).parameters())


def test_the_gradient_comes_from_both_sides(sides):
    model = Siamese(ConvEncoder(widths=(4,), embedding_size=3)).double().eval()
    sides = sides.double()
    gradients = []
    for used in ((0,), (1,), (0, 1)):
        model.zero_grad()
        embeddings = model(*sides)
        sum(embeddings[k].square().sum() for k in used).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert gradients[0].any()
    assert gradients[1].any()
    torch.testing.assert_close(gradients[0] + gradients[1], gradients[2])


def test_clips_of_their_own_lengths():
    model = Siamese(ClipEncoder(hidden_size=[4], patch_size=2))
    clips, lengths = torch.rand(2, 3, 6, 1, 8, 8), (torch.tensor([6, 2, 4]), torch.tensor([1, 5, 6]))
    embeddings = model(*clips, lengths=lengths)
    for side, size, embedding in zip(clips, lengths, embeddings, strict=True):
        torch.testing.assert_close(model.embed(side, size), embedding)
        for clip, length, vector in zip(side, size.tolist(), embedding, strict=True):
            torch.testing.assert_close(model.embed(clip[None, :length])[0], vector)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_config_is_plain_and_rebuilds_the_network(name):
    model = Siamese(ENCODERS[name](embedding_size=7))
    again = Siamese.from_config(json.loads(json.dumps(model.config)))
    assert type(again.encoder) is type(model.encoder)
    assert again.embedding_size == model.embedding_size == 7
    assert [tuple(p.shape) for p in again.parameters()] == [tuple(p.shape) for p in model.parameters()]
    again.load_state_dict(model.state_dict())


def test_an_encoder_of_ones_own_needs_an_embedding_size():
    assert Siamese(Counting()).config == {"encoder": "Counting", "options": {}}
    with pytest.raises(ValueError, match="`encoder` must have an int `embedding_size`, which Linear has not"):
        Siamese(torch.nn.Linear(3, 2))
    with pytest.raises(ValueError, match=r"`encoder` \(='Counting'\) must be one of LeNet, ConvEncoder, ClipEncoder"):
        Siamese.from_config(Siamese(Counting()).config)


def test_sides_of_different_shapes():
    with pytest.raises(ValueError, match=r"must have one shape, got \(2, 1, 28, 28\) and \(3, 1, 28, 28\)"):
        Siamese(LeNet())(torch.rand(2, 1, 28, 28), torch.rand(3, 1, 28, 28))
