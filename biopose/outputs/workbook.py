"""A trial's metrics, events and frames as .xlsx, a sheet each."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from biopose.errors import FileFormatError
from biopose.io.parquet import read_parquet_table
from biopose.outputs.file_names import EVENTS, KINEMATICS, METRICS

SHEETS = {"metrics": METRICS, "events": EVENTS, "kinematics": KINEMATICS}
MOST_ROWS = 1_048_575  # of a sheet, below its heading
WIDTH = 16  # of a column, in characters


def write_workbook(folder: Path, target: Path) -> None:
    """Write the .xlsx; what is not known is an empty cell.

    Args:
        folder: of the trial.
        target: the file.

    Raises:
        FileFormatError: a table is missing or damaged, or has more rows than a sheet.
        ModuleNotFoundError: XlsxWriter is not installed.
    """
    import xlsxwriter  # of [orchestration]

    tables = {sheet: read_parquet_table(folder / file) for sheet, file in SHEETS.items()}
    for sheet, table in tables.items():
        if table.num_rows > MOST_ROWS:
            raise FileFormatError(f"{folder}: {table.num_rows} rows of {sheet} are more than a sheet holds; take .csv")
    with xlsxwriter.Workbook(str(target), {"constant_memory": True}) as workbook:
        bold = workbook.add_format({"bold": True})
        for name, table in tables.items():
            sheet = workbook.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, table.num_columns - 1, WIDTH)
            sheet.write_row(0, 0, table.column_names, bold)
            for number, row in enumerate(zip(*table.to_pydict().values(), strict=True), start=1):
                for column, value in enumerate(row):
                    _write(sheet, number, column, value)


def _write(sheet: Any, row: int, column: int, value: Any) -> None:
    if isinstance(value, str):
        sheet.write_string(row, column, value)  # nothing is a formula
    elif value is not None and math.isfinite(value):
        sheet.write_number(row, column, value)
