r"""KRD: the student also learns the soft labels of its reliable neighbours.

.. math:: L = w \bigl( \mathrm{KL}(p_t \,\Vert\, p_s)
    + \gamma \, \mathrm{mean}_{u \to v} \mathrm{CE}(p_{t,u}, p_{s,v}) \bigr) + w_y \, \mathrm{CE}(y, p_s)

over edges that each step keeps with the reliability :math:`r_u` of their source: how little noise in the features
changes the entropy of the teacher's prediction.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.methods import Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.methods import kd
from graphdistill.kd.nodes.reliable_neighbours import ReliableNeighbours, reliability
from graphdistill.kd.objective import Batch, Context, Objective

PAPER = "Wu et al., ICML 2023, https://arxiv.org/abs/2306.05628"
RESULT = Result(
    paper="no checked number at hand",
    ours="cora 83.63 ± 1.49, citeseer 74.03 ± 2.22 (GLNN 82.46 ± 1.58 and 73.73 ± 2.14)",
    command="python -m graphdistill.bench vqgraph --parts accuracy",
    differs="Edges are kept with the reliability itself, not with a power of it that is fitted to the student.",
)
FOR: tuple[Kind, ...] = ("nodes",)


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of KRD."""

    temperature: float = 1.0
    """Temperature of both softmaxes."""
    neighbour_weight: float = 1.0
    """Weight of the loss on neighbours; that on the node itself has weight 1."""
    noise: float = 1.0
    """Standard deviation of the noise that measures reliability, relative to that of the features."""
    draws: int = 5
    """Noise samples; a few are enough to rank nodes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for option, value in (("neighbour-weight", self.neighbour_weight), ("noise", self.noise)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"--{option} must be 0 or more, got {value}")
        if self.draws < 1:
            raise ValueError(f"--draws must be 1 or more, got {self.draws}")


def objective(context: Context, config: Config) -> Objective:
    """The losses on a node's own soft label and on those of its reliable neighbours."""
    view, logits = context.data, context.teacher_outputs().logits
    everyone = view.train
    inputs = view.inputs(everyone)
    x, edge_index = inputs["x"], inputs["edge_index"]

    def predict(noisy: Tensor) -> Tensor:
        changed = inputs.replaced(noisy)
        changed.derive({"data": lambda: Data(noisy, edge_index)})
        return view.run(context.teacher, everyone, inputs=changed).logits.detach()

    reliable = reliability(
        predict, x, context.generator("noise"), noise=config.noise, draws=config.draws, logits=logits
    )
    own = KD(config.temperature)
    neighbours = ReliableNeighbours((logits / config.temperature).softmax(dim=1), edge_index, reliable)

    def distillation(batch: Batch) -> Tensor:
        student = batch.student.logits
        further = neighbours(batch.index, student / config.temperature, batch.generator)
        return own(student, batch.teacher.logits) + config.neighbour_weight * further

    return Objective(loss=kd.with_labels(context, config, distillation))
