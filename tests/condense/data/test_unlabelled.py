from __future__ import annotations

import torch

from graphdistill.condense.data.unlabelled import LearnableTargets, UnlabelledImages
from tests.condense.samples import real_data, seeded


def unlabelled() -> UnlabelledImages:
    real = real_data("unlabelled images")
    assert isinstance(real, UnlabelledImages)
    return real


def test_no_class_is_known() -> None:
    real = unlabelled()
    assert real.num_classes == 1
    assert real.y.tolist() == [0] * len(real)
    assert len(real.init_random(5, seeded())) == 5


def test_networks_have_an_output_for_each_target() -> None:
    real = unlabelled()
    x, _ = real.sample(4, seeded())
    assert real.network()(x).shape == (4, real.targets.shape[1]) == real.encoder(x).shape


def test_images_and_targets_are_learnt_and_stored() -> None:
    real, index = unlabelled(), torch.tensor([3, 0])
    synthetic = real.init_from(index)
    assert torch.equal(synthetic.labels, real.targets[index])
    assert synthetic.parameters().keys() == {"x", "targets"}
    frozen, selected = synthetic.freeze({"method": "krr-st"}), real.select(index)
    assert frozen.meta == {"method": "krr-st"}
    assert torch.equal(frozen.y, selected.y)
    assert torch.equal(frozen.data, selected.data)  # type: ignore[arg-type]


def test_the_loss_of_a_network_on_targets_is_the_mean_of_squares() -> None:
    outputs, targets = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]])
    assert LearnableTargets.loss(outputs, targets).item() == 2.5
