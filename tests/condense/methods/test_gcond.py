from __future__ import annotations

import torch

from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.structure import LinkedNodes
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.methods import gcond, gcondx
from tests.condense.methods.test_gcondx import step
from tests.condense.samples import context_of, pairs, seeded


def test_edges_and_features_take_turns() -> None:
    start = gcond.recipe(context_of(2, kind="nodes"), gcond.Config()).start
    assert isinstance(start, LinkedNodes)
    objective = gcond.AlternatingMatch(edges=2, features=3)
    for number in range(10):
        here = step(number, start)
        objective.accumulate(here)
        learnt = {name for name, value in start.parameters().items() if value.grad is not None}
        edges = {name for name in start.parameters() if name.startswith("edge.")}
        assert learnt == (edges if number % 5 < 2 else {"x"}), number
        for value in start.parameters().values():
            value.grad = None


def test_without_edges_it_is_gcondx() -> None:
    """A network that sees no edge leaves nodes alone, and the gradient with them as it is."""
    start = gcond.recipe(context_of(2, kind="nodes"), gcond.Config()).start
    assert isinstance(start, LinkedNodes)
    with torch.no_grad():
        start.mlp.out.bias.fill_(-100)
        start.mlp.out.weight.zero_()
    alone = context_of(2, kind="nodes").real.init_random(2, seeded())
    alone.origin.copy_(start.origin)  # type: ignore[attr-defined]
    one, other = step(5, start), step(5, alone)
    ours = gcond.AlternatingMatch(edges=0, features=1).accumulate(one)
    theirs = gcondx.NodeGradientMatch().accumulate(other)
    assert abs(ours - theirs) < 1e-5
    torch.testing.assert_close(one.synthetic.x.grad, other.synthetic.x.grad, rtol=1e-3, atol=1e-6)


def test_the_set_holds_edges() -> None:
    synthetic = distill_condense(
        pairs(), CondenseConfig(method="gcond", per_class=2, steps=3, bits="full"), generator=seeded()
    )
    assert synthetic.edges is not None
    assert synthetic.edges[0].shape[1] == len(synthetic.edges[1])
    assert len(synthetic) == 6
