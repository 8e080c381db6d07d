"""Calibration of standard deviations, and the two metrics that show it: coverage and rank correlation.

Trained networks rank their errors well and misestimate their size, the more so the longer they train on the same data.
A factor on each standard deviation, found on held-out data, corrects that; it goes into a bias that the network has
anyway.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

COVERAGE = 0.95
COVERAGE_SDS = 1.96  # half width of the interval that covers this share of normally distributed errors
FACTORS = (0.05, 20.0)  # a factor outside these shows an error of the program


def sd_factors(ratio: Tensor) -> Tensor:
    """(K,) factors after which 95 % intervals cover 95 % of the errors.

    Args:
        ratio: (N, K) absolute errors over predicted standard deviations.
    """
    return (torch.quantile(ratio.double(), COVERAGE, dim=0) / COVERAGE_SDS).clamp(*FACTORS)


def coverage95(error: Tensor, sd: Tensor) -> float:
    """Share of errors within 1.96 standard deviations; both of one shape."""
    return float((error.abs() < COVERAGE_SDS * sd).float().mean())


def error_sd_rank_correlation(error: Tensor, sd: Tensor) -> float:
    """Spearman's rank correlation of absolute errors and standard deviations; both of one shape."""
    return float(np.asarray(spearmanr(error.abs().flatten().numpy(), sd.flatten().numpy()).statistic))
