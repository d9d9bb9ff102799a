import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from framecast import write_report


def source_of(run):
    return write_report(run).read_text(encoding="utf-8")


def words_of(source):
    """What a reader sees: the text between tags."""
    shown = re.sub(r"<(style|script)>.*?</\1>", " ", source, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", shown))


def test_the_report_is_one_file_with_scores_and_protocol(make_match_run):
    run = make_match_run()
    source = source_of(run)
    words = words_of(source)
    for expected in (
        "On test images of classes seen in training, two of the same class are nearer to each other than two of "
        "different classes in 99.73 % of cases (ROC-AUC 0.9973); equal error rate 1.23 %.",
        "0.9973", "1.23 %", "98.77 %", "91.36 %", "98.64 %", "at the threshold 0.7317", "One-shot, 5-way across all",
        "93.71 %", "50,000 pairs of 897 test images, drawn with seed 0", "8 × 8", "best.ckpt, step 4,321",
        "98,765 parameters", "1,000 pairs of test images, 500 of them of one class", "400 images that the test kept",
        "seed_everything: 7", "each of the 6 epochs", "Lowest: ", "Highest: ",
        f"framecast fit --config {run}/config.yaml --run {run}-again",
    ):  # fmt: skip
        assert expected in words
    addresses = re.findall(r'(?:src|srcset|href)="([^"]*)"', source)
    assert len(addresses) > 30
    assert all(address.startswith("data:image/") for address in addresses)
    assert not re.search(r"https?://|@import|url\(|<link", source)
    assert not re.search(r'alt=""', source)
    assert "Nearest-neighbour accuracy</dt><dd class" not in source  # a score of None is left out
    assert len(source) < 4_000_000


def test_every_section_closes(make_match_run):
    source = source_of(make_match_run())
    for tag in ("section", "figure", "div", "p", "ul", "li", "dl", "details", "picture", "span"):
        assert len(re.findall(rf"<{tag}[ >]", source)) == source.count(f"</{tag}>"), tag


def test_more_than_two_numbers_are_shown_by_principal_components(make_match_run):
    flat, deep = (words_of(source_of(make_match_run(f"size{size}", size=size))) for size in (2, 5))
    assert "distances in the picture are those the network judges by" in flat
    assert "principal" not in flat
    share = re.search(r"two principal components, with (\d+\.\d\d) % of the variance", deep)
    assert 50 < float(share[1]) < 100
    assert "in one of the other 3 directions" in deep


def test_the_hardest_pairs_are_shown_with_their_images(make_match_run):
    run = make_match_run()
    with np.load(run / "test" / "match.npz") as file:
        arrays = dict(file)
    # One pair of one class and one of two, which nothing else comes near.
    same, other = np.flatnonzero(arrays["similar"])[3], np.flatnonzero(~arrays["similar"])[5]
    arrays["distances"][[same, other]] = 12.34, 0.0009876
    np.savez(run / "test" / "match.npz", **arrays)
    source = source_of(run)
    first, second = source.split("Two classes, yet near")
    for part, pair, distance in ((first, same, "12.34"), (second, other, "0.000988")):
        item = part[part.index('<ul class="hard">') :]
        item = item[: item.index("</li>")]
        assert distance in item
        assert "wrong" in item
        for address, index in zip(re.findall(r'src="data:image/png;base64,([^"]*)"', item), arrays["pairs"][pair]):  # noqa: B905
            with Image.open(io.BytesIO(base64.b64decode(address))) as image:
                assert (np.asarray(image.convert("L")) == arrays["images"][index]).all()
    assert "farther apart than the threshold" in words_of(source)


def test_without_pairs_of_kept_images_no_mistakes_are_shown(make_match_run):
    run = make_match_run()
    with np.load(run / "test" / "match.npz") as file:
        arrays = {**file, "pairs": np.full((1000, 2), -1), "threshold": np.float32(np.nan)}
    np.savez(run / "test" / "match.npz", **arrays)
    words = words_of(source_of(run))
    assert "hardest pairs" not in words
    assert "Distances and decisions" in words


def test_without_test_results_the_report_says_how_to_get_them(make_match_run):
    run = make_match_run(tested=False, size=3)
    words = words_of(source_of(run))
    assert "Not tested yet. Lowest validation loss so far: 0.0571." in words
    assert f"framecast test --run {run}" in words
    assert "The embedding" not in words
    assert "How it came about" in words


def test_scores_without_an_embedding(make_match_run):
    run = make_match_run()
    (run / "test" / "match.npz").unlink()
    (run / "embedding_epochs.npz").unlink()
    source = source_of(run)
    assert "98.64 %" in source
    assert "Distances and decisions" not in source
    assert "<script>" not in source


def test_a_bare_match_run(make_match_run):
    run = make_match_run()
    (run / "test" / "metrics.json").write_text(json.dumps({"task": "match", "protocol": {}, "scores": {}}))
    (run / "test" / "match.npz").unlink()
    words = words_of(source_of(run))
    assert "The test gave no scores of verification." in words
    assert "The test wrote no scores." in words


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "<img src=x>"])
def test_class_names_are_escaped(make_match_run, evil):
    run = make_match_run()
    with np.load(run / "test" / "match.npz") as file:
        arrays = {**file, "classes": np.array([evil] * 10)}
    np.savez(run / "test" / "match.npz", **arrays)
    source = source_of(run)
    assert evil not in source
    assert "&lt;" in source


def test_an_unknown_score_is_shown_by_its_key(make_match_run):
    run = make_match_run()
    metrics = json.loads((run / "test" / "metrics.json").read_text())
    metrics["scores"]["my_score"] = 0.4321
    metrics["protocol"]["my_choice"] = "so and so"
    (run / "test" / "metrics.json").write_text(json.dumps(metrics))
    words = words_of(source_of(run))
    assert "my score 0.4321" in words
    assert "My choice so and so" in words


def test_colours_of_classes_that_the_test_lacks_are_said_to_be_others(make_match_run):
    run = make_match_run()
    assert "neither are the colours" not in words_of(source_of(run))
    with np.load(run / "test" / "match.npz") as file:
        arrays = {**file, "classes": np.array([f"class {label}" for label in range(12)])}
    np.savez(run / "test" / "match.npz", **arrays)
    with np.load(run / "embedding_epochs.npz") as file:
        arrays = {**file, "labels": np.full(200, 11)}
    np.savez(run / "embedding_epochs.npz", **arrays)
    assert "Their classes are not those of the picture above, and neither are the colours." in words_of(source_of(run))
