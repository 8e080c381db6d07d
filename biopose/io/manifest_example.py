"""An example of a session's manifest, to be filled in: every key once."""

from __future__ import annotations

EXAMPLE = """\
# Athletes, recordings and activities. Put the videos, or the files of markers, beside this file.

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
# In its place: no overlays, as agreed on a day; scope = [] once it is withdrawn.
# consent = {{scope = ["numbers"], date = 2026-11-01}}
# For recordings of markers, each optional: the athlete standing still; the model with those markers, without one
# BioPose's own by their names; whose markers, where labels are SUBJECT:MARKER.
# static = "ann_static.c3d"
# model = "lab.osim"
# subject = "Ann"

[[athlete]]
id = "ben"
height_m = 1.84
consent = true

[recording]                    # optional, for all files of markers
up = "z"                       # their vertical axis; y without this key
units = "mm"                   # only where they state no unit of length, or a wrong one

[[trial]]
file = "jump1.mp4"
athlete = "ann"
activity = "countermovement_jump"   # walk, run, sprint, squat, countermovement_jump, drop_jump, throw, kick or other

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

# A recording of markers in place of a video; force plates inside a .c3d are read without `forces`.
# [[trial]]
# markers = "drop1.trc"
# forces = "drop1_grf.mot"     # optional: force plates beside a .trc
# athlete = "ann"
# activity = "drop_jump"

# 3D keypoints of another markerless system; `names` only where they are none of the usual ones.
# [[trial]]
# keypoints = "squat1.trc"
# names = "names.toml"         # TheirName = "right_hip" a line
# athlete = "ann"
# activity = "squat"

# Trials by a pattern: one for each such file, {{athlete}} (and {{activity}}) being part of its name.
# [[trial]]
# markers = "{{athlete}}_walk*.c3d"
# activity = "walk"
"""


def example_manifest(*, team: str, session: str, date: str) -> str:
    """The text of a manifest with two athletes and three trials that lacks nothing but its videos.

    Args:
        team: a valid name for `session.toml`.
        session: likewise.
        date: such as 2026-11-25.
    """
    return EXAMPLE.format(team=team, session=session, date=date)
