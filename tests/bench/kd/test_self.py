from graphdistill.bench.kd import self as claims
from graphdistill.bench.options import KDBench


def test_every_claim_runs_in_order(monkeypatch):
    seen = []
    for claim in claims.CLAIMS:
        monkeypatch.setattr(claim, "measure", lambda bench, claim=claim: seen.append(claim))
    claims.measure(KDBench(parts=("self",)))
    assert tuple(seen) == claims.CLAIMS
