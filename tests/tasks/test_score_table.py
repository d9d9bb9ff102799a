from framecast.metrics import SCORES
from framecast.tasks import format_table


def summaries(**means):
    return {
        name: {"mean": means.get(name), "by_lead_time": [means.get(name), None, 2 * means.get(name, 0)]}
        for name in SCORES
    }


def test_model_first_digits_by_the_model_and_dashes():
    scores = {
        "zero": summaries(mse=131.256, mae=120.0, cross_entropy=4001.5, psnr=4.8862),
        "model": summaries(mse=29.804, mae=90.64, cross_entropy=387.94, ssim=0.92883, ssim_openstl=0.5, psnr=21.3449),
    }
    assert format_table(scores).splitlines() == [
        "           MSE     MAE  cross-entropy    SSIM  PSNR (dB)",
        "better   lower   lower          lower  higher     higher",
        "model    29.80   90.64          387.9  0.9288      21.34",
        "zero    131.26  120.00         4001.5       -       4.89",
        "",
        "MSE by lead time (lower is better)",
        "lead time  model   zero",
        "1          29.80  131.3",
        "2              -      -",
        "3          59.61  262.5",
    ]


def test_perfect_and_vanishing_scores():
    means = [line.split()[1:] for line in format_table({"model": summaries(mse=0.0, mae=1e-9)}).splitlines()]
    assert means[2] == ["0.000", "0.000000", "-", "-", "-"]
