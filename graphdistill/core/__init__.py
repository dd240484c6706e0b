"""The core that all methods share: data, synthetic sets, networks, training, evaluation and reports."""
