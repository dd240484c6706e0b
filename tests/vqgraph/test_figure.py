from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from graphdistill.core.command.report import Row
from graphdistill.core.randomness import scoped
from graphdistill.kd.nodes.inductive import InductiveSplit
from graphdistill.kd.nodes.teachers import build_teacher
from graphdistill.vqgraph.codebook import Health
from graphdistill.vqgraph.distill import Distilled
from graphdistill.vqgraph.evaluate import NAMES, TrainedTeacher
from graphdistill.vqgraph.figure import _cost, draw
from graphdistill.vqgraph.student import VQGraphStudent
from graphdistill.vqgraph.tokenizer import Tokenizer
from tests.figure_checks import check
from tests.kd.nodes.samples import rows, small

TIMES = {"teacher": 1.2, "student": 0.05, "student, full batch": 0.001}
DATA = small()
TRAINED = TrainedTeacher(
    build_teacher("GCN", 9, 3, hidden_channels=8)[0],
    "convs.0",
    InductiveSplit(DATA, DATA, torch.arange(60), torch.arange(0)),
    rows(60, 3),
    rows(60, 8, 1),
    0.8,
    1.0,
)


def distilled(code: torch.Tensor, num_codes: int = 12) -> Distilled:
    with scoped(0, "test"):
        tokenizer = Tokenizer(8, 9, num_codes, 6)
        student, head = VQGraphStudent(9, 8, 3).eval(), torch.nn.Linear(8, num_codes)
    tokenizer.codebook.codes.copy_(torch.nn.functional.normalize(rows(num_codes, 6, 2), dim=1))
    health = Health(float(len(code.unique())), len(code.unique()), num_codes, 0)
    return Distilled(student, tokenizer, head, code, health, 0.8, 4, 1.0)


def report(columns: tuple[str, ...] = ("test",), seeds: int = 2, methods: tuple[str, ...] = tuple(NAMES)) -> list[Row]:
    return [
        Row(
            name=NAMES[method].format("GCN"),
            group=column,
            test=tuple(0.5 + 0.04 * place + 0.01 * seed for seed in range(seeds)),
            valid=(),
            nbytes=None,
            entries=None,
        )
        for place, method in enumerate(methods)
        for column in columns
    ]


@pytest.mark.parametrize("columns", [("test",), ("tran", "ind", "prod")])
@pytest.mark.parametrize("seeds", [1, 3])
def test_a_png_of_the_size_that_a_page_holds(
    columns: tuple[str, ...], seeds: int, tmp_path: Path, figures: list[Figure]
) -> None:
    draw(TRAINED, distilled(torch.arange(60) % 12), report(columns, seeds), TIMES, tmp_path / "figure.png")
    data = (tmp_path / "figure.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert (1200 <= width <= 2400, 400 <= height <= 900) == (True, True)
    assert 20_000 < len(data) < 500_000
    check(figures[0])


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    for name in ("one.png", "two.png"):
        draw(TRAINED, distilled(torch.arange(60) % 12), report(), TIMES, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("used", [1, 2, 3, 4])
def test_a_codebook_of_which_hardly_any_is_in_use_can_be_drawn(used: int, tmp_path: Path) -> None:
    draw(TRAINED, distilled(torch.arange(60) % used), report(), TIMES, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_more_classes_than_colours_are_told_apart_by_their_numbers(tmp_path: Path, figures: list[Figure]) -> None:
    many = replace(TRAINED, logits=torch.eye(15).repeat(4, 1))
    draw(many, distilled(torch.arange(60) % 15, 15), report(), TIMES, tmp_path / "figure.png")
    assert [text.get_text() for text in figures[0].axes[1].texts] == [str(value) for value in range(15)]
    check(figures[0])


def points(made: list[Row]) -> dict[str, tuple[float, float]]:
    """Latency and accuracy of each model, by the name in its label."""
    axes = Figure(figsize=(6, 4)).add_axes((0.1, 0.1, 0.5, 0.8))
    _cost(axes, made, TIMES)
    spots = {round(y, 6): (x, y) for line in axes.lines if len(line.get_xdata()) == 1 for x, y in line.get_xydata()}
    found = {}
    for text in axes.texts:
        name, _, mean = " ".join(text.get_text().split()).rpartition(" ")
        found[name] = next(spot for y, spot in spots.items() if f"{y:.1f}" == mean)
    return found


def test_every_model_but_the_untrained_one_is_a_point_at_its_latency() -> None:
    found = points(report(("tran", "prod")))
    assert len(found) == len(NAMES) - 1
    for name, (x, _) in found.items():
        # Models of the same latency stand next to each other.
        assert x == pytest.approx(1.2 if "teacher GCN" in name else 0.05, rel=0.9), name
    assert found["teacher GCN"][0] > 10 * found["VQGraph student"][0]
    assert found["teacher GCN"][1] == pytest.approx(50.5)
    assert found["VQGraph student"][1] == pytest.approx(54.5)
    assert not any("untrained" in name for name in found)


def test_what_was_chosen_on_test_says_so() -> None:
    found = points(report())
    for name in ("VQGraph student, selected on TEST", "GLNN, selected on TEST", "published student, selected on TEST"):
        assert name in found
    assert {"VQGraph student", "GLNN"} <= set(found)
