"""Loading: what `perceive` needs comes first, and the rest beside it."""

import subprocess
import sys
from concurrent.futures import wait
from pathlib import Path

import pytest

from biopose.errors import ModelError
from biopose.reconstruction.models import Models, WeightFiles
from tests.perception.real_people import needs_networks


@needs_networks
def test_broken_weights_of_the_fit_are_named_while_the_networks_run_already(tmp_path: Path) -> None:
    broken = tmp_path / "lifter.safetensors"
    broken.write_bytes(b"no weights")
    models = Models.load(files=WeightFiles(lifter=broken))
    wait([models.later])
    with pytest.raises(ModelError, match=str(broken)):
        models.check_loaded()
    with pytest.raises(ModelError, match=str(broken)):
        _ = models.fit


def test_a_measurement_begins_before_what_it_needs_later_is_loaded() -> None:
    program = """
import sys
import biopose.cli.measure_file
later = {"opensim", "onnxruntime", "pyarrow", "scipy.linalg", "scipy.ndimage", "biopose.report.folder"}
print((later | {"biopose.reconstruction.people_fit"}) & set(sys.modules))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
