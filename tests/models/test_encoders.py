import pytest
import torch
import torch.nn.functional as F

from framecast.models import ENCODERS, ClipEncoder, ConvEncoder, LeNet

INPUTS = {"LeNet": (3, 1, 28, 28), "ConvEncoder": (3, 1, 17, 22), "ClipEncoder": (3, 5, 1, 10, 13)}


def test_lenet_has_the_parameters_of_caffes():
    shapes = [tuple(p.shape) for p in LeNet().parameters()]
    assert shapes[::2] == [(20, 1, 5, 5), (50, 20, 5, 5), (500, 800), (10, 500), (2, 10)]
    assert sum(p.numel() for p in LeNet().parameters()) == 520 + 25_050 + 400_500 + 5_010 + 22


def test_lenet_written_out():
    model, images = LeNet(2, 3, (21, 16)).double(), torch.rand(4, 2, 21, 16, dtype=torch.float64)
    weights = list(model.parameters())
    x = images
    for weight, bias in (weights[:2], weights[2:4]):
        windows = x.unfold(2, 5, 1).unfold(3, 5, 1)
        x = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]
        x = x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
        x = torch.stack([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]).amax(0)
    x = (x.flatten(1) @ weights[4].T + weights[5]).clamp(min=0)
    expected = (x @ weights[6].T + weights[7]) @ weights[8].T + weights[9]
    torch.testing.assert_close(model(images), expected)


def test_conv_encoder_written_out():
    model = ConvEncoder(2, 5, (3, 4), size=(7, 10)).double()
    images = torch.rand(6, 2, 7, 10, dtype=torch.float64)
    parameters = dict(model.named_parameters())
    for name, parameter in parameters.items():
        if "blocks" in name:
            torch.nn.init.normal_(parameter)
    x = images
    for k in range(2):
        x = F.conv2d(x, parameters[f"blocks.{k}.0.weight"], padding=1)
        x = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), keepdim=True, correction=0) + 1e-5).sqrt()
        scale, shift = (parameters[f"blocks.{k}.1.{name}"][:, None, None] for name in ("weight", "bias"))
        x = (x * scale + shift).clamp(min=0)
        x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))  # no value is below 0
        x = torch.stack([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]).amax(0)
    assert x.shape == (6, 4, 2, 3)
    expected = x.flatten(1) @ parameters["head.weight"].T + parameters["head.bias"]
    torch.testing.assert_close(model(images), expected)


def test_without_a_size_the_features_are_averaged_over_positions():
    model = ConvEncoder(1, 5, (3, 4)).eval()
    images = torch.rand(6, 1, 16, 24)
    expected = model.head(model.blocks(images).flatten(2).sum(2) / 24)
    torch.testing.assert_close(model(images), expected)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (28, 28), (105, 105)])
def test_conv_encoder_takes_any_size(size):
    assert ConvEncoder(3, 7)(torch.rand(2, 3, *size)).shape == (2, 7)
    assert ConvEncoder(3, 7, size=size)(torch.rand(2, 3, *size)).shape == (2, 7)


def test_normalized_embeddings_have_length_one():
    torch.manual_seed(0)
    plain = ConvEncoder(widths=(4,))
    torch.manual_seed(0)
    model = ConvEncoder(widths=(4,), normalize=True)
    images = torch.rand(5, 1, 8, 8)
    embedding = model(images)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(embedding, plain(images) / plain(images).norm(dim=1, keepdim=True))


def test_clip_encoder_written_out():
    """One layer, step by step, over patches cut by hand."""
    model = ClipEncoder(2, 3, [5], kernel_size=3, patch_size=2).double()
    clips = torch.rand(4, 6, 2, 5, 8, dtype=torch.float64)
    frames = torch.cat([clips, clips[..., -1:, :]], -2)
    patches = torch.cat([frames[:, :, c : c + 1, i::2, j::2] for c in (0, 1) for i in (0, 1) for j in (0, 1)], 2)
    weights = dict(model.layers.named_parameters())
    h = c = torch.zeros(4, 5, 3, 4, dtype=torch.float64)
    for x in patches.unbind(1):
        gates = F.conv2d(x, weights["weight_ih_l0"], weights["bias_ih_l0"], padding=1)
        i, f, g, o = (gates + F.conv2d(h, weights["weight_hh_l0"], padding=1)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    features = torch.cat([h.flatten(2).mean(2), h.flatten(2).amax(2)], 1)
    expected = features @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(clips), expected)


@pytest.mark.parametrize("hidden_size", [[4], [4, 4], [4, 6]])
def test_frames_after_the_end_of_a_clip_have_no_influence(hidden_size):
    model = ClipEncoder(1, 3, hidden_size, patch_size=2).double()
    clips, lengths = torch.rand(4, 7, 1, 6, 8, dtype=torch.float64), torch.tensor([7, 2, 5, 1])
    padded = clips.clone()
    for clip, length in zip(padded, lengths.tolist(), strict=True):
        clip[length:] = torch.nan
    padded.requires_grad_()
    embeddings = model(padded, lengths)
    alone = torch.cat([model(clip[None, :length]) for clip, length in zip(clips, lengths.tolist(), strict=True)])
    torch.testing.assert_close(embeddings, alone)
    embeddings.square().sum().backward()
    for gradient, length in zip(padded.grad, lengths.tolist(), strict=True):
        assert gradient[:length].flatten(1).any(1).all()
        assert not gradient[length:].any()


def test_lengths_change_the_embedding():
    model, clips = ClipEncoder(), torch.rand(2, 6, 1, 8, 8)
    assert not torch.allclose(model(clips, torch.tensor([6, 3]))[1], model(clips)[1])


@pytest.mark.parametrize("name", ENCODERS)
def test_the_config_rebuilds_the_encoder(name):
    options = {"LeNet": {"size": (20, 24)}, "ConvEncoder": {"widths": (3, 4), "normalize": True}}
    model = ENCODERS[name](channels=2, embedding_size=5, **options.get(name, {"hidden_size": [4, 6], "patch_size": 2}))
    again = ENCODERS[name](**model.config)
    again.load_state_dict(model.state_dict())
    shape = {"LeNet": (3, 2, 20, 24), "ConvEncoder": (3, 2, 9, 8), "ClipEncoder": (3, 4, 2, 9, 8)}[name]
    x = torch.rand(shape)
    assert torch.equal(model(x), again(x))
    assert model.embedding_size == again.embedding_size == model(x).shape[1] == 5
    assert again.config == model.config


@pytest.mark.parametrize("name", ENCODERS)
def test_every_parameter_gets_a_gradient(name):
    model = ENCODERS[name]()
    model(torch.rand(INPUTS[name])).square().sum().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad.any(), key


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LeNet(0), "`channels` must be a positive whole number, got 0"),
        (lambda: LeNet(embedding_size=2.0), "`embedding_size` must be a positive whole number, got 2.0"),
        (lambda: LeNet(size=15), "`size` (=15) must be at least 16"),
        (lambda: LeNet(size=(28, 28, 1)), "`size` must be one size or a pair (height, width), got (28, 28, 1)"),
        (lambda: LeNet()(torch.rand(2, 1, 28, 27)), "`images` must be (N, 1, 28, 28), got shape (2, 1, 28, 27)"),
        (lambda: LeNet()(torch.rand(1, 28, 28)), "`images` must be (N, 1, 28, 28), got shape (1, 28, 28)"),
        (lambda: ConvEncoder(widths=()), "`widths` must list at least one block"),
        (lambda: ConvEncoder(widths=(4, 0)), "`widths` must be a positive whole number, got 0"),
        (lambda: ConvEncoder(3)(torch.rand(2, 1, 9, 9)), "`images` must be (N, 3, H, W), got shape (2, 1, 9, 9)"),
        (lambda: ConvEncoder(size=8)(torch.rand(2, 1, 9, 9)), "`images` must be (N, 1, 8, 8), got shape (2, 1, 9, 9)"),
        (lambda: ClipEncoder(patch_size=0), "`patch_size` must be a positive whole number, got 0"),
        (lambda: ClipEncoder(hidden_size=[]), "`hidden_size` is an empty list"),
        (lambda: ClipEncoder()(torch.rand(2, 3, 2, 8, 8)), "`clips` must be (N, T, 1, H, W), got shape (2, 3, 2, 8"),
        (
            lambda: ClipEncoder()(torch.rand(2, 3, 1, 8, 8), torch.tensor([3, 4])),
            "`lengths` must be from 0 to 3, the steps of the input, got [3, 4]",
        ),
    ],
)
def test_wrong_calls(call, message):
    with pytest.raises(ValueError, match="`") as caught:
        call()
    assert message in str(caught.value)
