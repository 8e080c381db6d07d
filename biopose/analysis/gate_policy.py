"""The policy of a rollout's gate: the margins that a candidate release must keep, as a versioned TOML file has them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from biopose.analysis.cluster_bootstrap import LEAST_CLUSTERS
from biopose.errors import BioposeError


@dataclass(frozen=True)
class Allowed:
    """The values that a number of a policy may have.

    Attributes:
        text: what they are, for messages.
        holds: whether a number is one.
        is_whole: whether it must be an integer.
    """

    text: str
    holds: Callable[[float], bool]
    is_whole: bool = False


LEAST_DRAWS = 999
MOST_DRAWS = 50_000  # bounds memory
LARGEST = 2.0**63  # numbers fit into 64 bits
MARGIN = Allowed("a number above 0", lambda value: value > 0)
DIFFERENCE = Allowed("0 or a negative number, from -1", lambda value: -1 <= value <= 0)
LOW_SHARE = Allowed("a share from 0 to below 1", lambda value: 0 <= value < 1)
HIGH_SHARE = Allowed("a share above 0, to 1", lambda value: 0 < value <= 1)
RATIO = Allowed("a number from 1", lambda value: value >= 1)
NUMBERS: Mapping[str, Allowed] = {
    "version": Allowed("a whole number from 1", lambda value: value >= 1, is_whole=True),
    "level": Allowed("a number from 0.001 to below 0.5", lambda value: 0.001 <= value < 0.5),
    "least_athletes": Allowed(
        f"a whole number from {LEAST_CLUSTERS}", lambda value: value >= LEAST_CLUSTERS, is_whole=True
    ),
    "draws": Allowed(
        f"a whole number from {LEAST_DRAWS} to {MOST_DRAWS}",
        lambda value: LEAST_DRAWS <= value <= MOST_DRAWS,
        is_whole=True,
    ),
    "seed": Allowed("a whole number from 0", lambda value: value >= 0, is_whole=True),
}
TABLES: Mapping[str, Mapping[str, Allowed]] = {
    "quality": {
        "lowest_difference": DIFFERENCE,
        "lowest_difference_of_a_group": DIFFERENCE,
        "lowest_difference_of_a_trial": DIFFERENCE,
    },
    "difference_deg": {"largest_of_a_trial": MARGIN, "largest_bias_of_a_group": MARGIN},
    "reference": {
        "largest_rise_deg": MARGIN,
        "largest_rise_of_a_group_deg": MARGIN,
        "largest_from_approved_deg": MARGIN,
        "lowest_coverage": LOW_SHARE,
        "highest_coverage": HIGH_SHARE,
    },
    "prediction": {"largest_ratio": RATIO},
    "intervals": {"lowest_share": LOW_SHARE, "lowest_width_ratio": LOW_SHARE},
    "failures": {"largest_share": HIGH_SHARE},
    "cost": {"largest_ratio": RATIO},
    "athletes": {"largest_share_far_worse": LOW_SHARE},
}
MARGINS = ("bias_deg", "metrics")  # by coordinate, by metric
SHARE = Allowed("a share above 0, to 1", lambda value: 0 < value <= 1)
WATCH: Mapping[str, Allowed] = {  # each may be left out, as the whole table may: earlier policies have none
    "nights": Allowed("a whole number from 1", lambda value: value >= 1, is_whole=True),
    "baseline_trials": Allowed("a whole number from 1", lambda value: value >= 1, is_whole=True),
    "paired_trials": Allowed("a whole number from 0", lambda value: value >= 0, is_whole=True),
    "lowest_quality_difference": DIFFERENCE,
    "lowest_confidence_difference": DIFFERENCE,
    "largest_untrusted_rise": SHARE,
    "largest_failed_rise": SHARE,
    "largest_disagreement_rise_deg": MARGIN,
    "largest_prediction_sd_rise_mm": MARGIN,
}


@dataclass(frozen=True)
class WatchPolicy:
    """When a release that is in use is rolled back by itself: surely beyond one of these bounds.

    Attributes:
        nights: that are watched after a promotion.
        baseline_trials: the newest of the release before, that its nights are compared with.
        paired_trials: the newest that both releases measured; these must keep the gate's margins.
        lowest_quality_difference: of mean quality, 0 to 1.
        lowest_confidence_difference: of the keypoints' median confidence, 0 to 1.
        largest_untrusted_rise: of the share of frames that are not trusted.
        largest_failed_rise: of the share of trials that cannot be measured.
        largest_disagreement_rise_deg: of the disagreement of MQ-HMR's predictions of mirrored and of other frames;
            None: `Policy.largest_rise`.
        largest_prediction_sd_rise_mm: of the standard deviation that MQ-HMR gives its keypoints; None: likewise.
    """

    nights: int = 5
    baseline_trials: int = 200
    paired_trials: int = 40
    lowest_quality_difference: float = -0.05
    lowest_confidence_difference: float = -0.10
    largest_untrusted_rise: float = 0.10
    largest_failed_rise: float = 0.10
    largest_disagreement_rise_deg: float | None = None
    largest_prediction_sd_rise_mm: float | None = None


@dataclass(frozen=True)
class Policy:
    """What a candidate must keep; the margins of a versioned file.

    Attributes:
        version: of the policy.
        level: the chance of promoting a candidate that is worse than a margin, over all looks at it.
        least_athletes: with fewer in the sample nothing passes.
        draws: of the bootstrap, at least; more where many criteria or a further look need smaller p-values.
        seed: of its draws.
        quality: lowest_difference of mean quality (0 to 1), of a group, of a trial.
        bias_deg: by coordinate without its side, the largest mean shift.
        difference_deg: largest_of_a_trial: root mean square over its frames, of any of these coordinates;
            largest_bias_of_a_group: mean shift of any of them.
        metrics: by metric, the largest mean shift in its unit.
        reference: of the golden set: by how much the mean absolute error may rise, on the whole and for a group; how
            far a candidate may be from approved numbers; lowest_coverage and highest_coverage of 95 % intervals.
        prediction: largest_ratio, candidate to champion, of the distance of MQ-HMR's own prediction from the keypoints,
            and of the disagreement of its predictions of mirrored and of other frames.
        intervals: lowest_share of frames whose difference lies within the 95 % interval of both; lowest_width_ratio of
            the intervals, candidate to champion, where the golden set is too small to show their coverage.
        failures: largest_share of the trials that the candidate cannot measure.
        cost: largest_ratio of processor time per frame, candidate to champion.
        athletes: largest_share_far_worse: of the athletes of this home that the sample may have missed by chance.
        watch: bounds of the nights after it was promoted.
    """

    version: int
    level: float
    least_athletes: int
    draws: int
    seed: int
    quality: Mapping[str, float]
    bias_deg: Mapping[str, float]
    difference_deg: Mapping[str, float]
    metrics: Mapping[str, float]
    reference: Mapping[str, float]
    prediction: Mapping[str, float]
    intervals: Mapping[str, float]
    failures: Mapping[str, float]
    cost: Mapping[str, float]
    athletes: Mapping[str, float]
    watch: WatchPolicy = WatchPolicy()

    @classmethod
    def read(cls, text: str, name: str) -> Policy:
        """A policy from its TOML.

        Args:
            text: of the file.
            name: of the file, for messages.

        Raises:
            BioposeError: it is no TOML, lacks a value, or has one that is unknown or out of its range; it is named.
        """
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise BioposeError(f"{name}: is no TOML ({error})") from error
        watch = _table(name, "watch", table.pop("watch", {}))
        _check_names(name, "a policy", table, (*NUMBERS, *TABLES, *MARGINS))
        _check_names(name, "watch", {**WATCH, **watch}, WATCH)
        for key, value in watch.items():
            _check(name, f"watch: {key}", value, WATCH[key])
        for key, allowed in NUMBERS.items():
            _check(name, key, table[key], allowed)
        for key, numbers in TABLES.items():
            _check_names(name, key, _table(name, key, table[key]), numbers)
            for inner, allowed in numbers.items():
                _check(name, f"{key}: {inner}", table[key][inner], allowed)
        for key in MARGINS:
            for inner, margin in _table(name, key, table[key]).items():
                _check(name, f"{key}: {inner}", margin, MARGIN)
        if not table["bias_deg"]:
            raise BioposeError(f"{name}: bias_deg: has no coordinate; one at least is needed")
        return cls(**table, watch=WatchPolicy(**watch))

    def largest_rise(self, baseline: Sequence[float]) -> float | None:
        """By how much a value of predictions may rise from that of the baseline's trials; None with less than two.

        By the ratio that the gate allows on the same trials, and, since the watched ones are others, by the standard
        deviation between the baseline's, too.
        """
        if len(baseline) < 2:
            return None
        return (self.prediction["largest_ratio"] - 1) * mean(baseline) + stdev(baseline)

    def level_of(self, look: int) -> float:
        """The part of the level that a look may spend, counted from 1: half, a sixth, a twelfth, ..."""
        return self.level / (look * (look + 1))


def _check_names(name: str, what: str, table: Mapping[str, Any], expected: Collection[str]) -> None:
    missing = sorted(set(expected) - set(table))
    if wrong := missing or sorted(set(table) - set(expected)):
        raise BioposeError(
            f"{name}: {'' if what == 'a policy' else f'{what}: '}{'lacks' if missing else 'has the unknown'} "
            f"{', '.join(wrong)}; {what} has {', '.join(expected)}"
        )


def _table(name: str, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BioposeError(f"{name}: {key} is a table of numbers; found {value!r}")
    return value


def _check(name: str, key: str, value: Any, allowed: Allowed) -> None:
    is_number = isinstance(value, int if allowed.is_whole else int | float) and not isinstance(value, bool)
    if not (is_number and -LARGEST < value < LARGEST and allowed.holds(value)):
        raise BioposeError(f"{name}: {key}: found {value!r}; {allowed.text} is expected")
