from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from graphdistill.core.randomness import scoped
from graphdistill.kd.nodes.config import TeacherConfig
from graphdistill.kd.nodes.teachers import TeacherName, build_teacher, fit_teacher, teacher_outputs
from graphdistill.vqgraph.quantized_teacher import QuantizedTeacher
from graphdistill.vqgraph.tokenizer import Tokenizer
from tests.kd.nodes.samples import small

DATA = small()


def build(name: TeacherName = "GCN", num_codes: int = 6, seed: int = 0) -> QuantizedTeacher:
    with scoped(seed, "test"):
        teacher, layer = build_teacher(name, 9, 3, hidden_channels=8)
        return QuantizedTeacher(teacher, layer, Tokenizer(8, 9, num_codes, 8), seed)


def out_of(module: nn.Module, whole: QuantizedTeacher) -> tuple[Tensor, Tensor]:
    """What a module of a teacher gives to the next in the path of the whole, and the logits."""
    seen: list[Tensor] = []
    # Called before the module that reads the layer's output.
    hook = module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    logits = whole(DATA.x, DATA.edge_index)
    hook.remove()
    return seen[-1], logits


@pytest.mark.parametrize("name", ["GCN", "GraphSAGE", "GAT", "APPNP"])
def test_training_goes_through_the_codes_and_reaches_every_weight(name: TeacherName) -> None:
    whole = build(name).train()
    with scoped(0, "dropout"):
        loss = whole(DATA.x, DATA.edge_index).square().mean() + whole.penalty
    loss.backward()
    assert float(whole.penalty.detach()) > 0
    for weight, parameter in whole.named_parameters():
        assert parameter.grad is not None, weight
        assert bool(torch.isfinite(parameter.grad).all()), weight
    for part in (whole.tokenizer.project, whole.tokenizer.features, whole.tokenizer.edges):
        assert float(part.weight.grad.abs().sum()) > 0  # type: ignore[union-attr]


def test_the_penalty_alone_moves_the_teacher_below_the_layer_and_the_tokenizer() -> None:
    whole = build().train()
    whole(DATA.x, DATA.edge_index)
    whole.penalty.backward()
    moved = {name for name, weight in whole.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert {"teacher.convs.0.lin.weight", "tokenizer.project.weight"} <= moved
    assert not any("convs.1" in name for name in moved)


def test_the_next_layer_reads_rows_of_the_codebook_and_nothing_else() -> None:
    whole = build()
    fit_teacher(whole, DATA, TeacherConfig(epochs=3), penalty=lambda: whole.penalty)
    whole.eval()
    with torch.no_grad():
        read, logits = out_of(whole.teacher.get_submodule("convs.1"), whole)
        hidden = teacher_outputs(whole.teacher, "convs.0", DATA.x, DATA.edge_index)[1]
    code = whole.tokenizer(hidden)
    torch.testing.assert_close(read, whole.tokenizer.codebook.codes[code].relu())
    assert 1 < len(read.unique(dim=0)) <= 6
    assert len(code.unique()) <= 6
    assert logits.shape == (60, 3)


def test_answers_do_not_change_once_it_is_trained() -> None:
    whole = build()
    fit_teacher(whole, DATA, TeacherConfig(epochs=3), penalty=lambda: whole.penalty)
    whole.eval()
    before = {name: value.clone() for name, value in whole.state_dict().items()}
    first, penalty = whole(DATA.x, DATA.edge_index), float(whole.penalty.detach())
    assert torch.equal(whole(DATA.x, DATA.edge_index), first)
    assert float(whole.penalty.detach()) == penalty
    assert all(torch.equal(value, before[name]) for name, value in whole.state_dict().items())


def test_the_codebook_starts_on_data_and_moves_while_training_only() -> None:
    whole = build()
    codes = whole.tokenizer.codebook.codes
    whole.eval()(DATA.x, DATA.edge_index)
    assert not bool(codes.any())
    places = []
    with scoped(0, "dropout"):
        for _ in range(2):
            whole.train()(DATA.x, DATA.edge_index)
            places.append(codes.clone())
    torch.testing.assert_close(codes.norm(dim=1), torch.ones(6))
    assert not torch.equal(*places)


def test_a_copy_that_is_loaded_goes_on_from_its_codes() -> None:
    whole, again = build(), build(seed=1)
    fit_teacher(whole, DATA, TeacherConfig(epochs=3), penalty=lambda: whole.penalty)
    again.load_state_dict(whole.state_dict())
    # With nothing to be moved by, another start is all that could move the codes.
    again.tokenizer.codebook.decay, again.tokenizer.codebook.revive_below = 1.0, 0.0
    again.train()(DATA.x, DATA.edge_index)
    torch.testing.assert_close(again.tokenizer.codebook.codes, whole.tokenizer.codebook.codes)


def test_teacher_outputs_are_of_the_layer_before_its_codes() -> None:
    whole = build()
    fit_teacher(whole, DATA, TeacherConfig(epochs=2), penalty=lambda: whole.penalty)
    logits, hidden = teacher_outputs(whole, "teacher.convs.0", DATA.x, DATA.edge_index)
    assert len(hidden.unique(dim=0)) > 6
    assert torch.equal(logits, whole.eval()(DATA.x, DATA.edge_index))
    assert not list(whole.teacher.get_submodule("convs.0")._forward_hooks)


@pytest.mark.bits
def test_the_same_seed_gives_the_same_teacher() -> None:
    states = []
    for seed in (0, 0, 1):
        whole = build(seed=seed)
        fit_teacher(whole, DATA, TeacherConfig(epochs=3), penalty=lambda whole=whole: whole.penalty, seed=seed)  # type: ignore[misc]
        states.append(torch.cat([value.float().flatten() for value in whole.state_dict().values()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_more_codes_than_nodes_are_refused() -> None:
    with pytest.raises(ValueError, match="num_codes is 61 but there are only 60 rows"):
        build(num_codes=61).train()(DATA.x, DATA.edge_index)
