import pickle

import torch

from graphdistill.compress.context import Compressed
from graphdistill.compress.methods.quantized import rounded
from tests.compress.samples import trained


def test_a_compressed_network_goes_from_one_process_to_another():
    small = rounded(trained()[1], bits=2)
    again = pickle.loads(pickle.dumps(small))
    assert isinstance(again, Compressed)
    assert torch.equal(again.network[1].weight, small.network[1].weight)
    assert torch.equal(again.parts["1.weight"].codes, small.parts["1.weight"].codes)
