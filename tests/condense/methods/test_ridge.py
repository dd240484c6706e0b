import pytest
import torch
from sklearn.kernel_ridge import KernelRidge

from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.matching.objective import Step
from graphdistill.condense.matching.ridge import arc_cosine
from graphdistill.condense.methods import ridge
from graphdistill.core.training.augment import NO_AUGMENT
from graphdistill.core.training.fit import FitConfig
from graphdistill.datasets import load
from tests.condense.samples import seeded


def step_of(per_class=2):
    real = training_data_of(protocol_of(load("wine")))
    return Step(real.init_from(real.sample_indices(per_class, seeded())), real, None, NO_AUGMENT, seeded())


def test_the_loss_is_the_error_of_scikit_learn_with_equal_classes():
    here = step_of()
    loss = ridge.RowRidge(share=0.2).accumulate(here)
    x, real = (torch.cat([v, torch.ones(len(v), 1)], dim=1) for v in (here.synthetic.x.detach(), here.real.flat()))
    gram = arc_cosine(x, x)
    model = KernelRidge(alpha=0.2 * float(gram.diagonal().mean()), kernel="precomputed")
    model.fit(gram.numpy(), torch.eye(3)[here.synthetic.y].numpy() - 1 / 3)
    guess = torch.from_numpy(model.predict(arc_cosine(real, x).numpy()))
    error = (guess - torch.eye(3)[here.real.y] + 1 / 3).square().sum(dim=1)
    each = torch.stack([error[here.real.y == label].mean() for label in range(3)])
    assert loss == pytest.approx(float(each.mean()), rel=1e-5)


def test_the_gradient_is_that_of_the_loss():
    here, objective, reach = step_of(), ridge.RowRidge(), 1e-2
    objective.accumulate(here)
    grad, losses = here.synthetic.x.grad[1, 2].item(), []
    for sign in (1, -2):
        with torch.no_grad():
            here.synthetic.x[1, 2] += sign * reach
        losses.append(objective.accumulate(here))
    assert grad == pytest.approx((losses[0] - losses[1]) / (2 * reach), rel=0.05)


def test_learnt_rows_predict_better_than_those_it_began_with_and_depend_on_the_seed_alone():
    protocol = protocol_of(load("wine"), fit=FitConfig(steps=20, batch_size=64, eval_every=10))
    config = CondenseConfig(method="ridge", per_class=1, steps=30, checks=1, bits="full")
    first, again = (distill_condense(protocol.data, config, protocol=protocol) for _ in range(2))
    assert torch.equal(first.data, again.data)
    real = training_data_of(protocol)
    learnt = real.init_from(torch.arange(3))
    with torch.no_grad():
        learnt.x.copy_(first.data)
    learnt.y.copy_(first.y)
    start = real.init_random(1, seeded())
    after, before = (
        ridge.RowRidge().accumulate(Step(synthetic, real, None, NO_AUGMENT, seeded())) for synthetic in (learnt, start)
    )
    assert after < before


@pytest.mark.parametrize("options", [{"lr": 0}, {"ridge": -1.0}, {"depth": 0}, {"batch": 0}])
def test_options_are_checked(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=rf"--{name} must be .*, got {value}"):
        ridge.Config(**options)
