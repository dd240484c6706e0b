"""What ``python -m graphdistill.protect`` does: protect images, train on them by every defence, report; or verify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import rich.console
import torch

from graphdistill.core.command.deliver import deliver, facts_of
from graphdistill.core.command.progress import Progress
from graphdistill.core.command.report import Report, Row, table
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import FitConfig
from graphdistill.datasets import load
from graphdistill.protect.config import Command
from graphdistill.protect.evaluate import PROTECTED, fall, score_rows, shared_secret, treatments
from graphdistill.protect.figure import draw_rows, draw_secrets
from graphdistill.protect.keys import number_of, read_key
from graphdistill.protect.methods import FAMILY
from graphdistill.protect.protection import checked, hide, originals, protect
from graphdistill.protect.verification import verify_protection

SECRETS = "filters.png"
"""The figure that only the owner may see."""


def main(command: Command) -> None:
    """Load, protect, train, report; or load, protect once more and compare."""
    key = read_key(command.key, None if command.verify else command.output)
    if command.verify is not None:
        verify(command, key, command.verify)
        return
    with command.working() as bars:
        data = _loaded(command, bars)
        config = checked(data, command.method)
        command = replace(command, method=config)
        protected = protect(data, key, config)
        protected = protected.with_meta({**protected.meta, "psnr": psnr(data, protected)})
        protocol = protocol_of(data, command, bars)
        ways = treatments(command, config)
        rows = score_rows(protocol, hide(data, key, config), ways, shared_secret(data, key, config))
        with bars.step("coding the set"):
            report = _report(command, data, protected, rows, list(ways))

    def write(folder: Path) -> None:
        save_set(protected, folder)
        draw_rows(report, list(ways), folder / "figure.png")
        secrets = FAMILY.module(config).secrets(config, protocol.num_classes, number_of(key), data.images.shape[2:])
        draw_secrets(data, protected, secrets, folder / SECRETS)

    deliver(command, report, table(report), write)


def verify(command: Command, key: bytes, folder: Path) -> None:
    """Show that a set was made of the data by the key.

    Raises:
        ValueError: it was not.
    """
    command.check()
    with command.working() as bars:
        data = _loaded(command, bars)
        found = verify_protection(data, load_set(folder), key)
    best = max(found.others)
    numbers = f"correlation with the images of this key {found.correlation:.4f}, at most {best:.4f} with those of "
    numbers += f"{len(found.others)} other keys"
    if not found.holds:
        raise ValueError(f"--verify {folder}: --key {command.key} does not explain it: {numbers}")
    if not command.quiet:
        rich.console.Console().print(
            f"{folder} was made of {data.name} by this key: {100 * found.same:.1f} % of the images are equal to the "
            f"bit; {numbers}",
            highlight=False,
        )


def protocol_of(data: ImageDataset, command: Command, bars: Progress) -> ImageProtocol:
    """The networks and their training, the same for every row but for its defence."""
    return ImageProtocol(
        data,
        networks=command.networks,
        trainings=command.trainings,
        fit=FitConfig(steps=command.steps, batch_size=128, eval_every=max(1, command.steps // 6), patience=3),
        device=command.torch_device,
        jobs=command.num_jobs,
        progress=bars,
    )


def psnr(data: ImageDataset, protected: SyntheticSet) -> float:
    """Peak signal-to-noise ratio of the protected images in dB; more is nearer to the originals."""
    assert isinstance(protected.data, torch.Tensor)
    error = (protected.data - originals(data)[0]).square().mean()
    return float(-10 * error.log10())


def _loaded(command: Command, bars: Progress) -> Any:
    with bars.step(f"loading {command.dataset}"):
        return load(command.dataset, command.root, seed=command.seed)


def _report(
    command: Command, data: ImageDataset, protected: SyntheticSet, rows: Sequence[Row], ways: Sequence[str]
) -> Report:
    """All rows, and what each way of training loses by the protection."""
    method = FAMILY.config(command.method)
    rows = [replace(row, nbytes=protected.nbytes) if row.name.startswith(PROTECTED) else row for row in rows]
    losses = {way: fall(rows, way) for way in ways}
    points = {
        way: ", ".join(f"{name} {100 * found.mean:.1f}" for name, found in of.items()) for way, of in losses.items()
    }
    notes = [
        "Test images are clean. Points of accuracy lost by the protection: "
        + "; ".join(f"{way}: {of}" for way, of in points.items())
        + ".",
        "Checkpoints are chosen on validation images that are protected by the same key, as a part of the set that is "
        "held out; clean-validation has clean ones.",
        f"Peak signal-to-noise ratio of the protected images: {float(str(protected.meta['psnr'])):.1f} dB.",
        f"To pass on: set.safetensors and card.json alone. {SECRETS} and the report show the filters; the key is in "
        "no file. Whoever has the originals and the key can prove the protection (--verify); nothing undoes it.",
        str(data.notes),
    ]
    facts: dict[str, Any] = {
        # The place of the key is nobody's business.
        **facts_of(replace(command, key=None)),
        "psnr": protected.meta["psnr"],
        "loses": {way: {name: asdict(found) for name, found in of.items()} for way, of in losses.items()},
        "paper": FAMILY.about(method.name)[1],
    }
    return Report(
        title=f"{method.name} on {data.name}",
        metric="accuracy",
        rows=tuple(rows),
        facts=facts,
        notes=tuple(filter(None, notes)),
        unit="images",
    )
