import pytest
import torch

from graphdistill.core.data.datasets import ImageDataset
from graphdistill.generate.denoiser import Denoiser, add_noise
from graphdistill.generate.networks import NetworkConfig
from graphdistill.generate.noise import NoiseSchedule
from graphdistill.generate.space import Entries, Space
from graphdistill.generate.teacher import TeacherConfig, default_network, denoising_loss, train_teacher
from tests.generate.samples import TINY, denoiser, entries, two_moons

SEED = torch.Generator().manual_seed


class Changed(Denoiser):
    """Another function of what a denoiser returns."""

    def __init__(self, model, change):
        super().__init__(model.network, model.schedule)
        self.model, self.change = model, change

    def forward(self, x, sigma, y=None, **words):
        return self.change(x, self.model(x, sigma, y, **words))


def test_the_loss_is_that_of_a_loop_over_entries():
    model, x, y = denoiser().frozen(), torch.randn(5, 2), torch.tensor([0, 1, 2, 3, 0])
    draws = SEED(0)
    sigma = model.schedule.lognormal(5, generator=draws)
    noisy = add_noise(x, sigma, draws)
    total = 0.0
    for i in range(5):
        clean = model(noisy[i : i + 1], float(sigma[i]), y[i : i + 1])[0]
        weight = 1 / float(sigma[i]) ** 2 + 1 / model.schedule.sigma_data**2
        total += weight * float((clean - x[i]).square().mean()) / 5
    assert float(denoising_loss(model, x, y, SEED(0))) == pytest.approx(total, rel=1e-4)


def mixture_entries(n=4000):
    """Entries that the exact denoiser of a mixture is the best for."""
    exact, y = two_moons(), torch.arange(n) % 2
    z, _ = exact.draw(y, SEED(0))
    place = torch.arange(n)
    data = ImageDataset("moons", torch.zeros(n, 1, 1, 1), y, place[: n // 2], place[n // 2 :], place[:1])
    return exact, Entries(data, "images", z, y, 2, Space((2,)))


def test_nothing_denoises_better_than_the_mean_and_training_approaches_it():
    exact, data = mixture_entries()
    z, y = data.split("valid")

    def loss(model):
        with torch.no_grad():
            return sum(float(denoising_loss(model, z, y, SEED(seed))) for seed in range(3)) / 3

    best = loss(exact)
    changes = {
        "identity": lambda x, d: x,
        "zero": lambda x, d: 0 * d,
        "too far": lambda x, d: x + 1.1 * (d - x),
        "not far enough": lambda x, d: x + 0.9 * (d - x),
        "shifted": lambda x, d: d + 0.02,
    }
    assert all(loss(Changed(exact, change)) > best for change in changes.values())
    training = TeacherConfig(steps=400, ema=0.98, lr=5e-3, unconditional=0.0)
    short, trained = (
        loss(train_teacher(data, config, NetworkConfig(width=24, depth=1)))
        for config in (TeacherConfig(steps=20), training)
    )
    assert best < trained < 1.3 * best
    assert trained < short


def test_a_seed_gives_the_same_bytes_and_leaves_torchs_own_generator():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    config = TeacherConfig(steps=3, batch_size=8)
    first, second, other = (train_teacher(entries(), config, TINY, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    states = [model.state_dict() for model in (first, second, other)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert not torch.equal(states[0]["network.last.weight"], states[2]["network.last.weight"])
    assert not first.training
    assert not any(weight.requires_grad for weight in first.parameters())
    assert (first.shape, first.num_classes) == ((1, 4, 4), 3)


def test_the_teacher_has_the_levels_that_were_asked_for():
    schedule = NoiseSchedule(sigma_max=3.0)
    assert train_teacher(entries(), TeacherConfig(steps=1), TINY, schedule=schedule).schedule == schedule


def test_training_stops_without_improvement_and_the_best_weights_are_kept(monkeypatch):
    values = iter([5.0, 1.0, 2.0, 3.0, 4.0])
    seen = []

    def check(model, x, y, generator):
        if torch.is_grad_enabled():
            return denoising_loss(model, x, y, generator)
        if len(seen) % 8 == 0:
            seen.append((next(values), model.network.last.weight.clone()))
        else:
            seen.append((seen[-1][0], None))
        return torch.tensor(seen[-1][0])

    monkeypatch.setattr("graphdistill.generate.teacher.denoising_loss", check)
    made = train_teacher(entries(), TeacherConfig(steps=20, batch_size=4, patience=2), TINY)
    assert len(seen) == 4 * 8
    assert torch.equal(made.network.last.weight, seen[8][1])
    assert not torch.equal(made.network.last.weight, seen[24][1])


def test_small_entries_get_a_perceptron_and_larger_images_a_mixer():
    assert default_network((64,)).network == default_network((1, 8, 8)).network == "mlp"
    assert default_network((4096,)).network == "mlp"
    for shape, patch in (((1, 16, 16), 4), ((3, 10, 14), 2), ((1, 9, 15), 1)):
        config = default_network(shape)
        assert (config.network, config.patch) == ("mixer", patch)
        config.build(shape, 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"steps": 0}, "steps must be 1 or more, got 0"),
        ({"batch_size": 0}, "batch_size must be 1 or more, got 0"),
        ({"patience": 0}, "patience must be 1 or more, got 0"),
        ({"lr": float("nan")}, "lr must be above 0 and finite, got nan"),
        ({"ema": 1.0}, r"ema must be 0 or more and below 1, got 1\.0"),
        ({"unconditional": 1.5}, r"unconditional must be 0 to 1, got 1\.5"),
    ],
)
def test_options_out_of_range_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        TeacherConfig(**words)
