"""The shipped weights are registered once for each state of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from biopose.errors import ModelError
from biopose.reconstruction.method_names import networks_of
from tasks import registration
from tasks.registration import registered_models
from tasks.settings import Settings
from tests.perception.real_people import needs_networks

pytestmark = [needs_networks, pytest.mark.slow]


def test_what_was_registered_once_is_not_registered_again_unless_the_registry_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load(tmp_path / "home")
    first = registered_models(settings, "champion", method="mqhmr")
    assert tuple(model.stage for model in first) == networks_of("mqhmr")

    def registers(_: Settings) -> None:
        raise ModelError("registered again")

    monkeypatch.setattr(registration, "register_shipped", registers)
    assert registered_models(settings, "champion", method="mqhmr") == first
    (settings.home / "mlflow.db").unlink()
    with pytest.raises(ModelError, match="registered again"):
        registered_models(settings, "champion", method="mqhmr")


def test_a_missing_asset_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOPOSE_ASSETS", str(tmp_path / "none"))
    with pytest.raises(ModelError, match="biopose assets pull"):
        registered_models(Settings.load(tmp_path / "home"), "champion", method="mqhmr")
