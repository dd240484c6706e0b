"""Dataset distillation by matching: a few images that a network trains on as on many."""

from graphdistill.condense.distill import CondenseConfig as CondenseConfig
from graphdistill.condense.distill import distill_condense as distill_condense
from graphdistill.core.sampler import RepeatedRandomSampler as RepeatedRandomSampler
