import re
from html.parser import HTMLParser

import numpy as np
import pytest

from framecast import write_report
from framecast.report.forecast._run import ForecastRun
from framecast.report.forecast._words import headline
from framecast.report.shared._words import number
from framecast.runs import FORECAST_SCORES, ResultFolder, RunFolder

VOID = {"meta", "img", "source", "br", "col", "link"}


class Page(HTMLParser):
    """Checks that tags are balanced; gathers addresses, alternative texts and the words."""

    def __init__(self, path):
        super().__init__()
        self.open, self.addresses, self.alts, self.words, self.ids = [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        attrs = dict(attrs)
        self.addresses += [attrs[name] for name in ("src", "href", "srcset", "data", "action") if attrs.get(name)]
        if tag == "img":
            self.alts.append(attrs["alt"])
        if "id" in attrs:
            self.ids.append(attrs["id"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_report_is_one_file_that_needs_no_other(make_run):
    path = write_report(make_run())
    page = Page(path)
    assert path.name == "report.html"
    assert page.addresses
    assert all(address.startswith("data:image/") for address in page.addresses)
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\(|<link", source)
    assert all(page.alts)
    assert len(page.ids) == len(set(page.ids))
    assert not list(path.parent.glob("*.part"))


def test_report_holds_the_numbers_and_the_protocol(make_run):
    page = Page(write_report(make_run()))
    model, last_frame = 11.37 + 2 * 3, 23.91 + 9 * 3
    for words in (
        f"Squared error (MSE) 17.37 per frame on unseen test data: {model / last_frame:.2f} of the best baseline’s (",
        f"× {model / last_frame:.2f}", number(last_frame), "0.8889", "77.77", "30.80", "1,234 sequences",
        "98,765 parameters",
        "best.ckpt, step 4,321", "4 in, 5 out, 32 × 32 pixels, 1 channel", "0 to 255 of the data (grey level)",
        "Mean over sequences and lead times", "seed_everything: 7", "lower is better", "0.0753 at step 19",
    ):  # fmt: skip
        assert words in page.text
    assert page.text.index("Forecasts, frame by frame") < page.text.index("Scores") < page.text.index("Learning curve")
    for lead_time in range(1, 6):
        assert number(11.37 + 2 * lead_time) in page.text


def test_the_best_value_is_bold_and_exact_values_are_kept(make_run):
    source = write_report(make_run()).read_text(encoding="utf-8")
    assert re.search(r'class="best"><data value="17[.]3[0-9]*">17.37<', source)
    assert len(re.findall(r'class="best">', source)) == 3


def test_names_and_settings_are_escaped(make_run):
    evil = "<script>alert(1)</script>"
    run = make_run(name="a<b>&c", config=f"data: '{evil}' # ü\n")
    metrics = run / "test" / "metrics.json"
    metrics.write_text(metrics.read_text().replace("Blobs that move", "<img src=x>"))
    path = write_report(run)
    page, source = Page(path), path.read_text(encoding="utf-8")
    assert evil not in source
    assert "<img src=x>" not in source
    assert evil in page.text
    assert "a<b>&c" in page.text


def test_without_test_results_the_report_says_how_to_get_them(make_run):
    run = make_run(tested=False)
    page = Page(write_report(run))
    assert "Not tested yet. Lowest validation loss so far: 0.0753, at step 19." in page.text
    command = f"framecast test --run {run}"
    assert command in page.text
    assert len(page.alts) == 1  # the learning curve


def test_a_bare_run(tmp_path):
    (tmp_path / "config.yaml").write_text("model: {class_path: framecast.tasks.Forecast}")
    page = Page(write_report(tmp_path, output=tmp_path / "new" / "page.html"))
    assert "no validation loss so far" in page.text
    assert "has logged no loss yet" in page.text
    with pytest.raises(ValueError, match="must be a file, it is a folder"):
        write_report(tmp_path, output=tmp_path / "new")


def test_a_run_with_a_logger_of_its_own(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "model: {class_path: framecast.tasks.Forecast}\n"
        "trainer:\n  logger:\n  - class_path: lightning.pytorch.loggers.MLFlowLogger\n"
    )
    page = Page(write_report(tmp_path))
    assert "The run has a logger of its own, MLFlowLogger, and no logs in its folder" in page.text
    assert "has logged no loss yet" not in page.text


def test_colour_masked_and_single_examples(make_run):
    page = Page(write_report(make_run(shape=(3, 40, 60), masked=True, examples=1, horizon=2)))
    assert "no data" in page.text
    assert "mean of its 3 channels" in page.text
    assert "The only stored example" in page.text
    assert "Truth at t+2" in page.alts
    assert "Frames 0" not in page.text  # no key for the frames of a colour video


def test_scores_without_examples(make_run):
    run = make_run()
    (run / "test" / "examples.npz").unlink()
    page = Page(write_report(run))
    assert "17.37" in page.text
    assert "frame by frame" not in page.text


def test_large_frames_over_a_long_horizon_stay_small(make_run):
    run = make_run(examples=1, horizon=21, shape=(1, 8, 8))
    noise = np.random.default_rng(0).random((2, 25, 3, 100, 140), dtype=np.float32).repeat(3, 3).repeat(3, 4)
    noise[..., 200:, :] = np.nan
    np.savez(run / "test" / "examples.npz", input=noise[:, :4], target=noise[:, 4:], forecast=noise[:, 4:] * 0.5)
    path = write_report(run)
    page = Page(path)
    assert path.stat().st_size < 4_000_000
    assert "Of 21 forecast frames an even choice of 10 is shown" in page.text
    assert "Truth at t+21" in page.alts
    assert page.alts.count("Truth at t+1") == 2


def test_headline_owns_up_to_a_model_that_loses():
    scores = {name: {"mse": {"mean": mse, "by_lead_time": [mse]}} for name, mse in (("model", 3.0), ("zero", 2.0))}
    run = ForecastRun(RunFolder("x"), "", results=ResultFolder("x/test"), protocol={"split": "val"}, scores=scores)
    assert headline(run) == (
        "Squared error (MSE) 3.000 per frame on the validation data: 1.50 of the best baseline’s (all zero), "
        "so the baseline is not beaten."
    )
    del scores["zero"]
    assert headline(run).endswith("on the validation data.")
    scores["zero"] = {"mse": {"mean": 0.0, "by_lead_time": [0.0]}}
    assert headline(run).endswith("the best baseline (all zero) makes none.")


def test_an_unknown_score_is_shown_without_a_verdict(make_run):
    run = make_run()
    metrics = run / "test" / "metrics.json"
    metrics.write_text(metrics.read_text().replace('"psnr"', '"my_score"'))
    page = Page(write_report(run))
    assert "my score" in page.text
    assert page.text.count("is better") == 4


def test_every_score_has_a_title_and_a_direction():
    scores = pytest.importorskip("framecast.metrics").SCORES
    assert list(scores) == list(FORECAST_SCORES)
    assert {title.better for title in FORECAST_SCORES.values()} == {"lower", "higher"}
    assert all((title.better == "higher") == (name[:4] in ("ssim", "psnr")) for name, title in FORECAST_SCORES.items())
