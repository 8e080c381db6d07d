"""Motion files: markers (.trc, .c3d, .parquet) and coordinates (.mot, .sto, .parquet), in and out.

Inside the library positions are metres, angles radians and times seconds (DESIGN section 4). Reading converts a
file's units into these; writing converts back. An input that breaks its format raises
``biopose.errors.FileFormatError``.
"""
