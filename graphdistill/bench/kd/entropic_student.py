"""Entropic Student against uniform steps and zlib: bytes that an entry sends, and accuracy, at several rates.

Uniform steps are taken of the first stage of the float network, and of the features that the encoder of least beta
sends; the images themselves in few levels are a third baseline. Decoder and later stages are trained in all rows.
"""

from __future__ import annotations

import copy
from dataclasses import replace

from torch import nn

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.compress.coded_stage import CodedStage, EntropicStage, UniformStage
from graphdistill.compress.context import Context
from graphdistill.compress.distill import compress
from graphdistill.compress.methods.entropic_student import Config, distil_rest
from graphdistill.compress.split import coded_stage, first_stage, sent_bytes
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.view import View
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.evaluate import build

NETWORK = "ConvNet"
BETAS = (0.02, 0.1, 0.25, 0.5)
BITS = (2, 3, 4, 6, 8)


def measure(bench: Bench) -> None:
    """Accuracy and bytes on digits by beta, and of the baselines by bits."""
    found = run_seeds(bench, _seed, bench, "digits")
    accuracy = {row: {"accuracy": values["accuracy"]} for row, values in found.items()}
    show(f"digits, {NETWORK}, test accuracy in %", accuracy, "float network")
    sizes = {row: {"bytes": values["bytes"]} for row, values in found.items() if "bytes" in values}
    show(f"digits, {NETWORK}, bytes an entry", sizes)


def _seed(bench: Bench, seed: int) -> Scores:
    """All rows on one split, from one trained network."""
    view, training = view_of(load("digits", bench.root, seed=seed)), KDConfig(steps=bench.steps)
    network = fit_labels(build(view, NETWORK, "teacher", seed), view, training, seed=seed)
    rows = {"float network": {"accuracy": 100 * view.score(network, "test")}}
    split = {beta: compress(network, view, Config(beta=beta), training, seed=seed).network for beta in BETAS}
    for beta, made in split.items():
        rows[f"beta {beta}"] = _scores(view, made)
    for bits in BITS:
        made = compress(network, view, Config(bits=bits), training, seed=seed).network
        rows[f"first stage, {bits} bits"] = _scores(view, made)
    finest = split[min(BETAS)]
    for part in ("encoder", "images"):
        for bits in BITS[:3] if part == "encoder" else (1, 2, 4):
            base = copy.deepcopy(finest if part == "encoder" else network)
            stage = _uniform(view, base, bits)
            base.set_submodule(first_stage(network), stage)
            context = Context(network=base, teacher=network, data=view, training=training, seed=seed)
            distil_rest(context, replace(Config(), bits=bits), base)
            rows[f"{part}, {bits} bits"] = _scores(view, base)
    return rows


def _uniform(view: View, network: nn.Module, bits: int) -> CodedStage:
    """Uniform steps of what the encoder sends, or of the images where there is none."""
    stage, images = coded_stage(network), view.data.images[view.data.train]
    if isinstance(stage, EntropicStage):
        return UniformStage(stage.encoder, stage.encoder(images), bits, stage.decoder)
    return UniformStage(nn.Identity(), images, bits, network.get_submodule(first_stage(network)))


def _scores(view: View, network: nn.Module) -> dict[str, float]:
    return {"accuracy": 100 * view.score(network, "test"), "bytes": sent_bytes(view, network) or 0.0}
