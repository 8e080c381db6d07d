"""A motion of SMPL or SMPL-X from another tool (.npz as AMASS has them) as trajectories of virtual markers.

Poses are axis-angle vectors of each joint relative to its parent, SMPL's rest pose being zero; the mesh is
R (v - p) + p + t about the pelvis p of the shaped template (Loper et al. 2015, Mahmood et al. 2019). The motion's
axes may be any whose handedness is right: AMASS has z up, most estimates from video y up.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.smpl import R_WORLD_SMPL, SmplBody, smpl_markers
from biopose.io.files import existing_file, malformed
from biopose.io.markers import with_y_up
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.up_axis import UpAxis
from biopose.skeleton.rotations import skew

FloatArray = NDArray[np.float64]

RATES = ("mocap_framerate", "mocap_frame_rate")
GENDERS = ("female", "male", "neutral")  # as in the names of the body models' files; female before male, which it holds
SMPLH_JOINTS, SMPLH_BODY_JOINTS = 52, 22  # SMPL-H's first joints are SMPL's, without the two hands
CHUNK_FRAMES = 2048


@dataclass(frozen=True, eq=False)
class SmplMotion:
    """A motion of one person.

    Attributes:
        rotation_vectors: (T, J, 3) of each joint relative to its parent, radians.
        translation_m: (T, 3).
        betas: (K,) shape coefficients.
        rate_hz: frames per second.
        gender: of the body model that the betas belong to; None where the file has none.
    """

    rotation_vectors: FloatArray
    translation_m: FloatArray
    betas: FloatArray
    rate_hz: float
    gender: str | None


def read_smpl_markers(path: Path, body_model: Path, *, up: UpAxis = "y") -> MarkerTrajectories:
    """The virtual markers of a motion file, on the person's own body, y up.

    Args:
        path: .npz with poses (T, 3 J), trans (T, 3), betas (K,), mocap_framerate or mocap_frame_rate, and perhaps
            gender.
        body_model: the SMPL or SMPL-X file that the motion was made with (`biopose.body.smpl`).
        up: which of the motion's axes points up.

    Raises:
        FileFormatError: the motion's file is absent or malformed, or of another body model.
        ModelError: the body model's file is absent or malformed.
    """
    motion = read_smpl_motion(path)
    body = SmplBody.load(body_model, shape_components=len(motion.betas), pose_correctives=False, dtype=torch.float64)
    _check_body(path, motion, body, body_model)
    return with_y_up(virtual_markers(body, motion), up)


def read_smpl_motion(path: Path) -> SmplMotion:
    """Read a motion file; pickled objects in it are never opened.

    Raises:
        FileFormatError: no such file, or an array that is missing or malformed.
    """
    try:
        with np.load(existing_file(path), allow_pickle=False) as file:
            return _motion(path, file)
    except (OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise malformed(path, found=f"no plain arrays ({error})", expected="an .npz file without objects") from error


def virtual_markers(body: SmplBody, motion: SmplMotion) -> MarkerTrajectories:
    """Trajectories of the markers of `smpl_markers`, in the motion's axes.

    Args:
        body: with at least as many shape coefficients as the motion has.
        motion: of as many joints as the body, or of SMPL-H, whose fingers are left out.
    """
    shaped = body.with_shape(torch.from_numpy(motion.betas))
    markers = smpl_markers(body)
    C = torch.tensor(R_WORLD_SMPL, dtype=torch.float64)
    chunks = []
    for vectors, translation_m in _chunks(body, motion):
        # The rig works in its own axes, so rotations and positions are changed to them and back.
        R = C @ torch.linalg.matrix_exp(skew(vectors)) @ C.T
        posed = shaped.with_pose(R, root_position=shaped.bone_heads[0] + translation_m @ C.T)
        chunks.append(markers.positions(posed) @ C)
    time_s = np.arange(len(motion.translation_m)) / motion.rate_hz
    return MarkerTrajectories(time_s, markers.names, torch.cat(chunks).numpy())


def _chunks(body: SmplBody, motion: SmplMotion) -> Iterator[tuple[Tensor, Tensor]]:
    """Rotation vectors (T', J, 3) of the body's joints, and translations (T', 3)."""
    joints = len(body.bone_labels)
    given = min(motion.rotation_vectors.shape[1], joints)
    if motion.rotation_vectors.shape[1] == SMPLH_JOINTS:
        given = SMPLH_BODY_JOINTS
    for start in range(0, len(motion.translation_m), CHUNK_FRAMES):
        chunk = slice(start, start + CHUNK_FRAMES)
        own = torch.from_numpy(motion.rotation_vectors[chunk, :given])
        rest = own.new_zeros(len(own), joints - given, 3)
        yield torch.cat([own, rest], dim=1), torch.from_numpy(motion.translation_m[chunk])


def _motion(path: Path, file: Any) -> SmplMotion:
    poses, translation_m = _numbers(path, file, "poses"), _numbers(path, file, "trans")
    if poses.ndim != 2 or len(poses) == 0 or poses.shape[1] % 3:
        raise malformed(path, found=f"poses of shape {poses.shape}", expected="(frames, 3 joints), axis-angle")
    if translation_m.shape != (len(poses), 3):
        raise malformed(path, found=f"trans of shape {translation_m.shape}", expected=f"({len(poses)}, 3), as poses")
    betas = _numbers(path, file, "betas")
    if betas.ndim == 2 and len(betas) == 1:
        betas = betas[0]
    if betas.ndim != 1:
        raise malformed(path, found=f"betas of shape {betas.shape}", expected="(coefficients,), one person's shape")
    key = next((key for key in RATES if key in file), None)
    if key is None:
        raise malformed(path, found=f"the arrays {sorted(file)}", expected=f"a frame rate, {' or '.join(RATES)}")
    rate_hz = _numbers(path, file, key)
    if rate_hz.size != 1 or rate_hz.item() <= 0:
        raise malformed(path, found=f"{key} {rate_hz.tolist()}", expected="frames per second")
    return SmplMotion(
        rotation_vectors=poses.reshape(len(poses), -1, 3),
        translation_m=translation_m,
        betas=np.trim_zeros(betas, "b"),
        rate_hz=rate_hz.item(),
        gender=_gender(path, file),
    )


def _numbers(path: Path, file: Any, key: str) -> FloatArray:
    if key not in file:
        raise malformed(path, found=f"the arrays {sorted(file)}", expected=f"one named {key}")
    try:
        array = np.asarray(file[key], dtype=np.float64)
    except ValueError as error:
        raise malformed(path, found=f"{key} that is no array of numbers", expected="plain numbers") from error
    if not np.isfinite(array).all():
        raise malformed(path, found=f"{key} with values that are not finite", expected="finite numbers")
    return array


def _gender(path: Path, file: Any) -> str | None:
    if "gender" not in file:
        return None
    value = file["gender"].item()
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if text not in GENDERS:
        raise malformed(path, found=f"gender {text!r}", expected=f"one of {', '.join(GENDERS)}")
    return text


def _check_body(path: Path, motion: SmplMotion, body: SmplBody, body_model: Path) -> None:
    """Raise FileFormatError unless the motion is of this body model."""
    joints, given = len(body.bone_labels), motion.rotation_vectors.shape[1]
    if given != joints and not (body.model == "smpl" and given == SMPLH_JOINTS):
        also = f", or {3 * SMPLH_JOINTS} of SMPL-H" if body.model == "smpl" else ""
        raise malformed(
            path,
            found=f"poses of {3 * given} numbers a frame",
            expected=f"{3 * joints}, as the body model {body_model} has {joints} joints{also}",
        )
    if len(motion.betas) > len(body.vertex_blendshapes):
        raise malformed(
            path,
            found=f"{len(motion.betas)} betas that are not 0",
            expected=f"at most {len(body.vertex_blendshapes)}, the shape directions of the body model {body_model}",
        )
    named = next((gender for gender in GENDERS if gender in body_model.stem.lower()), None)
    if motion.gender and named and motion.gender != named:
        raise malformed(
            path,
            found=f"gender {motion.gender!r}",
            expected=f"{named!r}, as the body model {body_model.name} is: betas are of one gender's model",
        )
