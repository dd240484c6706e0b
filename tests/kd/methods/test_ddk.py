from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from graphdistill.datasets import load_domains
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.distill import distill_kd
from graphdistill.kd.methods import ddk, kd
from tests.kd.methods.checks import batch_of, logits
from tests.kd.samples import images, images_context, mlp, nodes


def domains():
    """Two domains of which the second one is half as large, and dark."""
    dark = replace(images(), images=1 - images().images, train=images().train[:30])
    return load_domains([images(), dark])


def context(**words):
    data, domain = domains()
    return replace(images_context(**words), data=view_of(data, domain=domain))


def losses(network, view):
    found = []
    for d in range(2):
        index = view.data.valid[view.domain[view.data.valid] == d]
        found.append(float(F.cross_entropy(network(view.data.images[index]), view.data.y[index])))
    return torch.tensor(found, dtype=torch.double)


def test_shares_follow_the_ratio_of_perplexities():
    one = context()
    found = ddk.Domains(one, ddk.Config(every=2))
    with torch.no_grad():
        ratio = (losses(one.student, one.data).exp() / losses(one.teacher, one.data).exp()).exp()
        found.sample(10)
        torch.testing.assert_close(found.shares, ratio / ratio.sum(), rtol=1e-5, atol=0)
        before = found.shares
        found.sample(10)
        assert found.shares is before
        one.student[-1].weight += 0.1
        ratio = before * (losses(one.student, one.data).exp() / losses(one.teacher, one.data).exp()).exp()
        found.sample(10)
        torch.testing.assert_close(found.shares, 0.5 * ratio / ratio.sum() + 0.25, rtol=1e-5, atol=0)


@pytest.mark.parametrize("share", [0.25, 0.9])
def test_batches_hold_the_share_of_each_domain(share):
    one = context()
    found = ddk.Domains(one, ddk.Config(shares="equal"))
    found.shares = torch.tensor([share, 1 - share])
    place = torch.cat([found.sample(100) for _ in range(40)])
    domain = one.data.domain[one.data.train[place]]
    assert float((domain == 0).float().mean()) == pytest.approx(share, abs=0.03)
    assert len(place.unique()) > 85


def test_equal_shares_ask_no_network():
    found = ddk.Domains(context(), ddk.Config(shares="equal"))
    found.context = None
    assert len(found.sample(7)) == 7
    assert found.shares.tolist() == [0.5, 0.5]


def test_the_loss_is_that_of_kd():
    one, batch = context(), batch_of(*logits(num_classes=3))
    found = ddk.objective(one, ddk.Config()).loss(batch)
    plain = kd.Config(temperature=1.0, weight=0.2, label_weight=1.0)
    torch.testing.assert_close(found, kd.objective(one, plain).loss(batch))


@pytest.mark.filterwarnings("ignore:the teacher's validation")
@pytest.mark.parametrize("parts", [domains(), load_domains([nodes(), replace(nodes(), x=2 * nodes().x)])])
def test_a_student_is_trained_and_the_same_seed_gives_the_same_bytes(parts):
    data, domain = parts
    sizes = (10, 10) if hasattr(data, "x") else (64, 3)
    teacher = distill_kd(mlp(1, *sizes), mlp(2, *sizes), data, "kd", KDConfig(steps=20))
    found = []
    for _ in range(2):
        student = distill_kd(mlp(0, *sizes), teacher, data, ddk.Config(every=2), KDConfig(steps=6), domain=domain)
        found.append(torch.cat([value.view(-1) for value in student.state_dict().values()]))
    assert torch.equal(*found)
    assert not torch.equal(found[0], torch.cat([value.view(-1) for value in mlp(0, *sizes).state_dict().values()]))


def test_one_domain_is_refused():
    with pytest.raises(ValueError, match="ddk needs two domains or more, but rows is one; name others by --domains"):
        ddk.objective(images_context(), ddk.Config())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"alpha": 2}, "--alpha must be 0 to 1, got 2"),
        ({"every": 0}, "--every must be 1 or more, got 0"),
        ({"sample": 0}, "--sample must be 1 or more, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        ddk.Config(**words)
