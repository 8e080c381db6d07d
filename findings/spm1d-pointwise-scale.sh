#!/usr/bin/env bash
# spm1d 0.4.55: the critical threshold of a t test depends on the scale of each point, although the t curve does not.
#
# Expected: t at each point is free of that point's scale. Two data sets whose every point was multiplied by a positive
#   factor of its own have one t curve, so one threshold and one decision: random field theory takes the smoothness of
#   the standardised residuals.
# Observed: smoothness is estimated from the slopes of the residuals themselves, divided by their variance afterwards.
#   Where the variance changes along the curve, as a joint angle's does through a gait cycle, its change counts as
#   roughness: the threshold rises, by the factors alone. Comparing z*, or reporting which spans are significant, after
#   another normalisation of the same curves is not comparing like with like.
#
# Date: 2026-11-29. Run: bash findings/spm1d-pointwise-scale.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet spm1d==0.4.55 numpy==2.4.6 scipy==1.17.1 matplotlib==3.11.2

cat >check.py <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import spm1d
from scipy.ndimage import gaussian_filter1d

random = np.random.default_rng(0)
noise = gaussian_filter1d(random.standard_normal((20, 301)), 12, axis=1)[:, 100:201]
first, second = noise[:10] / noise.std(), noise[10:] / noise.std()
scale = np.exp(2.0 * np.sin(np.linspace(0.0, 6.0 * np.pi, 101)))  # of each of the 101 points

plain = spm1d.stats.ttest2(first, second, equal_var=True)
scaled = spm1d.stats.ttest2(first * scale, second * scale, equal_var=True)
thresholds = [test.inference(alpha=0.05, two_tailed=True).zstar for test in (plain, scaled)]

print(f"spm1d {version('spm1d')}, two groups of ten curves of 101 points")
print(f"  largest difference of the two t curves: {np.abs(plain.z - scaled.z).max():.1e}")
print(f"  FWHM as drawn and scaled by point: {plain.fwhm:.2f} and {scaled.fwhm:.2f} points")
print(f"  threshold of |t| as drawn and scaled by point: {thresholds[0]:.3f} and {thresholds[1]:.3f}")
same_t = np.allclose(plain.z, scaled.z, rtol=0.0, atol=1e-9)
if not (same_t and thresholds[1] > thresholds[0] + 0.05):
    sys.exit("No longer so: the threshold does not depend on the scale of the points.")
PYTHON
venv/bin/python -W ignore check.py
