"""An example of a session's manifest, to be filled in: every key once."""

from __future__ import annotations

EXAMPLE = """\
# Athletes, video files and activities. Put the videos beside this file.

team = "{team}"
session = "{session}"
date = {date}              # of the recording, without quotes

[[athlete]]
id = "ann"                     # letters, digits, _ and -: no full names
height_m = 1.78                # standing, without shoes, in metres: every length is measured by it
mass_kg = 72.0                 # optional
sex = "female"                 # optional: "male" or "female"
birth_year = 2004              # optional: norms go by age
consent = true                 # without it nothing of this athlete is measured

[[athlete]]
id = "ben"
height_m = 1.84
consent = true

[[trial]]
file = "jump1.mp4"
athlete = "ann"
activity = "countermovement_jump"   # walk, run, sprint, squat, countermovement_jump, drop_jump or other

# The second half of a video in slow motion; its name would be jump2 without the id.
[[trial]]
id = "jump2-slow"
file = "jump2.mov"
athlete = "ann"
activity = "countermovement_jump"
start_s = 4.0                  # seconds of the file as it is played
end_s = 12.5
recorded_hz = 240              # frames per second at which it was recorded
keep_readable = true           # measure the readable beginning of a damaged file

# Several people in the image: choose one. With the camera known, distances are better.
[[trial]]
file = "squats.mp4"
athlete = "ben"
activity = "squat"
person = "central"             # "largest" (default), "central", a number of `biopose people`, or a box in pixels
[trial.camera]
horizontal_fov_deg = 68.0      # or focal_px = 1450
distortion = [-0.12, 0.05, 0.0, 0.0, 0.0]  # of the lens: k1, k2, p1, p2, k3 as OpenCV has them
"""


def example_manifest(*, team: str, session: str, date: str) -> str:
    """The text of a manifest with two athletes and three trials that lacks nothing but its videos.

    Args:
        team: a valid name for `session.toml`.
        session: likewise.
        date: such as 2026-11-25.
    """
    return EXAMPLE.format(team=team, session=session, date=date)
