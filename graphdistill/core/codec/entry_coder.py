"""Coding of entries of levels: images, or rows of a table.

A level is predicted from its neighbours in the same entry and channel, the channel before, the entry before and the
mean of the entries so far. Predictions are averaged with weights that fall with the fourth power of what they missed
nearby, so nothing has to be learnt first.
"""

from __future__ import annotations

from typing import NamedTuple

from graphdistill.core.codec.arithmetic import ERROR
from graphdistill.core.codec.jit import Ints, array, jit, zeros
from graphdistill.core.codec.model import KIND, Model, mix2, mix3
from graphdistill.core.codec.residual_coder import DISTRIBUTIONS, code_level

PREDICTIONS = 10
ACTIVITIES = 32
"""Steps of the activity around a level."""


class Entries(NamedTuple):
    """What was coded so far, by place in an entry.

    Attributes:
        missed: by how many sixteenths of a level each prediction, then their average missed the last level there.
        total: sum of the levels there.
        spread: sum of what the mean missed there, in sixteenths.
        residual: the last level there less its prediction.
        scale: for each activity, the sum of what the average missed, and the number of levels.
        prediction: the predictions of the current level, in sixteenths.
        law: mean and steepness of the logistic distributions of the current level.
    """

    missed: Ints
    total: Ints
    spread: Ints
    residual: Ints
    scale: Ints
    prediction: Ints
    law: Ints


def new_entries(size: int) -> Entries:
    """The state before the first entry of ``size`` levels."""
    # Without experience, an activity of a**2 = 2**k misses by about a / 2.
    first = [count for k in range(ACTIVITIES) for count in ((1 << (k // 2)) + 8, 2)]
    return Entries(
        missed=zeros((PREDICTIONS + 1) * size),
        total=zeros(size),
        spread=zeros(size),
        residual=zeros(size),
        scale=array(first * 2),
        prediction=zeros(PREDICTIONS),
        law=zeros(2 * DISTRIBUTIONS),
    )


@jit
def _steepness(scale: int) -> int:
    """``2**24 / scale``, by which distances are multiplied; a scale is in sixteenths of a level."""
    return (1 << 24) // max(scale, 2)


@jit
def code_entries(
    m: Model,
    s: Entries,
    levels: Ints,
    num: int,
    channels: int,
    height: int,
    width: int,
    num_levels: int,
    common: int,
) -> None:
    """Code entries one after another, in place.

    Args:
        m: the model.
        s: of :func:`new_entries`.
        levels: levels ``[num * channels * height * width]``, which decoding writes.
        num: number of entries.
        channels: channels of an image; 1 for a table.
        height: rows of an image; 0 for a table, where an entry is one row and the row above is the entry before.
        width: columns.
        num_levels: number of levels.
        common: the most frequent level, which entries of a table are compared with.
    """
    is_table = 1 if height == 0 else 0
    rows = max(height, 1)
    area = rows * width
    size = channels * area
    top = 16 * (num_levels - 1)
    shift, narrow = 0, 0
    while num_levels >> shift > 32:
        shift += 1
    while num_levels >> narrow > 64:
        narrow += 1
    up = 0 if is_table else width  # from a place to the one above
    p, law, context, missed = s.prediction, s.law, m.context, s.missed
    average = PREDICTIONS * size
    for entry in range(num):
        last = common
        for place in range(size):
            if m.reg[ERROR]:
                return
            i = entry * size + place
            x = place % width
            y = entry if is_table else (place % area) // width
            colour = 1 if place >= area else 0
            left, above = x > 0, y > 0
            mean = (16 * s.total[place] + (entry >> 1)) // entry if entry > 0 else 0
            # Neighbours; what is missing is replaced by what is there.
            w = levels[i - 1] if left else 0
            n = levels[i - width] if above else 0
            nw = levels[i - width - 1] if left and above else 0
            if not left and not above:
                w = mean >> 4 if entry > 0 else (levels[i - area] if colour else common)
                n, nw = w, w
            elif not left:
                w, nw = n, n
            elif not above:
                n, nw = w, w
            ne = levels[i - width + 1] if above and x < width - 1 else n
            ww = levels[i - 2] if x > 1 else w
            nn = levels[i - 2 * width] if y > 1 else n
            if entry == 0:
                mean = 8 * (w + n)
            mean_w = 16 * s.total[place - 1] // entry if entry > 0 and left else mean
            mean_n = 16 * s.total[place - up] // entry if entry > 0 and above else mean
            p[0] = 16 * w
            p[1] = 16 * n
            p[2] = 16 * (w + n - nw)
            p[3] = 16 * w + 8 * (ne - n)
            p[5] = 16 * (2 * w - ww)
            p[6] = mean
            p[7] = mean + 8 * (w + n) - ((mean_w + mean_n) >> 1)
            if colour:
                a = levels[i - area]
                aw = levels[i - area - 1] if left else a
                an = levels[i - area - width] if above else a
                if not left and above:
                    aw = an
                if left and not above:
                    an = aw
                p[4] = 8 * (w + n + 2 * a - aw - an)
                p[8] = 16 * (w + a - aw)
                p[9] = 16 * (n + a - an)
            else:
                p[4] = 16 * (2 * n - nn)
                p[8] = 8 * (w + n) + 4 * (ne - nw)
                p[9] = 16 * (levels[i - size] if entry > 0 else w)
            weights, weighted = 0, 0
            for k in range(PREDICTIONS):
                p[k] = min(max(p[k], 0), top)
                at = k * size + place
                miss = missed[at]
                if left:
                    miss += 2 * missed[at - 1]
                if above:
                    miss += 2 * missed[at - up]
                    if left:
                        miss += missed[at - up - 1]
                    if x < width - 1:
                        miss += missed[at - up + 1]
                if colour:
                    miss += missed[at - area]
                miss >>= narrow
                weight = (1 << 52) // (miss * miss * miss * miss + 16384) + 1
                weights += weight
                weighted += weight * p[k]
            blend = weighted // weights
            # What the average missed nearby.
            at = average + place
            near, count = 0, 0
            if entry > 0:
                near, count = missed[at], 1
            if left:
                near, count = near + 2 * missed[at - 1], count + 2
            if above:
                near, count = near + 2 * missed[at - up], count + 2
                if left:
                    near, count = near + missed[at - up - 1], count + 1
                if x < width - 1:
                    near, count = near + missed[at - up + 1], count + 1
            if colour:
                near, count = near + 2 * missed[at - area], count + 2
            local = 4 * near // max(count, 1)
            activity = (local >> 2) + 8 * (abs(w - nw) + abs(n - nw) + abs(n - ne))
            step = 0
            while (activity * activity) >> step and step < ACTIVITIES - 2:
                step += 1
            bin_ = 2 * (ACTIVITIES * colour + step)
            # A logistic distribution of scale 11/16 misses its mean by 1 on average.
            law[0], law[1] = blend, _steepness(11 * s.scale[bin_] // (16 * s.scale[bin_ + 1]))
            law[2], law[3] = blend, _steepness(max((3 * local + 16) >> 4, 3))
            if entry > 0:
                law[4] = mean
                law[5] = _steepness(max((11 * s.spread[place] + 16 * num_levels) // (16 * (entry + 1)), 3))
            else:
                law[4], law[5] = blend, law[1]
            if is_table:
                expected, contexts = common, 5
                context[0] = mix2(1, place)
                context[1] = mix3(2, place, n)
                context[2] = mix3(3, place, w)
                context[3] = mix3(4, last, 0)
                context[4] = mix3(5, w, ww)
            else:
                expected, contexts = (blend + 8) >> 4, 4
                context[0] = mix3(1, expected, colour)
                context[1] = mix3(mix3(2, w, n), mix2(nw, ne), expected)
                if colour:
                    context[2] = mix3(3, (s.residual[place - area] >> shift) & 0xFFFF, step >> 1)
                else:
                    context[2] = mix3(4, x if above else 0, expected >> shift)
                before = s.residual[place - 1] >> shift if left else 0
                over = s.residual[place - up] >> shift if above else 0
                context[3] = mix3(5, mix2(before & 0xFFFF, over & 0xFFFF), step >> 2)
            m.reg[KIND] = colour
            level = code_level(m, levels[i], expected, num_levels, contexts, law)
            levels[i] = level
            for k in range(PREDICTIONS):
                missed[k * size + place] = abs(p[k] - 16 * level)
            miss = abs(blend - 16 * level)
            missed[at] = miss
            s.residual[place] = level - expected
            s.scale[bin_] += miss
            s.scale[bin_ + 1] += 1
            if s.scale[bin_ + 1] > 1024:
                s.scale[bin_] >>= 1
                s.scale[bin_ + 1] >>= 1
            if entry > 0:
                s.spread[place] += abs(16 * level - mean)
            if level != common:
                last = level
        for place in range(size):
            s.total[place] += levels[entry * size + place]
