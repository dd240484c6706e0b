"""Losses on hidden features: two tensors in, one value per row out.

A loss without parameters is a frozen dataclass; one that learns along with the student is a module. All are called
with the student's features, the teacher's and, where they need them, the labels.
"""

from graphdistill.kd.features.attention_transfer import AttentionTransfer as AttentionTransfer
from graphdistill.kd.features.feature_l1 import FeatureL1 as FeatureL1
from graphdistill.kd.features.mutual_information import MutualInformation as MutualInformation
from graphdistill.kd.features.mutual_information import SeparableCritic as SeparableCritic
from graphdistill.kd.features.mutual_information import mutual_information as mutual_information
from graphdistill.kd.features.norm_direction import NormDirection as NormDirection
from graphdistill.kd.features.norm_direction import class_means as class_means
from graphdistill.kd.features.norm_direction import norm_and_cosine as norm_and_cosine
from graphdistill.kd.features.relation_matching import RelationMatching as RelationMatching
from graphdistill.kd.features.relational import RelationalKD as RelationalKD
from graphdistill.kd.features.scaled_relations import ScaledRelations as ScaledRelations
from graphdistill.kd.features.similarity import GlobalDifference as GlobalDifference
from graphdistill.kd.features.similarity import PixelCrossEntropy as PixelCrossEntropy
from graphdistill.kd.features.similarity import RegionSimilarity as RegionSimilarity
from graphdistill.kd.features.similarity_preserving import SimilarityPreserving as SimilarityPreserving
from graphdistill.kd.features.squarehead import SquareHead as SquareHead
from graphdistill.kd.features.token_relations import TokenRelations as TokenRelations

__all__ = [
    "AttentionTransfer",
    "FeatureL1",
    "GlobalDifference",
    "MutualInformation",
    "NormDirection",
    "PixelCrossEntropy",
    "RegionSimilarity",
    "RelationMatching",
    "RelationalKD",
    "ScaledRelations",
    "SeparableCritic",
    "SimilarityPreserving",
    "SquareHead",
    "TokenRelations",
    "class_means",
    "mutual_information",
    "norm_and_cosine",
]
