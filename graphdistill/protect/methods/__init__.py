"""The methods, a module each: docstring, ``PAPER``, ``RESULT``, ``FOR``, ``Config``, ``protect`` and ``randomize``.

``protect(images, y, config, key) -> Tensor`` changes the images of each class by a secret of the key;
``randomize(images, config, generator) -> Tensor`` changes each image by a secret of its own, which is what somebody who
knows the method but not the key can train against; ``secrets(config, num_classes, key, size) -> Tensor`` are what the
figure shows, ``[C, height, width]``; ``check(config, size)`` refuses images that are too small.
"""

from __future__ import annotations

from pathlib import Path

from graphdistill.core.methods import Family

FAMILY = Family(__name__, Path(__file__).parent)
