"""A small file of molecules and a run over it, for all tests of shards."""

from graphdistill.core.sets import graph_payload
from graphdistill.mirage.config import MirageConfig
from graphdistill.mirage.shards.config import ShardsConfig
from graphdistill.mirage.shards.distill import distill_shards
from graphdistill.mirage.shards.rows import Source
from graphdistill.mirage.shards.work import Work, content_of

RINGS = ("C1CC1", "C1CCC1", "C1CCCC1", "C1CCCCC1", "c1ccccc1", "c1ccoc1", "C1CCOC1", "c1ccsc1", "C1CO1", "C1CS1")
ENDS = ("O", "N", "CO", "CN", "OCC", "NCC", "C(O)C", "C(N)C", "SC", "FC", "OC(=O)", "NC(=O)")
SMILES = [end + ring for ring in RINGS for end in ENDS] + ["CCO", "CCN"] * 6
LABELS = [int("N" in smiles or "S" in smiles) for smiles in SMILES]


def write(folder, lines=None):
    path = folder / "molecules.smi"
    rows = [f"{s} {y}" for s, y in zip(SMILES, LABELS, strict=True)] if lines is None else lines
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def work(folder, shards=3, **options):
    path = write(folder)
    source = Source(path, **{name: options.pop(name) for name in ("seed",) if name in options})
    return Work(source, folder / "work", len(SMILES), shards, content_of(path), **options)


def run(folder, shards=3, engine="serial", jobs=1, budget=150, path=None, **options):
    source = Source(path or write(folder), **options)
    config = MirageConfig(bytes=budget)
    with_shards = ShardsConfig(engine=engine, shards=shards, min_graphs=3)
    return distill_shards(source, config, with_shards, folder / "work", jobs=jobs)


def bytes_of(result):
    payload = {name: tensor.numpy().tobytes() for name, tensor in result.payload.items()}
    return payload, [ids.tobytes() for ids in result.model.ids], result.model.coef.tobytes()


def without_priors(patch):
    """Sets are small here; priors make them smaller, and each try slower."""
    patch.setattr(graph_payload, "MOST_WITH_PRIOR", 0)
