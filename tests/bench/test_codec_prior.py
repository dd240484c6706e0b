from graphdistill.bench.codec_prior import canonical, choose, molecules_of
from graphdistill.core.codec import prior_graphs
from graphdistill.datasets import load


def test_the_choice_is_the_same_each_time_and_leaves_out_what_is_excluded():
    smiles = ["C" * k for k in range(1, 30)] + ["not a molecule"]
    chosen = choose(smiles, {"CC"}, 10)
    assert chosen == choose(smiles, {"CC"}, 10)
    assert len(set(chosen)) == 10
    assert "CC" not in choose(smiles, {"CC"}, 30)
    assert len(choose(smiles, {"CC"}, 30)) == 28


def test_canonical_forms():
    assert canonical(["OC", "no"]) == ["CO", ""]


def test_the_prior_has_the_rows_of_ogb():
    graphs = prior_graphs("moses500")
    want = molecules_of(["CO"])
    assert len(graphs) == 500
    assert (graphs.x.shape[1], graphs.edge_attr.shape[1]) == (want.x.shape[1], want.edge_attr.shape[1])
    assert (graphs.x.shape[1], graphs.edge_attr.shape[1]) == (load("pains").graphs.x.shape[1], 3)
