"""Windows of markers can be cut."""

from dataclasses import replace

import torch

from tests.training.synthetic_markers import synthetic_source


def test_windows_cut_short_hold_the_same_frames() -> None:
    batch = synthetic_source().draw(2, frames=6, calibrated=True)
    cut = batch.cut(3)
    torch.testing.assert_close(cut.q, torch.cat([batch.q[:1, :3], batch.q[:1, 3:], batch.q[1:, :3], batch.q[1:, 3:]]))
    torch.testing.assert_close(cut.windows.markers_m[1], batch.windows.markers_m[0, 3:])
    torch.testing.assert_close(cut.windows.interval_s, batch.windows.interval_s[[0, 0, 1, 1]])
    own, whole = cut.windows.subject, batch.windows.subject
    assert own is not None
    assert whole is not None
    torch.testing.assert_close(own.locations_m[2:], whole.locations_m[[1, 1]])
    assert replace(batch).cut(6).q is batch.q
