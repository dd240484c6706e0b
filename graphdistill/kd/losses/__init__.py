"""Losses on logits, each a callable of the student's and the teacher's logits that gives one value a row."""

from graphdistill.kd.losses.adaptive import AdaptiveKL as AdaptiveKL
from graphdistill.kd.losses.balanced import BalancedKD as BalancedKD
from graphdistill.kd.losses.clipped import ClippedKL as ClippedKL
from graphdistill.kd.losses.discriminator import AdversarialLoss as AdversarialLoss
from graphdistill.kd.losses.dkd import DKD as DKD
from graphdistill.kd.losses.enhanced_target import EnhancedTarget as EnhancedTarget
from graphdistill.kd.losses.jsd import JSD as JSD
from graphdistill.kd.losses.kl import KD as KD
from graphdistill.kd.losses.kl import ReverseKL as ReverseKL
from graphdistill.kd.losses.sinkhorn import SinkhornKD as SinkhornKD
from graphdistill.kd.losses.span import SpanRelations as SpanRelations
from graphdistill.kd.losses.symmetric import SymmetricKL as SymmetricKL
from graphdistill.kd.losses.vocabulary import VocabularyKD as VocabularyKD
from graphdistill.kd.losses.vocabulary import vocabulary_cross_entropy as vocabulary_cross_entropy

__all__ = [
    "DKD",
    "JSD",
    "KD",
    "AdaptiveKL",
    "AdversarialLoss",
    "BalancedKD",
    "ClippedKL",
    "EnhancedTarget",
    "ReverseKL",
    "SinkhornKD",
    "SpanRelations",
    "SymmetricKL",
    "VocabularyKD",
    "vocabulary_cross_entropy",
]
