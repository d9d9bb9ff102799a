"""The task of matching."""

from ._embedding_epochs import EmbeddingEpochs as EmbeddingEpochs
from ._losses import MATCH_LOSSES as MATCH_LOSSES
from ._scores import MatchResults as MatchResults
from ._task import Match as Match
