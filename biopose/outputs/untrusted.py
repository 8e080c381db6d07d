"""From which quality on a frame is trusted."""

UNTRUSTED_QUALITY = 0.5  # a frame below this is drawn grey and named in the report
