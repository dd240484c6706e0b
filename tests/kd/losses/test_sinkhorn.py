import math

import pytest
import torch

from graphdistill.kd.losses.kl import KD
from graphdistill.kd.losses.sinkhorn import SinkhornKD, sinkhorn_plan
from tests.kd.losses.checks import check_errors, check_gradient, check_safe, softmax


def naive_plan(cost, epsilon, rounds):
    n = len(cost)
    plan = [[math.exp(-c / epsilon) for c in row] for row in cost]
    for _ in range(rounds):
        plan = [[v / sum(row) for v in row] for row in plan]
        sums = [sum(plan[i][j] for i in range(n)) for j in range(n)]
        plan = [[plan[i][j] / sums[j] for j in range(n)] for i in range(n)]
    return plan


def test_it_is_the_naive_loop():
    for seed, (n, num_classes) in enumerate([(1, 2), (3, 2), (6, 4)]):
        s, t = torch.randn(2, n, num_classes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 3
        p_s, p_t = [[softmax(row, 2) for row in z.tolist()] for z in (s, t)]
        cost = [[sum(abs(a - b) for a, b in zip(i, j, strict=True)) for j in p_t] for i in p_s]
        plan = naive_plan(cost, 0.1, 20)
        want = [sum(plan[i][j] * cost[i][j] for j in range(n)) for i in range(n)]
        torch.testing.assert_close(SinkhornKD(KD())(s, t), KD()(s, t) + 0.8 * torch.tensor(want, dtype=torch.float64))
        torch.testing.assert_close(
            sinkhorn_plan(torch.tensor(cost, dtype=torch.float64)) * n, torch.tensor(plan, dtype=torch.float64)
        )


def test_what_holds_for_all_losses():
    loss = SinkhornKD(KD(2.0), epsilon=0.01)
    check_safe(loss)
    check_gradient(loss)
    check_errors(loss)


def test_the_mean_of_the_rows_is_the_transport_cost_and_gradients_flow_through_the_plan():
    s, t = torch.randn(2, 8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    nothing = SinkhornKD(lambda s, t, y: torch.zeros(len(s)), weight=1.0, rounds=500)
    cost = ((s / 2).softmax(-1)[:, None] - (t / 2).softmax(-1)).abs().sum(-1)
    plan = sinkhorn_plan(cost, rounds=500)
    torch.testing.assert_close(plan.sum(1), torch.full((8,), 1 / 8).double())
    torch.testing.assert_close(nothing(s, t).mean(), (plan * cost).sum())
    (whole,) = torch.autograd.grad(nothing(s.requires_grad_(), t).mean(), s)
    cost = ((s / 2).softmax(-1)[:, None] - (t / 2).softmax(-1)).abs().sum(-1)
    (fixed,) = torch.autograd.grad((plan * cost).sum(), s)
    assert (whole - fixed).abs().max() > 1e-3


def test_the_plan_is_that_of_pot():
    ot = pytest.importorskip("ot", exc_type=ImportError)
    p, q = torch.rand(2, 16, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).softmax(-1)
    cost = (p[:, None] - q).abs().sum(-1)
    # POT scales columns before rows, so the transposed problem has our order.
    options = {"reg": 0.1, "numItermax": 20, "stopThr": 0.0, "warn": False}
    want = ot.sinkhorn([], [], cost.T.numpy().copy(), **options).T
    torch.testing.assert_close(sinkhorn_plan(cost), torch.tensor(want), rtol=1e-9, atol=1e-12)


def test_it_is_never_used_alone():
    with pytest.raises(
        ValueError, match=r"base must be another loss, such as KD\(\), got None: transport may pair any"
    ):
        SinkhornKD()


def test_the_reason_is_true():
    s = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    alone = SinkhornKD(lambda s, t, y: torch.zeros(len(s)), rounds=200)
    torch.testing.assert_close(alone(s.roll(1, 0), s).mean(), alone(s, s).mean())


@pytest.mark.parametrize(("name", "value"), [("weight", -1), ("rounds", 0), ("epsilon", 0), ("temperature", 0)])
def test_arguments_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*, got {value}"):
        SinkhornKD(KD(), **{name: value})
