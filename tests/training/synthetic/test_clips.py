"""A clip is one person in one place: the same by its seed, without a jump, and where the truth says."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from biopose.perception.crops import HEIGHT_PX, WIDTH_PX, normalised
from biopose.perception.cspnext import RtmPose
from biopose.perception.simcc import decoded
from biopose.training.synthetic import clips, images, occluders, renderer, views
from biopose.training.synthetic.clips import RATE_HZ, SyntheticClip
from tests.body.bodies import needs_body_asset
from tests.perception.real_people import WEIGHTS, needs_networks
from tests.training.synthetic.filmed_people import clip_source, filmed_people, in_crops, keypoints_m

pytestmark = needs_body_asset
FRAMES = 8


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody and nothing else in the picture, nothing cut or blurred."""
    monkeypatch.setattr(clips, "BYSTANDER_SHARE", 0.0)
    monkeypatch.setattr(clips, "BLURRED_SHARE", 0.0)
    monkeypatch.setattr(occluders, "MEAN_COUNT", 0.0)
    monkeypatch.setattr(views, "CUT_SHARE", 0.0)


def brightness(clip: SyntheticClip) -> NDArray[np.float32]:
    """(T, 256, 192) from 0 to 1."""
    return np.asarray(clip.pixels.float().mean(1) / 255)


def test_a_clip_has_its_shapes() -> None:
    clip = clip_source().draw()
    assert clip.pixels.shape == (FRAMES, 3, HEIGHT_PX, WIDTH_PX)
    assert clip.pixels.dtype == torch.uint8
    assert clip.regions_px.shape == (FRAMES, 4)
    assert clip.sequence.q.shape[0] == len(clip.time_s) == FRAMES
    assert RATE_HZ[0] <= 1 / clip.time_s[1] <= RATE_HZ[1]
    assert clip.sequence.person < len(filmed_people()[0])
    region = clip.regions_px[:, 2:] - clip.regions_px[:, :2]
    np.testing.assert_allclose(region[:, 1] / region[:, 0], HEIGHT_PX / WIDTH_PX, rtol=1e-5)


def test_the_same_seed_draws_the_same_clips_and_another_seed_others() -> None:
    source = clip_source(seed=4, frames=3)
    first, second = source.draw(), source.draw()
    source.reseed(4)
    again, other = source.draw(), clip_source(seed=5, frames=3).draw()
    assert torch.equal(first.pixels, again.pixels)
    assert torch.equal(first.sequence.q, again.sequence.q)
    assert first.camera == again.camera
    np.testing.assert_array_equal(first.regions_px, again.regions_px)
    for elsewhere in (second, other):
        assert not torch.equal(first.pixels, elsewhere.pixels)
        assert not torch.equal(first.sequence.q, elsewhere.sequence.q)


@pytest.mark.parametrize("seed", range(4))
def test_frames_are_like_their_neighbours(seed: int) -> None:
    clip = clip_source(seed).draw()
    light = brightness(clip)
    assert np.abs(np.diff(light.mean(axis=(1, 2)))).max() < 0.05
    near = np.abs(np.diff(light[:, ::4, ::4], axis=0)).mean()
    far = np.abs(brightness(clip_source(seed + 10).draw())[:, ::4, ::4] - light[:, ::4, ::4]).mean()
    assert near < 0.5 * far
    height = clip.regions_px[:, 3] - clip.regions_px[:, 1]
    assert (np.abs(np.diff(clip.regions_px, axis=0)) / height[1:, None]).max() < 0.2


@pytest.mark.usefixtures("bare")
def test_true_keypoints_lie_on_the_drawn_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderer, "shaded", lambda _r, mesh, _t, **_: np.ones_like(mesh))
    monkeypatch.setattr(views, "draw_backdrop", lambda _rng, rays, _R, **_: np.zeros_like(rays))
    monkeypatch.setattr(clips, "apply_response", lambda _r, light, _l, *, black: (255 * light).astype(np.uint8))
    for seed in range(3):
        clip = clip_source(seed).draw()
        mask = torch.nn.functional.max_pool2d((clip.pixels[:, :1] > 127).float(), 9, stride=1, padding=4)[:, 0] > 0
        keypoints = in_crops(clip, keypoints_m(clip.sequence)).round().long()
        inside = ((keypoints >= 0) & (keypoints < torch.tensor([WIDTH_PX, HEIGHT_PX]))).all(-1)
        assert inside.float().mean() > 0.95
        x, y = keypoints.clamp(min=0).unbind(-1)
        hit = mask[torch.arange(FRAMES)[:, None], y.clamp(max=HEIGHT_PX - 1), x.clamp(max=WIDTH_PX - 1)]
        assert hit[inside].float().mean() > 0.97


def test_occluders_stay_where_they_are_or_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occluders, "MEAN_COUNT", 3.0)
    for share, moves in ((0.0, False), (1.0, True)):
        monkeypatch.setattr(clips, "PASSING_SHARE", share)
        seen: list[NDArray[np.floating]] = []
        exposed = renderer.SceneRenderer.exposed

        def kept(self, moments, crop, before, seen=seen, exposed=exposed):  # type: ignore[no-untyped-def]
            seen.append(crop.rays_of(before.points[:, :2]))
            return exposed(self, moments, crop, before)

        with monkeypatch.context() as patched:
            patched.setattr(renderer.SceneRenderer, "exposed", kept)
            clip_source(seed=2).draw()
        step = np.abs(np.diff(np.stack(seen), axis=0)).max(axis=(1, 2))
        assert (step > 1e-4).all() if moves else (step < 1e-5).all()


def test_company_comes_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "BYSTANDER_SHARE", 1.0)
    source = clip_source(seed=3)
    people: list[list[clips.DressedPerson]] = []
    render = clips.ClipSource._render

    def kept(self, setting, dressed, frame, crop):  # type: ignore[no-untyped-def]
        people.append(list(dressed))
        return render(self, setting, dressed, frame, crop)

    monkeypatch.setattr(clips.ClipSource, "_render", kept)
    source.draw()
    one, other = people[0]
    apart_m = (one.scene.root_m[0] - other.scene.root_m[0]).norm()
    low, high = images.BYSTANDER_DISTANCE_M
    assert low - 1e-3 < apart_m < high + 1.0  # roots may differ in height


@needs_networks
@pytest.mark.usefixtures("bare")
def test_the_keypoint_network_finds_the_true_keypoints() -> None:
    network = RtmPose.load(WEIGHTS / "rtmpose-s-halpe26.onnx")
    off_px, sure = [], []
    for seed in range(4):
        clip = clip_source(seed).draw()
        with torch.no_grad():
            found_px, confidence = decoded(network(normalised(clip.pixels)))
        off_px.append((found_px - in_crops(clip, keypoints_m(clip.sequence))).norm(dim=-1))
        sure.append(confidence > 0.5)
    assert torch.cat(sure).float().mean() > 0.3
    assert torch.cat(off_px)[torch.cat(sure)].median() < 6.0
