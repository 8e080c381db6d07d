"""The standing heights that a measurement accepts."""

LEAST_HEIGHT_M, MOST_HEIGHT_M = 0.5, 2.6
ACCEPTED_HEIGHTS = f"{LEAST_HEIGHT_M} to {MOST_HEIGHT_M}"


def centimetres_hint(height_m: float) -> str:
    """What to append to an error about a height that is one in centimetres, else nothing."""
    if 100 * LEAST_HEIGHT_M <= height_m <= 100 * MOST_HEIGHT_M:
        return f"; centimetres? then it is {height_m / 100:g}"
    return ""
