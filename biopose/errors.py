"""Errors for inputs that cannot be processed.

A caller's bad argument is a ``ValueError``. Everything here means that the *input* is at fault: an ingestion
quarantines it with the message as its reason and goes on. Messages name the thing, the place and the remedy.
"""


class BioposeError(Exception):
    """An input that cannot be processed; the message says which, where, and what to do."""


class FileFormatError(BioposeError):
    """A motion file (.trc, .mot, .sto, .c3d, .parquet) that does not say what its format requires."""


class VideoError(BioposeError):
    """A video that cannot be decoded or has nothing to measure."""


class ManifestError(BioposeError):
    """A session manifest with a missing, misspelt or contradictory entry."""


class TrackingError(BioposeError):
    """A person who cannot be followed through the frames."""


class ModelError(BioposeError):
    """A skeleton, body or network file that is broken, unsupported or does not fit the data."""
