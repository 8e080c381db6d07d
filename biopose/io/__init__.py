"""Motion files: markers (.trc, .c3d, .parquet) and coordinates (.mot, .sto, .parquet), in and out.

Inside the library positions are metres, angles radians and times seconds (DESIGN section 4). Readers convert what a
file says into that; writers convert back. An input that breaks its format raises ``biopose.errors.FileFormatError``.
"""
