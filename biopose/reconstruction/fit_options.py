"""The choices of the fit, which a registered model version records; they import no network.

What each of them acts on: `residuals`, `motion_solver` and `refinement`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FitWeights:
    """Uncertainty of each term: chosen by hand on synthetic tracks (`biopose evaluate projected`).

    Attributes:
        lifted: weight of the lifted keypoints' depth, whose errors repeat themselves over joints and frames.
        lifted_across: the same across the view, where the keypoints themselves are observed.
        pose: weight of the pose prior.
        acceleration_m_s2: standard deviation of the keypoints' acceleration, per frame at the nominal rate.
        turning_rad_s2: the same for the rotational coordinates.
        sliding_m_s: standard deviation of a foot point's speed in contact. On film of five synthetic jumps resting feet
            slide 10.6 mm with 0.15 and 5.2 with 0.05; the lower limb's angles err by 5.0 degrees with either.
        ground_m: standard deviation of a foot point in contact from the ground's plane.
        contact: weight of both.
        degrees_of_freedom: of Student's t distribution.
        repeated_frames: through how many frames at the nominal rate an observation's error repeats itself. What all
            frames share (proportions, focal length, ground) is observed anew that much less often, so its priors weigh
            as much more.
    """

    lifted: float = 0.3
    lifted_across: float = 0.1
    pose: float = 1.0
    acceleration_m_s2: float = 50.0
    turning_rad_s2: float = 60.0
    sliding_m_s: float = 0.05
    ground_m: float = 0.02
    contact: float = 0.2
    degrees_of_freedom: float = 4.0
    repeated_frames: float = 30.0


@dataclass(frozen=True)
class SolverOptions:
    """Steps of the solver.

    Attributes:
        first_steps: at most, from every start, where there are several.
        steps: at most, from the best.
    """

    first_steps: int = 6
    steps: int = 30


@dataclass(frozen=True)
class RefinementOptions:
    """Iterations, and the uncertainty of what the refinement starts from.

    Attributes:
        iterations: of gradient descent, at most. The fit of the skeleton goes on from there, and ends at the same
            energy after 60 as after 15 (sample clip).
        turn_sd_rad: standard deviation of a segment's local rotation from its start.
        shape_sd: of each shape coefficient from the mean over the frames.
        lifter_sd_factor: root mean square error of the lifter over its predicted standard deviation, on 32 synthetic
            clips of held-out people and motions; the lifter was trained on synthetic errors of keypoints.
        pose_prior_share: factor on the weight of the pose prior in the fit that follows, since the decoder has learned
            the distribution of poses, too (`biopose/weights/mqhmr.md` has the results for other values).
    """

    iterations: int = 15
    turn_sd_rad: float = 0.2
    shape_sd: float = 0.5
    lifter_sd_factor: float = 1.65
    pose_prior_share: float = 0.1
