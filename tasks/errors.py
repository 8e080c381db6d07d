"""Errors of a run that no input caused."""


class TrialsFailedError(RuntimeError):
    """Trials failed for a reason that no input caused; the message names the first, its error and what to do."""
