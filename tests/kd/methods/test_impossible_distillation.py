from dataclasses import replace

import pytest
import torch

from graphdistill.core.networks.transformer import Transformer
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.smiles import END, FIRST_CLASS, smiles_texts
from graphdistill.kd.data.text import text_view
from graphdistill.kd.methods import impossible_distillation as method
from graphdistill.kd.objective import Context
from graphdistill.kd.selectors.critics import NgramLikelihood, edit_distance
from tests.kd.samples import images_context, molecules, texts, windows


def network(seed):
    torch.manual_seed(seed)
    return Transformer(5, 6, 5, width=8, depth=1, heads=2, causal=True).eval()


def context(**words):
    settings = {"steps": 40, "batch_size": 16, "lr": 0.02, "weight_decay": 0.0}
    return Context(student=network(0), teacher=network(1), data=text_view(windows()), **{**settings, **words})


class Cycle(torch.nn.Module):
    """Goes on with the next character of the cycle, or with an error in a quarter of the cases."""

    def forward(self, tokens):
        right = torch.nn.functional.one_hot(1 + tokens % 4, 5).float()
        return (0.75 * right + 0.25 / 5).log()


def test_prompts_stay_and_tokens_follow_the_models_probabilities():
    prompts = windows().tokens[:1].repeat(400, 1)
    made = method.generate(context(), Cycle(), prompts, 3, 1.0, torch.Generator().manual_seed(0))
    assert torch.equal(made[:, :3], prompts[:, :3])
    assert (made[:, 3:] > 1).all()  # neither padding nor unknown
    assert float((made[:, 3] == 4).float().mean()) == pytest.approx(0.8 / 0.9, abs=0.05)
    cold = method.generate(context(), Cycle(), prompts, 3, 0.1, torch.Generator())
    assert (cold[:, 3] == 4).all()


def test_what_is_chosen_passes_every_critic():
    draws = torch.Generator().manual_seed(0)
    made, group = torch.randint(2, 6, (80, 12), generator=draws), torch.arange(80) // 8
    truth = made[::8].repeat_interleave(8, 0)
    likelihood = NgramLikelihood(made[:40], 6, 2)
    config = method.Config(likely=0.4, distance=0.5, same=0.4)
    rows = method.chosen(made, group, truth, 6, likelihood, config)
    score = likelihood.mean_log(made, 6)
    assert 0 < len(rows) < 32
    for i in rows.tolist():
        assert int((score > score[i]).sum()) < 32
        assert int(edit_distance(made[i : i + 1, 6:], truth[i : i + 1, 6:])) >= 3
        for j in rows.tolist():
            if i != j and group[i] == group[j]:
                assert int(edit_distance(made[i : i + 1, 6:], made[j : j + 1, 6:])) > 0.4 * 6


@pytest.mark.parametrize("critics", [True, False])
def test_the_student_learns_from_generated_texts_alone(critics):
    found = []
    for _ in range(2):
        each = replace(context(), teacher=Cycle())
        before = each.data.score(each.student, "valid")
        config = method.Config(prompts=20, samples=4, distance=0.0, same=0.0, critics=critics)
        result = method.distill(each, config)
        assert result.valid == each.data.score(each.student, "valid") > before + 0.2
        found.append(each.student.head.weight.detach())
    assert torch.equal(*found)


class Chains(torch.nn.Module):
    """Chains of carbon with the last atom of their class, or an error."""

    def forward(self, tokens):
        vocabulary = smiles_texts(molecules()).vocabulary
        carbon, atoms = vocabulary.index("C"), torch.tensor([vocabulary.index(atom) for atom in "NO"])
        going = torch.full((*tokens.shape, len(vocabulary)), 0.02)
        going[..., carbon] = 0.7
        last = atoms[tokens[:, 0] - FIRST_CLASS][:, None].expand_as(tokens)
        going.scatter_(2, last[..., None], 0.2)
        ended = torch.full_like(going, 0.001)
        ended[..., END] = 1.0
        return torch.where((torch.isin(tokens, atoms))[..., None], ended, going).log()


def test_molecules_have_critics_of_their_own(monkeypatch):
    seen, original = [], method._train

    def recorded(context, texts, start, steps):
        assert start == 1
        seen.append(context.data.data.smiles_of(texts))
        return original(context, texts, start, steps)

    monkeypatch.setattr(method, "_train", recorded)
    view = view_of(smiles_texts(molecules()))
    shape = view.num_classes, view.data.tokens.shape[1], view.num_classes
    for critics in (True, False):
        torch.manual_seed(0)
        student = Transformer(*shape, width=8, depth=1, heads=2, causal=True)
        before = view.score(student, "valid")
        each = replace(context(steps=30), student=student, teacher=Chains(), data=view)
        result = method.distill(each, method.Config(prompts=16, samples=8, rounds=1, alike=0.9, critics=critics))
        assert result.valid == view.score(student, "valid") > before
    filtered, others = seen
    assert len(filtered) == len(others) > 3
    assert None not in filtered
    assert len({*filtered}) == len(filtered)
    assert len({*others}) < len(others)
    monkeypatch.setattr(method.MoleculeCritics, "chosen", lambda *_: torch.empty(0, dtype=torch.long))
    with pytest.raises(
        ValueError, match="no continuation of the teacher passes the critics; train it longer, raise --samples"
    ):
        method.distill(each, method.Config(prompts=2))


def test_a_student_that_no_critic_lets_pass_ends_the_rounds(monkeypatch):
    kept, original = iter([torch.arange(8), torch.arange(0)]), method._train
    rounds = []

    def counted(*words):
        rounds.append(words)
        return original(*words)

    monkeypatch.setattr(method, "_train", counted)
    monkeypatch.setattr(method, "chosen", lambda *_: next(kept))
    each = context(steps=4)
    assert method.distill(each, method.Config(prompts=2, rounds=3)).valid == each.data.score(each.student, "valid")
    assert len(rounds) == 1


def test_without_critics_as_many_texts_are_kept(monkeypatch):
    counts, original = [], method._train

    def counted(context, texts, *words):
        counts.append(len(texts))
        return original(context, texts, *words)

    monkeypatch.setattr(method, "_train", counted)
    for critics in (True, False):
        method.distill(context(steps=1), method.Config(prompts=8, rounds=1, critics=critics))
    assert counts[0] == counts[1] > 0


def test_other_data_and_critics_that_let_nothing_pass_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="impossible-distillation continues texts, but colours has classes"):
        method.distill(replace(images_context(), data=text_view(texts())), method.Config())
    monkeypatch.setattr(method, "edit_distance", lambda first, second: torch.zeros(len(first)))
    with pytest.raises(ValueError, match="no continuation of the teacher passes the critics; train it longer"):
        method.distill(context(), method.Config(prompts=2))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"prompts": 0}, "--prompts must be 1 or more, got 0"),
        ({"temperature": 0}, "--temperature must be above 0, got 0"),
        ({"order": 9}, "--order must be from 1 to 8, got 9"),
        ({"likely": 0}, "--likely must be above 0 and at most 1, got 0"),
        ({"alike": 0}, "--alike must be above 0 and at most 1, got 0"),
        ({"same": 1}, "--same must be from 0 to below 1, got 1"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        method.Config(**words)
