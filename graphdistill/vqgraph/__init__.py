"""VQGraph: distillation of graph networks into MLPs, with a codebook of local structures."""

from typing import TYPE_CHECKING

from graphdistill.core.exports import on_first_use

if TYPE_CHECKING:
    from graphdistill.vqgraph.config import VQGraphConfig as VQGraphConfig
    from graphdistill.vqgraph.distill import Distilled as Distilled
    from graphdistill.vqgraph.distill import distill_vqgraph as distill_vqgraph
    from graphdistill.vqgraph.storage import load_student as load_student
    from graphdistill.vqgraph.storage import save_student as save_student
    from graphdistill.vqgraph.student import VQGraphStudent as VQGraphStudent
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "Distilled": "graphdistill.vqgraph.distill",
            "VQGraphConfig": "graphdistill.vqgraph.config",
            "VQGraphStudent": "graphdistill.vqgraph.student",
            "distill_vqgraph": "graphdistill.vqgraph.distill",
            "load_student": "graphdistill.vqgraph.storage",
            "save_student": "graphdistill.vqgraph.storage",
        },
    )

PAPER = "Yang et al., ICLR 2024, https://openreview.net/forum?id=h6Tz85BqRI"

__all__ = ["Distilled", "VQGraphConfig", "VQGraphStudent", "distill_vqgraph", "load_student", "save_student"]
