#!/usr/bin/env bash
# statsmodels 0.15.0: a mixed model whose group variance is estimated as 0 gives 0.0 for the effects between groups.
#
# Expected: as a group's variance goes to 0, the mixed model becomes ordinary least squares: the effects of athletes'
#   sex or height, and the intercept, are those of ordinary regression.
# Observed: fitted by method="lbfgs", which MixedLM falls back to by default, the variance ends at exactly 0 in most
#   data sets without one. Then each effect whose regressor is constant within groups, the intercept
#   included, is exactly 0.0, with a standard error of millions, while `converged` is True. The other effects are
#   those within groups alone. The warnings speak of the covariance, none of the effects. Generalised least squares
#   with the estimated variances, or method="powell", which stops short of 0, gives the right ones.
#   BioPose: tests/analysis/test_change_model.py.
#
# Date: 2026-11-30. Run: bash findings/statsmodels-mixedlm-zero-effects.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet statsmodels==0.15.0 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1

cat >check.py <<'PYTHON'
import sys
import warnings

import numpy as np
import statsmodels
from statsmodels.regression.mixed_linear_model import MixedLM

ATHLETES, SESSIONS, DATA_SETS = 12, 6, 20
NAMES = ("intercept", "load, within athletes", "sex, between them")


def data(seed):
    """Values that follow 2 + 0.5 load + 1 sex, with errors that know nothing of the athletes."""
    random = np.random.default_rng(seed)
    athlete = np.repeat(np.arange(ATHLETES), SESSIONS)
    design = np.column_stack([np.ones(len(athlete)), random.normal(size=len(athlete)), athlete % 2])
    return design @ [2.0, 0.5, 1.0] + random.normal(size=len(athlete)), design, athlete


def fitted(values, design, athlete, method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MixedLM(values, design, athlete).fit(reml=True, method=method)


zeros = 0
for seed in range(DATA_SETS):
    fit = fitted(*data(seed), "lbfgs")
    zeros += fit.converged and fit.fe_params[0] == 0.0 and fit.fe_params[2] == 0.0
values, design, athlete = data(0)
ordinary = np.linalg.lstsq(design, values, rcond=None)[0]
by_method = {method: fitted(values, design, athlete, method) for method in ("lbfgs", "powell")}
print(f"statsmodels {statsmodels.__version__}: {ATHLETES} athletes, {SESSIONS} sessions each, true effects 2, 0.5, 1")
for index, name in enumerate(NAMES):
    found = ", ".join(f"{method} {fit.fe_params[index]:.3f}" for method, fit in by_method.items())
    print(f"  {name}: {found}, ordinary least squares {ordinary[index]:.3f}")
for method, fit in by_method.items():
    variance = float(np.asarray(fit.cov_re)[0, 0])
    print(f"  {method}: converged {fit.converged}, variance {variance:.1e}, SE of the intercept {fit.bse_fe[0]:.3g}")
print(f"  both effects between athletes exactly 0.0 in {zeros} of {DATA_SETS} data sets")
right = np.abs(by_method["powell"].fe_params - ordinary).max() < 0.01
if not right:
    sys.exit("The other optimiser does not agree with least squares: this script does not show what it should.")
if not zeros:
    sys.exit("No longer so: effects between groups are estimated where the variance of the groups is 0.")
PYTHON
venv/bin/python check.py
