import copy
import functools

import pytest
import torch

from graphdistill.compress import compress_network, load_compressed, save_compressed
from graphdistill.compress.coded_stage import UniformStage
from graphdistill.compress.context import Context
from graphdistill.compress.methods import entropic_student
from graphdistill.compress.methods.entropic_student import Config, baselines
from graphdistill.compress.split import coded_stage, halves, sent_bytes, split_network
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.randomness import scoped
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_labels
from tests.kd.samples import images

SHORT = KDConfig(steps=6, lr=0.01, eval_every=3)


@functools.cache
def _network():
    torch.manual_seed(0)
    return fit_labels(MLP((1, 8, 8), 3, width=16), ImageView(images()), KDConfig(steps=30, lr=0.02, eval_every=30))


def network():
    """A trained perceptron."""
    return copy.deepcopy(_network())


def compressed(config, training=SHORT, seed=0):
    view = ImageView(images())
    context = Context(network=network(), teacher=network(), data=view, training=training, seed=seed)
    return entropic_student.compress(context, config).network


def test_the_first_training_is_adam_on_the_errors_of_all_stages_and_the_rate():
    view, config = ImageView(images()), Config(beta=0.5, channels=2, width=5)
    x, above = view.data.images[view.data.train], network()
    with scoped(0, "compress", "encoder"):
        expected = split_network(above, x[:2], channels=2, width=5)
    stage = coded_stage(expected)
    targets = [above.blocks[0](x.flatten(1)).detach()]
    targets.append(above.blocks[1](targets[0]).detach())
    optimizer = torch.optim.AdamW(stage.parameters(), lr=0.01, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3)
    with scoped(0, "kd", "dropout"):
        for _ in range(3):
            noisy = stage.encoder(x.flatten(1))
            noisy = noisy + torch.rand_like(noisy) - 0.5
            first = stage.decoder(noisy)
            second = expected.blocks[1](first)
            likelihood = stage.bottleneck.prior.likelihood(noisy.T)
            loss = (first - targets[0]).square().sum() + (second - targets[1]).square().sum()
            loss = (loss - 0.5 * likelihood.log2().sum()) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    found = coded_stage(compressed(config, KDConfig(steps=3, batch_size=60, lr=0.01, weight_decay=0.0, eval_every=3)))
    for mine, theirs in zip(found.encoder.parameters(), stage.encoder.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-3)
    frequency = stage.bottleneck.prior.frequency()
    torch.testing.assert_close(found.bottleneck.frequency.float(), frequency.float(), atol=50, rtol=1e-2)


def test_the_second_training_leaves_encoder_and_prior_and_reads_rounded_features():
    one, two = (compressed(Config(), KDConfig(steps=steps, lr=0.01, eval_every=1)) for steps in (2, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    other = compressed(Config(weight=0.0, label_weight=1.0), KDConfig(steps=2, lr=0.01, eval_every=1))
    assert torch.equal(coded_stage(one).encoder[2].weight, coded_stage(other).encoder[2].weight)
    assert torch.equal(coded_stage(one).bottleneck.frequency, coded_stage(other).bottleneck.frequency)
    assert not torch.equal(one.head.weight, other.head.weight)
    assert not torch.equal(one.head.weight, network().head.weight)


def test_a_larger_beta_sends_fewer_bytes():
    training, view = KDConfig(steps=30, lr=0.02, eval_every=30), ImageView(images())
    sizes = [sent_bytes(view, compressed(Config(beta=beta), training)) for beta in (0.0, 20.0)]
    assert sizes[1] < 0.8 * sizes[0]


def test_the_baseline_sends_the_network_s_own_features():
    found = compressed(Config(bits=8))
    stage, view = coded_stage(found), ImageView(images())
    assert isinstance(stage, UniformStage)
    x = view.data.images[view.data.train].flatten(1)
    torch.testing.assert_close(stage(x), network().blocks[0](x), atol=0.01, rtol=0)
    assert not torch.equal(found.head.weight, network().head.weight)


def test_it_is_saved_whole_and_in_halves(tmp_path):
    data = images()
    torch.manual_seed(0)
    net = fit_labels(ConvNet((1, 8, 8), 3, width=8), data, SHORT)
    made = compress_network(net, data, "entropic-student", SHORT)
    save_compressed(made, tmp_path)
    fresh = split_network(ConvNet((1, 8, 8), 3, width=8), data.images[:2])
    again = load_compressed(fresh, tmp_path).network
    assert torch.equal(again(data.images), made.network(data.images))
    sender, receiver = halves(again)
    assert torch.equal(receiver(receiver.decode(sender.encode(data.images))), made.network(data.images))


def test_rows_of_a_report():
    assert list(baselines(Config(beta=0.5))) == [
        "uniform, 2 bits",
        "uniform, 4 bits",
        "uniform, 8 bits",
        "beta 0.125",
        "beta 2",
    ]
    assert baselines(Config(bits=3)) == {}
    assert baselines(Config())["beta 1"] == Config(beta=1.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"beta": -1.0}, "--beta must be 0 or more, got -1"),
        ({"channels": 0}, "--channels must be 1 or more, got 0"),
        ({"width": 0}, "--width must be 1 or more, got 0"),
        ({"bits": 9}, "--bits must be 0 to 8, got 9"),
        ({"temperature": 0.0}, "--temperature must be above 0, got 0"),
        ({"label_weight": float("nan")}, "--label-weight must be 0 or more, got nan"),
        ({"weight": 0.0, "label_weight": 0.0}, "both 0, so that nothing is learned"),
    ],
)
def test_options_out_of_range_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        Config(**words)
