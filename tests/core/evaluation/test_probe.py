from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from graphdistill.core.evaluation.probe import ProbeProtocol, unlabelled_set
from graphdistill.core.evaluation.protocol import TrainingInput
from graphdistill.core.evaluation.rows import baseline_rows, train_rows
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import FitConfig
from tests.condense.samples import bars


def protocol(classes: int = 3) -> ProbeProtocol:
    fit = FitConfig(steps=6, batch_size=16, eval_every=3)
    return ProbeProtocol(bars(classes=classes), trainings=2, labelled=3, width=5, encoder_steps=4, fit=fit)


@pytest.fixture(scope="module")
def here() -> ProbeProtocol:
    return protocol()


def test_targets_are_outputs_of_the_encoder_of_mean_0_and_deviation_1(here: ProbeProtocol) -> None:
    x, _ = here.split("train")
    with torch.no_grad():
        out = here.encoder(x)
    torch.testing.assert_close(here.targets, out, atol=1 / 32 + 1e-6, rtol=0)
    torch.testing.assert_close(out.mean(dim=0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std(dim=0, correction=0), torch.ones(5))
    assert torch.equal(here.targets, protocol().targets)


def test_the_probe_is_a_logistic_regression_on_features_of_a_few_images(here: ProbeProtocol) -> None:
    plain, probed = super(ProbeProtocol, here).network("ConvNet", 3), here.network("ConvNet", 3)
    index = here.labelled_index(3)
    (x, y), (tests, _) = here.split("train"), here.split("test")
    assert y[index].bincount().tolist() == [3, 3, 3]
    with torch.no_grad():
        features, others = plain.embed(x[index]), plain.embed(tests)  # type: ignore[operator]
        model = LogisticRegression(max_iter=5000).fit(features.numpy(), y[index].numpy())
        assert probed(tests).argmax(dim=1).tolist() == model.predict(others.numpy()).tolist()


def test_two_classes_have_a_probe_of_two_outputs() -> None:
    here = protocol(classes=2)
    index = here.labelled_index(0)
    x, y = here.split("train")
    net, plain = here.network("ConvNet", 0), super(ProbeProtocol, here).network("ConvNet", 0)
    with torch.no_grad():
        logits, features = net(x), plain.embed(x)  # type: ignore[operator]
    model = LogisticRegression(max_iter=5000).fit(features[index].numpy(), y[index].numpy())
    wanted = torch.from_numpy(model.predict_proba(features.numpy())).float()
    torch.testing.assert_close(logits.softmax(dim=1), wanted, atol=1e-3, rtol=1e-2)


def test_rows_of_a_report(here: ProbeProtocol) -> None:
    (some,) = here.random_sets(900, 1)
    assert some.nbytes <= 900
    assert some.task == "regression"
    (row,) = train_rows(here, "some", [some])
    assert len(row.test) == len(row.valid) == 2
    assert [len(part) for part in here.extra_baselines([some, some])["random images, equal number"]] == [len(some)] * 2
    assert [row.name for row in baseline_rows(here, [some])] == [
        "untrained network",
        "logistic regression on pixels of the labelled images",
        "majority class",
    ]
    full = here.full()
    assert full.nbytes is not None
    assert full.nbytes > some.nbytes
    assert torch.equal(full.y, here.targets)


def test_pretraining_learns_targets_and_reads_no_label(here: ProbeProtocol) -> None:
    whole = here.training_split()
    _, short = here.pretrained(whole, 0, FitConfig(steps=1, batch_size=16))
    _, long = here.pretrained(whole, 0, FitConfig(steps=60, batch_size=16, eval_every=20))
    assert long.valid < short.valid


def test_random_images_are_drawn_without_labels(here: ProbeProtocol) -> None:
    assert sorted(here.random_order(0).tolist()) == list(range(len(here.targets)))
    assert not torch.equal(here.random_order(0), here.random_order(1))


def test_sets_with_classes_and_wrong_options_are_refused(here: ProbeProtocol) -> None:
    x, y = here.split("train")
    with pytest.raises(ValueError, match=r"needs a set with 5 targets an image, got labels of shape \[36\]; give one"):
        here.train_all(SyntheticSet(x, y, torch.ones(len(y))), 0)
    with pytest.raises(ValueError, match=r"got labels of shape \[36, 2\]"):
        here.train_all(TrainingInput(x, torch.zeros(36, 2), torch.ones(36), 36), 0)
    with pytest.raises(ValueError, match="labelled must be 1 or more, got 0"):
        ProbeProtocol(bars(), labelled=0)


def test_images_and_targets_are_stored_as_they_are_trained_on() -> None:
    x: Tensor = torch.rand(3, 1, 8, 8)
    synthetic = unlabelled_set(x, torch.tensor([[0.26], [-1.0], [7.99]]), {"method": "krr-st"})
    again = SyntheticSet.from_payload(synthetic.payload(), task="regression", features="continuous", meta={})
    assert torch.equal(again.y, synthetic.y)
    assert torch.equal(again.data, synthetic.data)  # type: ignore[arg-type]
    assert synthetic.y.flatten().tolist() == [0.25, -1.0, 8.0]
    assert synthetic.weight.tolist() == [pytest.approx(1 / 3)] * 3
