"""Varied motion: inside the ranges, at a speed a person has, and drawn again by its seed."""

import pytest
import torch

from biopose.training.data import motion_variation
from biopose.training.data.motion import Motion
from biopose.training.data.motion_variation import SPEED, MotionPool, vary
from tests.swinging_person import full_body, synthetic_motion

N, FRAMES = 64, 20


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def intervals(n: int = N) -> torch.Tensor:
    return torch.full((n,), 1 / 30)


def clock(*, frames: int, rate_hz: float, name: str = "clock") -> Motion:
    """A motion whose pelvis goes along x by one metre a second."""
    motion = synthetic_motion(frames=frames, rate_hz=rate_hz, name=name)
    motion.values[:, motion.names.index("pelvis_tx")] = torch.arange(frames).numpy() / rate_hz
    return motion


def x_of(pool: MotionPool, q: torch.Tensor) -> torch.Tensor:
    return q[..., pool.names.index("pelvis_tx")]


def test_pieces_are_played_at_a_drawn_speed_whatever_the_clips_frame_rates() -> None:
    pool = MotionPool([clock(frames=600, rate_hz=60), clock(frames=1200, rate_hz=120)], full_body())
    x = x_of(pool, pool.windows(generator(), n=N, frames=FRAMES, interval_s=intervals()))
    speed = x.diff(dim=1) * 30
    assert speed.min() > SPEED[0] - 1e-3
    assert speed.max() < SPEED[1] + 1e-3
    assert (speed - speed.mean(1, keepdim=True)).abs().max() < 1e-3


def test_a_piece_does_not_run_into_the_next_clip() -> None:
    away = clock(frames=50, rate_hz=60)
    away.values[:, away.names.index("pelvis_tx")] = 100.0
    pool = MotionPool([clock(frames=200, rate_hz=60), away, clock(frames=40, rate_hz=60)], full_body())
    x = x_of(pool, pool.windows(generator(), n=400, frames=FRAMES, interval_s=intervals(400)))
    assert ((x > 99.9).all(1) | (x < 10).all(1)).all()


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_clip_that_is_too_short_is_held_at_its_end(frames: int) -> None:
    pool = MotionPool([clock(frames=frames, rate_hz=60)], full_body())
    x = x_of(pool, pool.windows(generator(), n=8, frames=FRAMES, interval_s=intervals(8)))
    assert x.isfinite().all()
    assert (x.diff(dim=1) >= 0).all()
    torch.testing.assert_close(x[:, -1], torch.full((8,), (frames - 1) / 60))


def test_coordinates_may_come_in_any_order() -> None:
    motion = synthetic_motion()
    turned = Motion("turned", 60.0, motion.names[::-1], motion.values[:, ::-1], flat_ground=True)
    for one in (motion, turned):
        pool = MotionPool([one], full_body())
        torch.testing.assert_close(pool.values.double(), torch.from_numpy(motion.values), atol=1e-6, rtol=0)


def test_longer_clips_are_drawn_more_often() -> None:
    long, short = clock(frames=900, rate_hz=60), clock(frames=100, rate_hz=60)
    short.values[:, short.names.index("pelvis_ty")] = 50.0
    pool = MotionPool([long, short], full_body())
    y = pool.windows(generator(), n=1000, frames=2, interval_s=intervals(1000))[:, 0, pool.names.index("pelvis_ty")]
    assert 0.05 < float((y > 40).float().mean()) < 0.16


def test_varied_motion_is_inside_the_ranges() -> None:
    pool = MotionPool([synthetic_motion()], full_body())
    q, clip = vary(pool, generator(), n=300, frames=FRAMES, interval_s=intervals(300))
    assert q.shape == clip.shape == (300, FRAMES, len(full_body().coordinates))
    assert q.isfinite().all()
    for c, column in zip(full_body().coordinates, q.unbind(-1), strict=True):
        if c.clamped:
            assert c.range_min - 1e-5 <= column.min()
            assert column.max() <= c.range_max + 1e-5


def test_variation_is_drawn_again_by_its_seed() -> None:
    pool = MotionPool([synthetic_motion()], full_body())
    first, again, other = (vary(pool, generator(s), n=8, frames=6, interval_s=intervals(8))[0] for s in (1, 1, 2))
    torch.testing.assert_close(first, again, atol=0, rtol=0)
    assert not torch.allclose(first, other)


def test_variation_leaves_the_library_as_it_is() -> None:
    motion = synthetic_motion()
    pool = MotionPool([motion], full_body())
    before = pool.values.clone()
    vary(pool, generator(), n=16, frames=6, interval_s=intervals(16))
    torch.testing.assert_close(pool.values, before, atol=0, rtol=0)


def test_without_variation_the_clip_comes_out_or_its_mirror_image(monkeypatch: pytest.MonkeyPatch) -> None:
    for share in [name for name in vars(motion_variation) if name.endswith("_SHARE")]:
        monkeypatch.setattr(motion_variation, share, 0.0)
    pool = MotionPool([synthetic_motion()], full_body())
    q, clip = vary(pool, generator(), n=N, frames=FRAMES, interval_s=intervals())
    torch.testing.assert_close(q, clip, atol=1e-5, rtol=0)
    z = q[..., pool.names.index("pelvis_rotation")].mean(1)
    assert 0.2 < float((z > 0).float().mean()) < 0.8  # facing 60 degrees to one side or to the other


def test_variation_widens_what_the_joints_do() -> None:
    pool = MotionPool([synthetic_motion()], full_body())
    q, clip = vary(pool, generator(), n=300, frames=FRAMES, interval_s=intervals(300))
    for name in ("hip_flexion_r", "knee_angle_l", "arm_add_r", "elbow_flex_l", "lumbar_bending"):
        column = pool.names.index(name)
        assert q[..., column].std() > 1.2 * clip[..., column].std()


def test_varied_joints_move_continuously() -> None:
    pool = MotionPool([synthetic_motion()], full_body())
    q, _ = vary(pool, generator(), n=100, frames=FRAMES, interval_s=intervals(100))
    joints = [i for i, name in enumerate(pool.names) if not name.startswith("pelvis")]
    assert q[..., joints].diff(dim=1).abs().max() < 1.0
    assert q[..., joints].diff(dim=1).abs().mean() < 0.05
