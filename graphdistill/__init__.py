"""Make graph data small, train as well on it, and say honestly what it cost.

The shortest way in is a command, ``python -m graphdistill.mirage`` (or ``graphdistill mirage``); the same in Python::

    from graphdistill import MirageConfig, distill_mirage, load

    synthetic = distill_mirage(load("pains"), MirageConfig(fraction=0.01))

``python -m graphdistill`` lists every method with its paper.
"""

from typing import TYPE_CHECKING

from graphdistill.core.exports import on_first_use
from graphdistill.core.offline import quieten

__version__ = "0.1.0"

if TYPE_CHECKING:
    from graphdistill.condense.config import CondenseConfig as CondenseConfig
    from graphdistill.condense.distill import distill_condense as distill_condense
    from graphdistill.core.sets.storage import load_set as load_set
    from graphdistill.core.sets.storage import save_set as save_set
    from graphdistill.core.sets.synthetic import SyntheticSet as SyntheticSet
    from graphdistill.core.training.sampler import RepeatedRandomSampler as RepeatedRandomSampler
    from graphdistill.datasets._load import load as load
    from graphdistill.kd.config import KDConfig as KDConfig
    from graphdistill.kd.distill import distill_kd as distill_kd
    from graphdistill.mirage.config import MirageConfig as MirageConfig
    from graphdistill.mirage.distill import distill_mirage as distill_mirage
    from graphdistill.vqgraph.config import VQGraphConfig as VQGraphConfig
    from graphdistill.vqgraph.distill import distill_vqgraph as distill_vqgraph
    from graphdistill.vqgraph.storage import load_student as load_student
    from graphdistill.vqgraph.storage import save_student as save_student
    from graphdistill.vqgraph.student import VQGraphStudent as VQGraphStudent
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "CondenseConfig": "graphdistill.condense.config",
            "KDConfig": "graphdistill.kd.config",
            "MirageConfig": "graphdistill.mirage.config",
            "RepeatedRandomSampler": "graphdistill.core.training.sampler",
            "SyntheticSet": "graphdistill.core.sets.synthetic",
            "VQGraphConfig": "graphdistill.vqgraph.config",
            "VQGraphStudent": "graphdistill.vqgraph.student",
            "distill_condense": "graphdistill.condense.distill",
            "distill_kd": "graphdistill.kd.distill",
            "distill_mirage": "graphdistill.mirage.distill",
            "distill_vqgraph": "graphdistill.vqgraph.distill",
            "load": "graphdistill.datasets._load",
            "load_set": "graphdistill.core.sets.storage",
            "load_student": "graphdistill.vqgraph.storage",
            "save_set": "graphdistill.core.sets.storage",
            "save_student": "graphdistill.vqgraph.storage",
        },
    )

__all__ = [
    "CondenseConfig",
    "KDConfig",
    "MirageConfig",
    "RepeatedRandomSampler",
    "SyntheticSet",
    "VQGraphConfig",
    "VQGraphStudent",
    "distill_condense",
    "distill_kd",
    "distill_mirage",
    "distill_vqgraph",
    "load",
    "load_set",
    "load_student",
    "save_set",
    "save_student",
]

quieten()
