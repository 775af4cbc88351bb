"""The learning rate along a training: a short warm-up, then half a cosine down."""

import math

_WARM_UP_SHARE = 0.05
_FINAL_SHARE = 0.05


def learning_rate_at(progress: float, peak: float) -> float:
    """Linear warm-up over the first 5 % of the training, then half a cosine down to 5 % of the peak.

    Args:
        progress: share of all epochs' steps that are done, 0 to 1.

    Source: Loshchilov & Hutter 2017 (SGDR), one cycle without restarts.
    """
    if progress < _WARM_UP_SHARE:
        return peak * (_FINAL_SHARE + (1 - _FINAL_SHARE) * progress / _WARM_UP_SHARE)
    falling = (progress - _WARM_UP_SHARE) / (1 - _WARM_UP_SHARE)
    return peak * (_FINAL_SHARE + (1 - _FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * falling)))
