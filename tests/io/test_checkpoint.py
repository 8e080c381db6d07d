"""Networks on disk: read as they were written, and a clear word where that cannot be."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from biopose.errors import ModelError
from biopose.io.checkpoint import load_network, read_checkpoint, save_checkpoint, save_network
from biopose.io.files import sha256_of

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1], dtype=torch.int64)}
SHAPE = {"width": 4, "dilations": [1, 2], "made": "by hand: grün"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "network.safetensors"
    save_checkpoint(path, TENSORS, kind="test", shape=SHAPE)
    return path


def test_it_is_read_as_it_was_written(path: Path) -> None:
    tensors, shape = read_checkpoint(path, kind="test")
    assert shape == SHAPE
    assert set(tensors) == set(TENSORS)
    for name, tensor in TENSORS.items():
        torch.testing.assert_close(tensors[name], tensor, atol=0, rtol=0)


def test_views_and_parameters_can_be_written(tmp_path: Path) -> None:
    transposed = torch.nn.Parameter(TENSORS["a.weight"]).T
    save_checkpoint(tmp_path / "t.safetensors", {"t": transposed}, kind="test", shape={})
    torch.testing.assert_close(read_checkpoint(tmp_path / "t.safetensors", kind="test")[0]["t"], transposed.detach())


def test_a_network_is_loaded_without_drawing_random_weights(tmp_path: Path) -> None:
    path, written = tmp_path / "n.safetensors", torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    save_network(path, written, kind="test", shape={"inputs": 3})
    state = torch.get_rng_state()
    read = load_network(
        path,
        lambda shape: torch.nn.Sequential(torch.nn.Linear(shape["inputs"], 2), torch.nn.BatchNorm1d(2)),
        kind="test",
    )
    assert torch.equal(torch.get_rng_state(), state)
    for name, tensor in written.state_dict().items():
        torch.testing.assert_close(read.state_dict()[name], tensor.half().to(tensor.dtype), atol=0, rtol=0)


def test_an_absent_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors: cannot be read as a test network.*install BioPose again"):
        read_checkpoint(tmp_path / "none.safetensors", kind="test")


@pytest.mark.parametrize("broken", [b"", b"not tensors", None])
def test_a_broken_file_is_named_with_the_remedy(path: Path, broken: bytes | None) -> None:
    path.write_bytes(path.read_bytes()[:-5] if broken is None else broken)
    with pytest.raises(
        ModelError, match=r"network\.safetensors: cannot be read as a test network.*install BioPose again"
    ):
        read_checkpoint(path, kind="test")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_checkpoint(tmp_path, kind="test")


def test_another_kind_is_refused(path: Path) -> None:
    with pytest.raises(ModelError, match=r"network\.safetensors: holds test; a lifter network is needed"):
        read_checkpoint(path, kind="lifter")


def test_someone_elses_tensors_are_refused(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "theirs.safetensors")
    with pytest.raises(ModelError, match=r"theirs\.safetensors: holds no network of ours"):
        read_checkpoint(tmp_path / "theirs.safetensors", kind="lifter")


def test_what_was_there_stays_when_writing_fails(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save_checkpoint(path, TENSORS, kind="test", shape={"no json": object()})
    with pytest.raises(Exception, match=r".*"):
        save_checkpoint(path, {"shared": "no tensor"}, kind="test", shape={})  # type: ignore[dict-item]
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_the_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_same_network_is_the_same_file(path: Path, tmp_path: Path) -> None:
    for number in range(8):
        save_checkpoint(tmp_path / "again.safetensors", TENSORS, kind="test", shape=SHAPE)
        assert sha256_of(tmp_path / "again.safetensors") == sha256_of(path), number
