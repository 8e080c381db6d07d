"""Names of the files of a measured trial, by which those who read them need not load what writes them."""

COORDINATES, MARKERS, MODEL, TRIAL = "coordinates.mot", "markers.trc", "scaled.osim", "trial.parquet"
KINEMATICS, EVENTS, METRICS, QUALITY = "kinematics.parquet", "events.parquet", "metrics.parquet", "quality.parquet"
TRIAL_FILES = (COORDINATES, MARKERS, MODEL, TRIAL)
OVERLAY = "overlay.mp4"  # of a video, unless none is asked for
REPORT = "report.html"
PICTURES = (OVERLAY, REPORT)  # they show whoever is in the video; without an overlay the report has no image of it
FORCES = "forces.mot"  # of force plates, where a recording of markers has some
