"""The command on shards: distil a file of molecules, report the model's scores."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from graphdistill.core.command.deliver import deliver, facts_of
from graphdistill.core.command.report import Report, Row, table, versions
from graphdistill.core.sets.storage import write_set
from graphdistill.mirage.config import Command
from graphdistill.mirage.shards.distill import ShardedResult, distill_shards
from graphdistill.mirage.shards.rows import Source


def main(command: Command) -> None:
    """Distil by shards, write the set, the model and the report."""
    source = Source(
        Path(command.dataset).expanduser(),
        smiles_column=command.smiles_column,
        label_columns=tuple(name.strip() for name in command.label_column.split(",")),
        split_column=command.split_column,
        seed=command.seed,
    )
    folder = command.work or command.output.with_name(f"{command.output.name}-shards")
    with command.working() as bars:
        result = distill_shards(
            source,
            command.distilling,
            command,
            folder,
            jobs=command.num_jobs,
            seed=command.seed,
            skip_invalid=command.skip_invalid,
            progress=bars,
        )
    report = report_of(command, source, result, folder)

    def write(draft: Path) -> None:
        meta = {
            "method": "mirage",
            "config": asdict(command.distilling),
            "seed": command.seed,
            "versions": versions(),
            "source": source.path.name,
            "source_sha256": result.content,
            "budget": command.distilling.bytes,
            "graphs": result.entries,
            "graphs_in_training_split": result.molecules["train"],
        }
        write_set(draft, result.payload, result.task, "ogb", result.entries, meta)
        (draft / "model").mkdir()
        result.model.save(draft / "model")

    deliver(command, report, table(report), write)


def report_of(command: Command, source: Source, result: ShardedResult, folder: Path) -> Report:
    """Scores of the model and the trivial baseline, with the seconds of every stage."""
    valid = (result.scores["valid"],) if "valid" in result.scores else ()
    rows = []
    if "test" in result.scores:
        rows.append(
            Row(
                name="logistic regression on tree counts",
                group=None,
                test=(result.scores["test"],),
                valid=valid,
                entries=result.molecules["train"],
                train_seconds=result.seconds["fitting"],
            )
        )
    trees = " + ".join(f"{count:,}" for count in result.trees)
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in result.seconds.items())
    notes = (
        f"{sum(result.molecules.values()):,} molecules; the model counts {trees} trees of depths 0 to {command.hops}.",
        f"The set: {result.entries:,} molecules in {result.nbytes:,} bytes.",
        f"{stages}. Shards are kept in {folder}.",
    )
    facts = {
        **facts_of(command),
        "molecules": result.molecules,
        "scores": result.scores,
        "set": {"graphs": result.entries, "bytes": result.nbytes},
        "seconds": result.seconds,
    }
    return Report(
        title=f"Mirage on {source.path.name}", metric=result.metric, rows=tuple(rows), facts=facts, notes=notes
    )
