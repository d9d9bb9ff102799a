"""Scores of forecasts and of matching: what torchmetrics lacks, and the baselines to hold them against."""

from ._baselines import BASELINES as BASELINES
from ._baselines import last_frame as last_frame
from ._baselines import mean_frame as mean_frame
from ._baselines import zero as zero
from ._frames import cross_entropy as cross_entropy
from ._frames import mae as mae
from ._frames import mse as mse
from ._frames import psnr as psnr
from ._neighbours import neighbour_accuracy as neighbour_accuracy
from ._one_shot import OneShotScore as OneShotScore
from ._one_shot import one_shot_accuracy as one_shot_accuracy
from ._pair_sample import sample_pairs as sample_pairs
from ._scores import SCORES as SCORES
from ._scores import ForecastScores as ForecastScores
from ._scores import Score as Score
from ._scores import ScoreSummary as ScoreSummary
from ._ssim import ssim as ssim
from ._ssim import ssim_openstl as ssim_openstl
from ._verification import RocCurve as RocCurve
from ._verification import VerificationScores as VerificationScores
from ._verification import best_threshold as best_threshold
from ._verification import roc as roc
from ._verification import verification as verification
