import pytest
import torch

from graphdistill.bench.kd import _impossible_distillation as claim
from graphdistill.bench.options import KDBench
from graphdistill.kd.data.smiles import SmilesView, smiles_texts
from graphdistill.kd.selectors.molecule_critics import MoleculeCritics
from tests.kd.samples import molecules, windows


@pytest.mark.filterwarnings("ignore:the teacher's validation")
def test_both_sets_are_compared(capsys, monkeypatch):
    monkeypatch.setattr(claim, "load", lambda name, root=None, seed=0: molecules() if name == "pains" else windows())
    monkeypatch.setattr(MoleculeCritics, "chosen", lambda critics, smiles, label: torch.arange(len(smiles)))
    monkeypatch.setattr(claim, "SAMPLES", 4)
    monkeypatch.setattr(claim, "PROMPTS", 4)
    claim.measure(KDBench(seeds=1, steps=1, jobs=1))
    out = capsys.readouterr().out
    for word in ("teacher", "unfiltered", "filtered", "one round", "two rounds", "generator", "bits"):
        assert word in out


def test_molecules_are_scored_by_their_characters_and_first_end():
    view = SmilesView(smiles_texts(molecules()))
    number = view.data.vocabulary.index("C")

    class Carbon(torch.nn.Module):
        def forward(self, tokens):
            logits = torch.zeros(*tokens.shape, len(view.data.vocabulary))
            logits[..., number] = 3.0
            return logits

    found = claim.scores(view, Carbon(), seed=0)
    whole = torch.logsumexp(torch.tensor([3.0] + [0.0] * (len(view.data.vocabulary) - 1)), dim=0)
    lengths = [len(view.data.smiles_of(row[None])[0]) for row in torch.cat([view.data.tokens, view.data.y[:, -1:]], 1)]
    held_out = [lengths[i] for i in view.data.test.tolist()]
    nats = sum((length + 1) * whole - 3 * (length - 1) for length in held_out)
    wanted = nats / sum(length + 1 for length in held_out) / torch.log(torch.tensor(2.0))
    assert found["bits"] == pytest.approx(float(wanted), abs=1e-4)
    assert found["new"] <= found["valid"]
