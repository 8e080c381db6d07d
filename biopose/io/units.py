"""Units of length that marker files state."""

UNITS_PER_METRE = {
    "m": 1.0,
    "meters": 1.0,
    "metres": 1.0,
    "cm": 100.0,
    "centimeters": 100.0,
    "centimetres": 100.0,
    "mm": 1000.0,
    "millimeters": 1000.0,
    "millimetres": 1000.0,
}
KNOWN_UNITS = "one of " + ", ".join(UNITS_PER_METRE)
