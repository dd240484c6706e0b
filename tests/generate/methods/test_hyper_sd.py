import pytest
import torch

from graphdistill.generate.methods import hyper_sd
from graphdistill.generate.methods.hyper_sd import Adversary, Config, distill, segment_ends, segment_loss
from tests.generate.mixture import context, drawn, exact, path


class Perfect:
    """Carries entries of any level to the end of the exact path at a level."""

    def __init__(self, end):
        self.end = end

    def __call__(self, x, sigma, y):
        end, share = path(x, sigma, self.end, y), (self.end / sigma)[:, None]
        # The clean entry from which a straight line to x passes the end; anything at the end itself.
        return torch.where(share < 1, (end - share * x) / (1 - share), x)


def noisy(count=60):
    draws = torch.Generator().manual_seed(0)
    y, t = torch.arange(count) % 3, 0.3 + 3 * torch.rand(count, generator=draws)
    return t[:, None] * torch.randn(count, 2, generator=draws), y, t


@pytest.mark.parametrize("segments", [8, 4, 2, 1])
def test_segments_end_at_equal_parts_of_the_grid(segments):
    ends = segment_ends(torch.arange(32), 32, segments)
    assert ends.unique().tolist() == [32 // segments * (part + 1) for part in range(segments)]
    assert bool((ends > torch.arange(32)).all())
    assert torch.bincount(ends)[ends.unique()].tolist() == [32 // segments] * segments


@pytest.mark.parametrize("last", [0.97, 0.5])
def test_a_perfect_student_has_almost_no_loss(last):
    x, y, t = noisy()
    perfect, other = Perfect(last * t), Perfect(last * t * 1.2)
    loss, _ = segment_loss(perfect, exact(), x, y, (t, 0.97 * t, last * t), 0.0)
    assert float(loss) < 1e-3
    if last < 0.8:
        assert float(segment_loss(other, exact(), x, y, (t, 0.97 * t, last * t), 0.0)[0]) > 30 * float(loss)


def test_only_the_higher_level_gets_gradients():
    ctx = context()
    student, (x, y, t) = ctx.teacher.copy(), noisy()
    loss, clean = segment_loss(student, ctx.teacher, x, y, (t, 0.8 * t, 0.5 * t), 0.0)
    (slope,) = torch.autograd.grad(loss, clean, retain_graph=True)
    weights = [p for name, p in student.named_parameters() if "guidance" not in name]
    found = torch.autograd.grad(loss, weights, retain_graph=True)
    for one, other in zip(found, torch.autograd.grad(clean, weights, slope), strict=True):
        torch.testing.assert_close(one, other)


def test_the_adversary_learns_to_tell_entries_apart():
    ctx = context(lr=0.01)
    adversary = Adversary(ctx)
    x, y = ctx.entries.split("train")
    for _ in range(60):
        adversary.learn(x + 1, x, y)
    with torch.no_grad():
        assert adversary.logits(x, y).mean() > adversary.logits(x + 1, y).mean() + 1


def test_stages_halve_the_segments_and_the_change_has_a_low_rank(monkeypatch):
    labels, train = [], hyper_sd.train_student
    monkeypatch.setattr(hyper_sd, "train_student", lambda *a, **k: labels.append(k["label"]) or train(*a, **k))
    ctx = context(sampling_steps=2)
    made = distill(ctx, Config(rank=2, grid=8))
    assert labels == ["8 segments", "4 segments", "2 segments", "1 segment"]
    assert made.evaluations == 2
    kept = ctx.teacher.state_dict()
    for name, value in made.models[0].state_dict().items():
        change = (value - kept[name]).double()
        linear = change.dim() == 2 and "label" not in name
        assert torch.linalg.matrix_rank(change, tol=1e-5) <= 2 if linear else not change.any()


@pytest.mark.parametrize("words", [{}, {"gan": 0.0, "reward": 0.0}])
def test_same_seed_same_bytes(words):
    made = [distill(context(seed), Config(grid=8, **words)) for seed in (0, 0, 1)]
    assert torch.equal(drawn(made[0]), drawn(made[1]))
    assert not torch.equal(drawn(made[0]), drawn(made[2]))


def test_the_reward_rises_with_the_likelihood_of_the_class():
    ctx = context()
    reward = hyper_sd._reward(ctx)
    x, y = ctx.entries.split("valid")
    assert float(reward(x, y)) < float(reward(x, (y + 1) % 3))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"guidance": -1.0}, "--guidance must be 0 or more, got -1.0"),
        ({"grid": 12}, "--grid must be a multiple of 8, got 12"),
        ({"rank": 0}, "--rank must be 1 or more, got 0"),
        ({"lr_scale": 0.0}, "--lr-scale must be above 0, got 0.0"),
        ({"gan": -1.0}, "--gan and --reward must be 0 or more, got -1.0 and 0.003"),
        ({"start": 0.0}, "--start must be above 0, got 0.0"),
    ],
)
def test_errors_name_the_option(words, error):
    with pytest.raises(ValueError, match=error):
        Config(**words)
