import copy

import pytest
import torch
import torch.nn.functional as F

from fed.client.local_training import LossTerms, contrastive, distillation, pseudo_gradient, train, train_teacher
from fed.data.client_data import network
from graphdistill.core.training.fit import predict
from tests.fed.samples import FACTS, molecular, part
from tests.second_device import second_device, values


def naive(z, y, t):
    z = [v / v.norm() for v in z]
    losses = []
    for i in range(len(z)):
        mates = [p for p in range(len(z)) if p != i and y[p] == y[i]]
        if mates:
            below = sum(torch.exp(z[i] @ z[a] / t) for a in range(len(z)) if a != i)
            losses.append(-sum(torch.log(torch.exp(z[i] @ z[p] / t) / below) for p in mates) / len(mates))
    return sum(losses) / len(losses)


def test_the_contrastive_loss_is_that_of_the_equation():
    draws = torch.Generator().manual_seed(0)
    z, y = torch.randn(7, 4, generator=draws), torch.tensor([0, 1, 0, 2, 1, 0, 3])
    torch.testing.assert_close(contrastive(z, y, 0.5), naive(z, y, 0.5))


def test_without_mates_there_is_nothing_to_contrast():
    assert contrastive(torch.randn(2, 3), torch.tensor([0, 1]), 0.07).item() == 0


def test_training_learns():
    own, net = part(0, count=30), network(FACTS, 0)
    train(net, own.train, 600, 0, lr=0.1)
    assert own.score(net, "test") == 1.0


def test_one_step_gives_its_gradient_back():
    own, net = part(0), network(FACTS, 0)
    old = copy.deepcopy(net)
    loss = train(net, own.train, 12, 0, lr=0.4)
    wanted = F.cross_entropy(old(own.train[0]), own.train[1])
    assert loss == pytest.approx(wanted.item(), abs=1e-5)
    for ours, theirs in zip(
        pseudo_gradient(old, net, 0.4), torch.autograd.grad(wanted, list(old.parameters())), strict=True
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)


def test_the_proximal_term_holds_weights_back():
    own, moved = part(0), []
    for weight in (0.0, 5.0):
        net = network(FACTS, 0)
        old = copy.deepcopy(net)
        train(net, own.train, 240, 0, LossTerms(proximal=weight), lr=0.05)
        moved.append(sum(float(g.square().sum()) for g in pseudo_gradient(old, net, 0.4)))
    assert moved[1] < 0.5 * moved[0]


def test_anchors_change_what_is_learnt_and_only_with_a_weight():
    own, weights = part(0), []
    for terms in (LossTerms(), LossTerms(contrast=0.0, anchors=own.valid), LossTerms(contrast=1.0, anchors=own.valid)):
        net = network(FACTS, 0)
        train(net, own.train, 12, 0, terms, lr=0.4)
        weights.append(net.head.weight.detach())
    assert torch.equal(weights[0], weights[1])
    blocks = network(FACTS, 0)
    train(blocks, own.train, 24, 0, LossTerms(contrast=1.0, anchors=own.valid), lr=0.4)
    assert not torch.equal(blocks.head.weight, weights[0])


def test_a_step_is_contrasted_with_some_anchors_only():
    own, net, seen = part(0, count=30), network(FACTS, 0), []
    net.blocks[0].register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    anchors = tuple(torch.cat([values] * 10) for values in own.valid)
    train(net, own.train, 20, 0, LossTerms(contrast=1.0, anchors=anchors, num_anchors=16), lr=0.4)
    assert seen == [20 + 16]


def test_distillation_is_that_of_the_equation():
    draws = torch.Generator().manual_seed(0)
    ours, theirs = torch.randn(4, 3, generator=draws), torch.randn(4, 3, generator=draws)
    p, q = (theirs / 2).softmax(dim=1), (ours / 2).softmax(dim=1)
    wanted = 4 * sum(float(p[i, c] * torch.log(p[i, c] / q[i, c])) for i in range(4) for c in range(3)) / 4
    assert distillation(ours, theirs, 2.0).item() == pytest.approx(wanted, rel=1e-5)


def test_the_teachers_logits_are_learnt_and_not_the_class():
    own, net = part(0, count=30), network(FACTS, 0)
    logits = 8 * F.one_hot((own.train[1] + 1) % 3, 3).float()
    train(net, own.train, 600, 0, LossTerms(logits=logits), lr=0.1)
    assert torch.equal(predict(net, own.test[0]).argmax(dim=1), (own.test[1] + 1) % 3)


def test_logits_follow_their_images():
    own, losses = part(0, count=30), []
    for order in (torch.arange(30), torch.arange(30).flip(0)):
        net = network(FACTS, 0)
        logits = predict(network(FACTS, 1), own.train[0])
        losses.append(
            train(net, (own.train[0][order], own.train[1][order]), 30, 0, LossTerms(logits=logits[order]), lr=0.0)
        )
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_teacher_knows_its_images():
    own = part(0, count=30)
    logits = predict(train_teacher(own, 0, steps=40), own.test[0])
    assert torch.equal(logits.argmax(dim=1), own.test[1])
    assert torch.equal(logits, predict(train_teacher(own, 0, steps=40), own.test[0]))


def test_images_come_again_only_once_all_were_taken():
    own, net = part(0, count=5), network(FACTS, 0)
    seen = []
    net.blocks[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    train(net, own.train, 13, 0, lr=0.4)
    rows = torch.cat(seen).flatten(1)
    assert len(rows) == 13
    assert len(rows[:5].unique(dim=0)) == len(rows[5:10].unique(dim=0)) == 5


def test_weights_are_how_often_an_entry_counts():
    x, y = part(0, count=6).train
    weight = torch.tensor([3.0, 1, 1, 1, 1, 1])
    first, second = network(FACTS, 0), network(FACTS, 0)
    train(first, (x, y, weight * 7), 6, 0, lr=0.1)
    loss = (F.cross_entropy(second(x), y, reduction="none") * weight).sum() / weight.sum()
    loss.backward()
    for p, q in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(p, q - 0.1 * q.grad, atol=1e-6, rtol=1e-4)


def test_molecules_are_trained_on_alike_in_whatever_numbering(monkeypatch):
    own = molecular(monkeypatch, clients=1)[1][0]
    one, two = network(own.facts, 0), network(own.facts, 0)
    rows = torch.arange(len(own.train[1])).flip(0)
    forest, y, weight = own.train
    # All at once, so that the order says nothing.
    train(one, own.train, len(rows), 0, lr=0.1, batch_size=len(rows))
    train(two, (forest.subset(rows), y[rows], weight[rows]), len(rows), 0, lr=0.1, batch_size=len(rows))
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(p, q, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("term", ["none", "contrast", "logits", "correction", "weights"])
def test_data_and_terms_are_moved_to_the_networks_device(term):
    own, made = part(0, count=30), []
    correction = [0.1 * torch.ones_like(p) for p in network(FACTS, 1).parameters()]
    terms = {
        "contrast": LossTerms(contrast=0.5, anchors=own.valid, num_anchors=4),
        "logits": LossTerms(logits=predict(network(FACTS, 1), own.train[0]), proximal=0.5),
        "correction": LossTerms(correction=correction),
    }.get(term, LossTerms())
    data = (*own.train, torch.linspace(1, 2, 30)) if term == "weights" else own.train
    with second_device() as far:
        for device in ("cpu", far):
            net = network(FACTS, 0).to(device)
            loss = train(net, data, 50, 5, terms, lr=0.1)
            made.append((values(net.state_dict()), loss))
    assert made[0][1] == made[1][1]
    assert all(torch.equal(value, made[1][0][name]) for name, value in made[0][0].items())
