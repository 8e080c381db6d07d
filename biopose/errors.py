"""Errors for inputs that cannot be processed.

A caller's bad argument is a ``ValueError``. Everything here means that the *input* is at fault: an ingestion
quarantines it with the message as its reason and goes on. Messages name the file, the location in it and the remedy.
"""


class BioposeError(Exception):
    """An input that cannot be processed; the message names it, the location and the remedy."""


class FileFormatError(BioposeError):
    """A motion file (.trc, .mot, .sto, .c3d, .parquet) that breaks its format."""


class VideoError(BioposeError):
    """A video that cannot be decoded or has nothing to measure."""


class ManifestError(BioposeError):
    """A session manifest with a missing, misspelt or contradictory entry."""


class TrackingError(BioposeError):
    """A person who cannot be tracked through the frames."""


class ModelError(BioposeError):
    """A skeleton, body or network file that is broken, unsupported or does not fit the data."""
