"""Arrow arrays from numpy's and back, over their buffers.

pyarrow's own `pa.array` and `to_numpy` do the same, but import pandas first wherever it is installed: 0.3 s and 40 MB
for a process that has no other use for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def arrow_array(values: NDArray[Any], *, valid: NDArray[np.bool_] | None = None) -> pa.Array:
    """Numbers or truth values (T,) as an Arrow array of the same type.

    Args:
        values: of any numeric type, or bool.
        valid: (T,) False where the array has a null; None: nowhere. A NaN stays NaN.
    """
    stored = np.packbits(values, bitorder="little") if values.dtype == np.bool_ else np.ascontiguousarray(values)
    buffers = [_bitmap(valid), pa.py_buffer(stored)]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), buffers)


def nan_as_null(values: NDArray[np.floating]) -> pa.Array:
    """Numbers (T,) as an Arrow array that is null where they are NaN."""
    return arrow_array(values, valid=~np.isnan(values))


def text_array(texts: Sequence[str | None]) -> pa.Array:
    """Texts as an Arrow array of strings, with a null for None."""
    encoded = [(text or "").encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    valid = np.array([text is not None for text in texts], dtype=np.bool_)
    data = pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))
    return pa.StringArray.from_buffers(len(texts), *data, _bitmap(valid))


def column_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Python's values as an Arrow array, with a null for None.

    Args:
        values: numbers or truth values, bytes, or lists of such.
        kind: the type of the array.
    """
    valid = _bitmap(np.array([value is not None for value in values], dtype=np.bool_))
    if pa.types.is_list(kind):
        items = [item for value in values if value is not None for item in value]
        return pa.Array.from_buffers(
            kind, len(values), [valid, _ends(values)], children=[column_array(items, kind.value_type)]
        )
    if pa.types.is_binary(kind):
        data = pa.py_buffer(b"".join(value or b"" for value in values))
        return pa.Array.from_buffers(kind, len(values), [valid, _ends(values), data])
    numbers = np.array([value or 0 for value in values], dtype=_dtype(kind))
    return pa.Array.from_buffers(kind, len(values), [valid, arrow_array(numbers).buffers()[1]])


def float_array(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """(T,) a column of numbers or truth values; NaN where it is null."""
    parts = [_floats(chunk) for chunk in column.chunks]
    return np.concatenate(parts) if parts else np.empty(0)


def _ends(values: Sequence[Any]) -> pa.Buffer:
    """Where each value begins, and where the last one ends."""
    return pa.py_buffer(np.cumsum([0, *(len(value or ()) for value in values)], dtype=np.int32))


def _bitmap(valid: NDArray[np.bool_] | None) -> pa.Buffer | None:
    return None if valid is None or valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))


def _floats(chunk: pa.Array) -> NDArray[np.float64]:
    bitmap, stored = chunk.buffers()
    rows = slice(chunk.offset, chunk.offset + len(chunk))
    values = _bits(stored, rows) if pa.types.is_boolean(chunk.type) else _numbers(stored, chunk.type)[rows]
    floats = values.astype(np.float64)
    if bitmap is not None:
        floats[~_bits(bitmap, rows)] = np.nan
    return floats


def _numbers(stored: pa.Buffer, kind: pa.DataType) -> NDArray[Any]:
    return np.frombuffer(stored, dtype=_dtype(kind))


def _dtype(kind: pa.DataType) -> np.dtype[Any]:
    if pa.types.is_boolean(kind):
        return np.dtype(np.bool_)
    code = "f" if pa.types.is_floating(kind) else "u" if pa.types.is_unsigned_integer(kind) else "i"
    return np.dtype(f"{code}{kind.bit_width // 8}")


def _bits(stored: pa.Buffer, rows: slice) -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(stored, dtype=np.uint8), count=rows.stop, bitorder="little")
    return bits[rows].astype(np.bool_)
