"""VTK is called in two modules: one renders, one decimates."""

import re
from pathlib import Path

import biopose

IMPORT = re.compile(r"^\s*(import|from) vtk", flags=re.MULTILINE)


def test_only_the_window_and_the_decimation_import_vtk() -> None:
    source = Path(biopose.__file__).parent
    importing = {
        path.relative_to(source).as_posix() for path in source.rglob("*.py") if IMPORT.search(path.read_text())
    }
    assert importing == {"rendering/vtk_window.py", "rendering/decimation.py"}
