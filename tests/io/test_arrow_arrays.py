"""Arrow arrays made from numpy's buffers are those that pyarrow makes, without pandas."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from biopose.io.arrow_arrays import arrow_array, column_array, float_array, nan_as_null, text_array

TYPES = [np.float64, np.float32, np.int64, np.int32, np.uint8, np.bool_]


@pytest.mark.parametrize("kind", TYPES)
def test_an_array_is_that_of_pyarrow_strided_and_with_nulls(kind: type) -> None:
    values = (10 * np.random.default_rng(0).random(21)).astype(kind)[::2]
    valid = np.arange(11) % 3 != 1
    assert arrow_array(values).equals(pa.array(values))
    assert arrow_array(values, valid=valid).equals(pa.array(values, mask=~valid))


@pytest.mark.parametrize("kind", TYPES)
def test_a_column_of_slices_reads_back_with_nan_where_it_is_null(kind: type) -> None:
    values = (10 * np.random.default_rng(1).random(40)).astype(kind)
    valid = np.arange(40) % 7 != 2
    whole = arrow_array(values, valid=valid)
    column = pa.chunked_array([whole.slice(3, 11), whole.slice(14, 0), arrow_array(values).slice(14, 20)])
    expected = np.where((np.arange(40) < 14) & ~valid, np.nan, values.astype(np.float64))[3:34]
    np.testing.assert_array_equal(float_array(column), expected)


def test_an_empty_column_reads_as_no_values() -> None:
    assert float_array(pa.chunked_array([], type=pa.float64())).shape == (0,)


def test_nan_becomes_null_only_where_it_is_asked_for() -> None:
    values = np.array([1.0, np.nan, 3.0], dtype=np.float32)
    assert nan_as_null(values).to_pylist() == [1.0, None, 3.0]
    assert arrow_array(values).null_count == 0


@pytest.mark.parametrize("texts", [[], [""], ["knee", "", "Knöchel", "脚"], ["a", None, "b"], [None]])
def test_texts_are_those_of_pyarrow(texts: list[str | None]) -> None:
    assert text_array(texts).equals(pa.array(texts, pa.string()))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5, None, float("nan")], pa.float64()),
        ([3, -4, None], pa.int32()),
        ([True, None, False], pa.bool_()),
        ([b"ab", None, b""], pa.binary()),
        ([[1.0, 2.0], None, [], [3.0]], pa.list_(pa.float64())),
        ([[[1.0], None, []], [], [[2.0, 3.0]]], pa.list_(pa.list_(pa.float64()))),
        ([], pa.list_(pa.float64())),
        ([None], pa.binary()),
    ],
)
def test_a_column_of_values_is_that_of_pyarrow(values: list[object], kind: pa.DataType) -> None:
    array = column_array(values, kind)
    array.validate(full=True)
    assert str(array) == str(pa.array(values, kind))  # as text, NaN equals NaN
    assert array.type == kind


def test_arrays_load_no_pandas() -> None:
    code = """
import sys
import numpy as np
import pyarrow as pa
from biopose.io.arrow_arrays import arrow_array, column_array, float_array, nan_as_null, text_array
column_array([[1.0], None], pa.list_(pa.float64()))
float_array(pa.chunked_array([nan_as_null(np.array([1.0, np.nan])), arrow_array(np.arange(3.0))]))
text_array(["a"])
sys.exit("pandas" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
