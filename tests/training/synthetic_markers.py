"""People whose skeletons and markers are made up: the default one's, a little changed. No body is loaded."""

from functools import cache

import torch
from torch import Tensor

from biopose.body.markers import MARKERS
from biopose.neurik.marker_segments import marker_owners
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training.synthetic.clip_shards import RecordedClips
from biopose.training.synthetic.marker_trajectories import MarkerSource, marker_positions
from biopose.training.synthetic.recorded_windows import RecordedWindows
from biopose.training.synthetic.skeletons import Skeletons
from tests.swinging_person import synthetic_motion

# Of clusters that the default skeleton lacks: in a ring about the segment, so far along it.
CLUSTERS_M = {"femur": (-0.1, -0.2, -0.3), "tibia": (-0.1, -0.2, -0.3), "humerus": (-0.08, -0.14, -0.2)}
FOREARM_M = (-0.06, -0.12, -0.18)


@cache
def default_locations_m() -> Tensor:
    """(M, 3) of all virtual markers in their segments of the default skeleton."""
    own = {marker.name: torch.from_numpy(marker.location_m).float() for marker in full_body_skeleton().markers}
    places = []
    for name, marker in MARKERS.items():
        stem, which = marker.segment.split("_")[0], int(name[-1]) - 1 if name[-1].isdigit() else 0
        ring = torch.tensor([[0.05, 0.0, 0.0], [-0.03, 0.0, 0.04], [-0.03, 0.0, -0.04]])[which % 3]
        along = torch.tensor([0.0, CLUSTERS_M.get(stem, FOREARM_M)[which % 3], 0.0])
        places.append(own.get(name, ring + along))
    return torch.stack(places)


def synthetic_people(n: int = 3, *, seed: int = 0) -> Skeletons:
    """People 5 % larger and smaller, their markers some millimetres elsewhere."""
    g = torch.Generator().manual_seed(seed)
    scales = 1 + 0.05 * torch.randn(n, len(full_body_skeleton().bodies), 3, generator=g)
    scales[:, 0] = 1.0
    usual = default_locations_m() + 0.004 * torch.randn(n, len(MARKERS), 3, generator=g)
    places = usual * scales[:, marker_owners(full_body_skeleton())]
    return Skeletons(scales, places, torch.zeros(n, len(MARKERS), 3), torch.zeros(n, 3))


def synthetic_source(*, seed: int = 1, varied: bool = True, recorded: RecordedWindows | None = None) -> MarkerSource:
    """They move as the swinging person does."""
    return MarkerSource([synthetic_motion()], synthetic_people(), seed=seed, varied=varied, recorded=recorded)


def synthetic_clips(n: int = 2, *, frames: int = 9, knee_rad: float = 0.1, seed: int = 3) -> RecordedClips:
    """Clips in which the right knee was found bent too little, the markers being those of what was found."""
    source = synthetic_source(seed=seed)
    true = source.draw(n, frames=frames, clean=True)
    knee = source.skeleton.coordinate_names.index("knee_angle_r")
    found = true.q.clone()
    found[..., knee] = (found[..., knee] - knee_rad).clamp(min=0.0)
    found = source.kinematics.satisfy_couplings(found)[0]
    pose = source.kinematics.with_scales(true.body_scales[:, None]).with_coordinates(found)
    return RecordedClips(
        markers_m=marker_positions(pose.R_ground_body, pose.p_ground_body, source.owner, true.locations_m[:, None]),
        weight=torch.full((n, frames, len(MARKERS)), 0.7),
        solved_q=found,
        solved_scales=true.body_scales,
        solved_places_m=true.locations_m,
        q=true.q,
        body_scales=true.body_scales,
        marker_locations_m=true.locations_m,
        interval_s=true.windows.interval_s,
        person=torch.arange(n),
    )
