from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from graphdistill.condense.data.graphs import LearnableGraphs
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.condense.methods import doscond
from tests.condense.graph_samples import graph_context, graph_step
from tests.condense.samples import seeded
from tests.reference import row_distance_naive


def by_hand(step, label, u, temperature):
    """Loss of a graph of the set at a time, its edges drawn by the numbers u, pair by pair."""
    synthetic, losses = step.synthetic, []
    for row in (synthetic.y == label).nonzero().view(-1).tolist() if label is not None else range(len(synthetic)):
        size = int(synthetic.sizes[row])
        h = synthetic.columns.discretize(synthetic.x[row, :size])
        spread = torch.eye(size)
        for i in range(size):
            for j in range(i + 1, size):
                noise = torch.log(u[row, i, j]) - torch.log(1 - u[row, i, j])
                soft = torch.sigmoid((synthetic.theta[row, i, j] + noise) / temperature)
                spread[i, j] = spread[j, i] = float(soft > 0.5) + soft - soft.detach()
        degree = spread.sum(dim=1)
        spread = spread / (degree[:, None] * degree).sqrt()
        for layer in step.net.layers:
            h = torch.relu(spread @ h @ layer.weight.T + layer.bias)
        losses.append(F.cross_entropy(step.net.head(h.mean(dim=0, keepdim=True)), synthetic.y[row : row + 1]))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("joint", [False, True])
def test_the_loss_is_the_distance_of_gradients_pair_by_pair(joint: bool) -> None:
    step, twin = graph_step(), graph_step()
    objective = doscond.OneStepMatch(batch=100, joint=joint, first_temperature=1.0, last_temperature=0.25, beta=0.0)
    loss, wanted = objective.accumulate(step), 0.0
    for label in [None] if joint else range(2):
        x, y = twin.real.sample(100, twin.generator, label)
        u = torch.rand(twin.synthetic.theta.shape, generator=twin.generator)  # type: ignore[attr-defined]
        sides = []
        for mean in (by_hand(twin, label, u, 0.5), F.cross_entropy(twin.net(x), y)):
            twin.net.zero_grad()
            mean.backward()
            sides.append([p.grad.clone() for p in twin.net.parameters()])
        wanted += row_distance_naive(sides[0], sides[1])
    assert loss == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("joint", [False, True])
def test_the_gradient_is_that_of_the_drawn_graphs_and_leaves_the_network_alone(joint: bool) -> None:
    step, twin = graph_step(), graph_step()
    objective = doscond.OneStepMatch(batch=100, joint=joint, last_temperature=0.25, beta=0.0)
    objective.accumulate(step)
    assert all(p.grad is None for p in step.net.parameters())
    weights, total = list(twin.net.parameters()), torch.zeros(())
    for label in [None] if joint else range(2):
        x, y = twin.real.sample(100, twin.generator, label)
        u = torch.rand(twin.synthetic.theta.shape, generator=twin.generator)  # type: ignore[attr-defined]
        ours = torch.autograd.grad(by_hand(twin, label, u, 0.5), weights, create_graph=True)
        theirs = torch.autograd.grad(F.cross_entropy(twin.net(x), y), weights)
        for mine, other in zip(ours, theirs, strict=True):
            if mine.dim() > 1:
                for a, b in zip(mine, other, strict=True):
                    total = total + 1 - a @ b / (a.norm() * b.norm()).clamp(min=1e-16)
    wanted = torch.autograd.grad(total, [twin.synthetic.x, twin.synthetic.theta])  # type: ignore[attr-defined]
    torch.testing.assert_close(step.synthetic.x.grad, wanted[0], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(step.synthetic.theta.grad, wanted[1], rtol=1e-3, atol=1e-4)  # type: ignore[attr-defined]


def test_the_same_seed_gives_the_same_gradient_and_another_one_another() -> None:
    grads = []
    for seed in (0, 0, 1):
        step = graph_step()
        step.generator.manual_seed(seed)
        doscond.OneStepMatch().accumulate(step)
        grads.append(step.synthetic.theta.grad)  # type: ignore[attr-defined]
    assert torch.equal(grads[0], grads[1])
    assert not torch.equal(grads[0], grads[2])


def test_edges_beyond_those_of_the_start_are_penalised_and_fewer_are_not() -> None:
    penalties = []
    for shift in (2.0, -2.0):
        losses = []
        for beta in (0.0, 3.0):
            step = graph_step()
            with torch.no_grad():
                step.synthetic.theta += shift  # type: ignore[attr-defined]
            losses.append(doscond.OneStepMatch(beta=beta).accumulate(step))
        penalties.append(losses[1] - losses[0])
    synthetic = graph_step().synthetic
    assert isinstance(synthetic, LearnableGraphs)
    share = (synthetic.theta + 2.0).sigmoid()[synthetic.pairs].mean() - synthetic.density
    assert penalties == pytest.approx([3 * share.item(), 0.0], abs=1e-5)


def test_draws_grow_colder() -> None:
    spreads = []
    for fraction_done in (0.0, 0.99):
        seen = []
        step = graph_step(fraction_done=fraction_done)
        plain = step.synthetic.sample  # type: ignore[attr-defined]
        step.synthetic.sample = lambda g, t, index, plain=plain, seen=seen: (seen.append(t), plain(g, t, index))[1]  # type: ignore[attr-defined]
        doscond.OneStepMatch(first_temperature=1.0, last_temperature=0.01, joint=True).accumulate(step)
        spreads += seen
    assert spreads == pytest.approx([1.0, 0.01**0.99])


def test_networks_are_never_trained_and_scope_follows_the_metric() -> None:
    for classes, joint in ((2, True), (3, False)):
        recipe = doscond.recipe(graph_context(classes=classes), doscond.Config())
        assert recipe.schedule == Schedule()
        assert recipe.objective.joint == joint  # type: ignore[attr-defined]
        assert set(recipe.lr) == {"x", "theta"}  # type: ignore[arg-type]


def test_edges_begin_with_the_logit_of_the_config() -> None:
    context = graph_context()
    start = doscond.recipe(context, doscond.Config(edge_logit=2.0)).initial_set(context.real.init_random(2, seeded()))
    default = doscond.recipe(context, doscond.Config()).initial_set(context.real.init_random(2, seeded()))
    assert isinstance(start, LearnableGraphs)
    assert isinstance(default, LearnableGraphs)
    assert torch.equal(start.theta.detach(), default.theta.detach() * 0.4)
    assert set(start.theta.detach().unique().tolist()) == {-2.0, 2.0}
