r"""VQGraph: distillation of graph networks into MLPs, with a codebook of local structures.

.. math:: L = \mathrm{CE}(T, p) + \lambda \, \mathrm{CE}(y, p) + \beta \, \mathrm{CE}(S, s)

p are class probabilities of the student and T its targets: those of the teacher, spread over the graph as far as it
helps on validation; s are its code probabilities and S those of a tokenizer of the teacher's hidden rows.
"""

from typing import TYPE_CHECKING

from graphdistill.core.exports import on_first_use
from graphdistill.core.methods import Result

if TYPE_CHECKING:
    from graphdistill.kd.nodes.config import TeacherConfig as TeacherConfig
    from graphdistill.vqgraph.config import TokenizerConfig as TokenizerConfig
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
            "TeacherConfig": "graphdistill.kd.nodes.config",
            "TokenizerConfig": "graphdistill.vqgraph.config",
            "VQGraphConfig": "graphdistill.vqgraph.config",
            "VQGraphStudent": "graphdistill.vqgraph.student",
            "distill_vqgraph": "graphdistill.vqgraph.distill",
            "load_student": "graphdistill.vqgraph.storage",
            "save_student": "graphdistill.vqgraph.storage",
        },
    )

PAPER = "Yang et al., ICLR 2024, https://openreview.net/forum?id=h6Tz85BqRI"
RESULT = Result(
    paper="Cora 83.93 ± 0.87 %, Citeseer 76.08 ± 0.55 %, chosen on test by the published code",
    ours=(
        "cora 83.60 ± 0.94, citeseer 74.02 ± 1.29, facebook 75.25 ± 1.94, chosen on validation (GLNN 82.48 ± 1.07, "
        "73.47 ± 1.25 and 74.27 ± 1.91); the published protocol, chosen on test, 84.40 ± 1.10 and 76.83 ± 2.32"
    ),
    command="python -m graphdistill.bench vqgraph --parts targets paper",
    differs=(
        "Codes of a tokenizer on a frozen teacher, not in its path; soft labels spread over the graph where it helps; "
        "the published code pairs nodes with the codes of other nodes."
    ),
    instead="The gain is that of the targets; codes only explain predictions: --code-weight 0 is enough.",
)

__all__ = [
    "Distilled",
    "TeacherConfig",
    "TokenizerConfig",
    "VQGraphConfig",
    "VQGraphStudent",
    "distill_vqgraph",
    "load_student",
    "save_student",
]
