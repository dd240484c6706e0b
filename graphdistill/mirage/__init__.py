"""Mirage: graph condensation by computation-tree mining."""

from graphdistill.mirage.config import MirageConfig as MirageConfig
from graphdistill.mirage.distill import distill_mirage as distill_mirage
