"""What is drawn and what is said to be true are the same person, in the same place, by the same seed."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.perception.crops import HEIGHT_PX, WIDTH_PX, normalised
from biopose.perception.cspnext import RtmPose
from biopose.perception.simcc import decoded
from biopose.training.synthetic import crops, images, occluders, renderer, scenes
from biopose.training.synthetic.images import ImageBatch, ImageSource, with_mirror_images
from biopose.training.synthetic.rasterizer import Rasterizer
from tests.perception.real_people import WEIGHTS, needs_networks
from tests.training.synthetic.drawn_people import (
    image_source,
    in_crops,
    keypoints_m,
    people,
    segment_body,
    triangles,
    vertices_m,
)

BLACK, WHITE = 0.0, 1.0
N = 6


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody and nothing else in the picture, no edge of it near, and nothing blurred."""
    monkeypatch.setattr(images, "BYSTANDER_SHARE", 0.0)
    monkeypatch.setattr(images, "BLURRED_SHARE", 0.0)
    monkeypatch.setattr(occluders, "MEAN_COUNT", 0.0)
    monkeypatch.setattr(crops, "CUT_SHARE", 0.0)


@pytest.fixture
def silhouettes(bare: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """White people on black, as they are."""
    monkeypatch.setattr(renderer, "shaded", lambda _r, mesh, _t, **_: np.full(mesh.shape, WHITE, np.float32))
    monkeypatch.setattr(images, "draw_backdrop", lambda _r, rays, _R, **_: np.full(rays.shape, BLACK, np.float32))
    monkeypatch.setattr(
        images, "capture", lambda _r, light, *, black: (255 * light * ~black[..., None]).astype(np.uint8)
    )


def covered(batch: ImageBatch) -> NDArray[np.bool_]:
    """(N, 256, 192) pixels at least half on the person of a silhouette."""
    return np.asarray(batch.pixels[:, 0].numpy() >= 127)


def test_a_batch_has_its_shapes_and_no_nan() -> None:
    batch = image_source().draw(N)
    shapes = {name: tuple(value.shape) for name, value in vars(batch).items()}
    assert shapes == {
        "pixels": (N, 3, HEIGHT_PX, WIDTH_PX),
        "corner": (N, 2),
        "ray_per_px": (N,),
        "person": (N,),
        "R_camera_segment": (N, 20, 3, 3),
        "root_m": (N, 3),
    }
    assert batch.pixels.dtype == torch.uint8
    assert batch.person.max() < len(people())
    for value in (batch.corner, batch.ray_per_px, batch.R_camera_segment, batch.root_m):
        assert value.dtype == torch.float32
        assert value.isfinite().all()
    assert (batch.ray_per_px > 0).all()
    assert (batch.root_m[:, 2] > 0).all()


def test_the_same_seed_draws_the_same_pictures_and_another_seed_others() -> None:
    source = image_source(seed=5)
    first, second = source.draw(3), source.draw(3)
    source.reseed(5)
    again = source.draw(3)
    other = image_source(seed=6).draw(3)
    for name, value in vars(first).items():
        assert torch.equal(value, getattr(again, name)), name
    for elsewhere in (second, other):
        assert not torch.equal(first.pixels, elsewhere.pixels)
        assert not torch.equal(first.root_m, elsewhere.root_m)


@pytest.mark.usefixtures("silhouettes")
def test_the_true_body_covers_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes.SceneSource, "clothed", _naked(scenes.SceneSource.clothed))
    batch = image_source(seed=1).draw(N)
    points = in_crops(batch, vertices_m(batch))
    for pixels, seen, depth_m in zip(covered(batch), points, vertices_m(batch)[..., 2:], strict=True):
        mesh = torch.cat([seen, 1 / depth_m], dim=-1).numpy()
        near = Rasterizer().nearness(mesh, triangles(), width_px=WIDTH_PX, height_px=HEIGHT_PX)
        assert (pixels & (near > 0)).sum() > 0.95 * (pixels | (near > 0)).sum()


@pytest.mark.usefixtures("silhouettes")
def test_true_keypoints_lie_on_the_drawn_body() -> None:
    batch = image_source(seed=2).draw(N)
    keypoints = in_crops(batch, keypoints_m(batch)).round().long()
    inside = (keypoints >= 0).all(-1) & (keypoints < torch.tensor([WIDTH_PX, HEIGHT_PX])).all(-1)
    assert inside.float().mean() > 0.95
    mask = torch.from_numpy(covered(batch))
    near = torch.nn.functional.max_pool2d(mask[:, None].float(), 7, stride=1, padding=3)[:, 0] > 0
    hit = torch.stack([near[i, k[:, 1].clamp(0, 255), k[:, 0].clamp(0, 191)] for i, k in enumerate(keypoints)])
    assert hit[inside].float().mean() > 0.97


@pytest.mark.usefixtures("silhouettes")
def test_crops_hold_the_whole_person() -> None:
    batch = image_source(seed=3).draw(4 * N)
    points = in_crops(batch, vertices_m(batch))
    size = torch.tensor([WIDTH_PX, HEIGHT_PX])
    inside = ((points > -0.5) & (points < size - 0.5)).all(-1)
    assert inside.float().mean() > 0.97
    extent = points.amax(1) - points.amin(1)
    assert ((extent / size).amax(-1) > 0.55).all()  # the box, enlarged by a quarter and a detector's error


@pytest.mark.usefixtures("silhouettes")
def test_what_lies_outside_the_picture_is_black(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "CUT_SHARE", 1.0)
    monkeypatch.setattr(images, "draw_backdrop", lambda _r, rays, _R, **_: np.full(rays.shape, WHITE, np.float32))
    batch = image_source(seed=4).draw(4 * N)
    black = (batch.pixels == 0).all(1)
    assert (black.flatten(1).any(1)).float().mean() > 0.7  # a larger box may show no edge
    for picture in black:  # one side is cut, so black is a band
        rows, columns = picture.all(1), picture.all(0)
        assert picture.sum() == max(rows.sum() * WIDTH_PX, columns.sum() * HEIGHT_PX)


@pytest.mark.usefixtures("silhouettes")
def test_company_adds_people(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = covered(image_source(seed=7).draw(N))
    monkeypatch.setattr(images, "BYSTANDER_SHARE", 1.0)
    together = covered(image_source(seed=7).draw(N))
    assert together[0].sum() > alone[0].sum()  # later pictures are drawn from other random numbers


@pytest.mark.usefixtures("bare")
def test_pictures_of_moments_blur_what_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "BLURRED_SHARE", 1.0)
    monkeypatch.setattr(scenes, "EXPOSURE_S", (0.0, 0.0))
    still = _drawn_people(image_source(seed=8), monkeypatch)
    monkeypatch.setattr(scenes, "EXPOSURE_S", (0.2, 0.2))
    blurred = _drawn_people(image_source(seed=8), monkeypatch)
    assert _half_covered(still) < _half_covered(blurred)


@needs_networks
@pytest.mark.usefixtures("bare")
def test_the_keypoint_network_finds_the_true_keypoints() -> None:
    source = image_source(seed=9)
    batch = source.draw(24)
    network = RtmPose.load(WEIGHTS / "rtmpose-s-halpe26.onnx")
    with torch.no_grad():
        found_px, confidence = decoded(network(normalised(batch.pixels)))
    off_px = (found_px - in_crops(batch, keypoints_m(batch))).norm(dim=-1)
    sure = confidence > 0.5
    assert sure.float().mean() > 0.3
    assert off_px[sure].median() < 6.0
    for name in ("left_shoulder", "left_knee", "right_wrist", "left_ankle"):  # not the other side's
        k = KEYPOINTS.index(name)
        assert off_px[:, k][sure[:, k]].median() < 9.0


def test_the_truth_has_a_turn_for_each_segment_that_is_a_rotation() -> None:
    R = image_source(seed=10).draw(N).R_camera_segment
    torch.testing.assert_close(R @ R.mT, torch.eye(3).expand_as(R), atol=1e-4, rtol=0)
    assert (torch.linalg.det(R) > 0).all()
    assert R.shape[1] == len(segment_body().rig.bone_labels)


def _naked(clothed):  # type: ignore[no-untyped-def]
    return lambda self, scene, index, thickness, **how: clothed(self, scene, index, 0 * thickness, **how)


def _drawn_people(source: ImageSource, monkeypatch: pytest.MonkeyPatch) -> list[NDArray[np.float32]]:
    """What `draw` mixes from samples, before it stands on a backdrop: (256, 192, 4) each."""
    mixed: list[NDArray[np.float32]] = []

    def kept(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        mixed.append(crops.mean_of_samples(picture))
        return mixed[-1]

    monkeypatch.setattr(renderer, "mean_of_samples", kept)
    source.draw(N)
    return mixed


def _half_covered(people_drawn: list[NDArray[np.float32]]) -> int:
    return sum(int(((p[..., 3] > 0.05) & (p[..., 3] < 0.95)).sum()) for p in people_drawn)


def test_the_truth_of_a_mirror_image_is_the_mirror_image_of_the_truth() -> None:
    batch = image_source().draw(N)
    both = with_mirror_images(batch)
    assert torch.equal(both.pixels[:N], batch.pixels)
    assert torch.equal(both.pixels[N:], batch.pixels.flip(-1))
    seen = in_crops(both, keypoints_m(both))
    image = seen[N:, list(MIRRORED)]
    torch.testing.assert_close(image[..., 0], WIDTH_PX - 1 - seen[:N, :, 0], atol=0.05, rtol=0)
    torch.testing.assert_close(image[..., 1], seen[:N, :, 1], atol=0.05, rtol=0)
    depth_m = keypoints_m(both)[..., 2]
    torch.testing.assert_close(depth_m[N:, list(MIRRORED)], depth_m[:N], atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.linalg.det(both.R_camera_segment), torch.ones(2 * N, 20))
