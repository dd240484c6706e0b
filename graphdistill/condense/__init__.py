"""Dataset distillation and condensation: a few synthetic images, nodes, graphs or rows to train on instead of many."""

from typing import TYPE_CHECKING

from graphdistill.core.exports import on_first_use

if TYPE_CHECKING:
    from graphdistill.condense.config import CondenseConfig as CondenseConfig
    from graphdistill.condense.distill import distill_condense as distill_condense
    from graphdistill.core.training.sampler import RepeatedRandomSampler as RepeatedRandomSampler
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "CondenseConfig": "graphdistill.condense.config",
            "distill_condense": "graphdistill.condense.distill",
            "RepeatedRandomSampler": "graphdistill.core.training.sampler",
        },
    )

__all__ = ["CondenseConfig", "RepeatedRandomSampler", "distill_condense"]
