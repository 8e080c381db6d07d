"""The metrics of a motion by name and side."""

from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.motion import Motion
from biopose.analysis.tables import Metric
from biopose.analysis.trial_analysis import analyse_motion


def metrics_of(one: Motion, activity: str) -> dict[tuple[str, str], Metric]:
    _, found = analyse_motion(one, activity=activity)
    by_key: dict[tuple[str, str], Metric] = {(metric.metric, metric.side): metric for metric in found}
    assert len(by_key) == len(found), "a metric of a side is there once"
    assert all(one.side in DEFINITIONS[one.metric].sides for one in found if one.value is not None)
    return by_key


def value(metrics: dict[tuple[str, str], Metric], name: str, side: str = "none") -> float:
    found = metrics[name, side].value
    assert found is not None
    return found
