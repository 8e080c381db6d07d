"""Backbones that users bring: read from every kind of file they come in, refused with a clear word otherwise."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from biopose.errors import ModelError
from biopose.hmr.vit import VIT_SHAPES, VitEncoder, VitShape

TINY = VitShape(width=32, depth=2, heads=4, crop_px=(128, 96), pyramid_channels=(4, 8, 12, 16))
State = dict[str, Tensor]


@pytest.fixture
def theirs() -> VitEncoder:
    """The network that a checkpoint comes from."""
    torch.manual_seed(1)
    return VitEncoder(TINY).eval()


@pytest.fixture
def ours() -> VitEncoder:
    torch.manual_seed(2)
    return VitEncoder(TINY).eval()


def backbone_of(encoder: VitEncoder) -> State:
    return {f"backbone.{name}": tensor for name, tensor in encoder.backbone.state_dict().items()}


def vitpose(state: State) -> dict[str, Any]:
    head = {"keypoint_head.deconv_layers.0.weight": torch.ones(3), "backbone.cls_token": torch.ones(1, 1, 32)}
    return {
        "meta": {"epoch": 210, "CLASSES": ("person",)},
        "state_dict": state | head,
        "optimizer": {"param_groups": []},
    }


def hmr2(state: State) -> dict[str, Any]:
    head = {"smpl_head.decpose.weight": torch.ones(3), "discriminator.D_conv1.bias": torch.ones(2)}
    return {"epoch": 35, "pytorch-lightning_version": "1.8.1", "state_dict": state | head, "loops": {}}


def bare(state: State) -> State:
    return {name.removeprefix("backbone."): tensor for name, tensor in state.items()}


def outputs_agree(one: VitEncoder, other: VitEncoder) -> bool:
    crops = torch.randn(1, 3, *TINY.crop_px, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        return torch.equal(one.backbone(crops), other.backbone(crops))


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt"])
@pytest.mark.parametrize("layout", [vitpose, hmr2, bare, dict])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_torch_file_gives_the_network_it_came_from(
    theirs: VitEncoder,
    ours: VitEncoder,
    tmp_path: Path,
    layout: Callable[[State], dict[str, Any]],
    suffix: str,
    zipped: bool,
) -> None:
    path = tmp_path / f"vit{suffix}"
    torch.save(layout(backbone_of(theirs)), path, _use_new_zipfile_serialization=zipped)
    assert not outputs_agree(ours, theirs)
    pyramid = {name: tensor.clone() for name, tensor in ours.pyramid.state_dict().items()}
    ours.load_backbone(path)
    assert outputs_agree(ours, theirs)
    assert all(torch.equal(tensor, pyramid[name]) for name, tensor in ours.pyramid.state_dict().items())


@pytest.mark.parametrize("layout", [bare, dict])
def test_safetensors_give_the_network_they_came_from(
    theirs: VitEncoder, ours: VitEncoder, tmp_path: Path, layout: Callable[[State], State]
) -> None:
    save_file(layout(backbone_of(theirs)) | {"smpl_head.bias": torch.ones(2)}, tmp_path / "vit.safetensors")
    ours.load_backbone(tmp_path / "vit.safetensors")
    assert outputs_agree(ours, theirs)


def test_half_precision_is_loaded_as_whole(theirs: VitEncoder, ours: VitEncoder, tmp_path: Path) -> None:
    save_file({name: tensor.half() for name, tensor in backbone_of(theirs).items()}, tmp_path / "vit.safetensors")
    ours.load_backbone(tmp_path / "vit.safetensors")
    for parameter, source in zip(ours.backbone.parameters(), theirs.backbone.parameters(), strict=True):
        assert parameter.dtype == torch.float32
        torch.testing.assert_close(parameter, source.half().float(), atol=0, rtol=0)


@pytest.mark.parametrize("split", [True, False])
def test_a_mixture_of_experts_is_loaded_as_its_first(
    theirs: VitEncoder, ours: VitEncoder, tmp_path: Path, split: bool
) -> None:
    state = backbone_of(theirs)
    for name in [name for name in state if ".fc2." in name]:
        shared, own = state[name].split([24, 8])
        state[name] = shared if split else state[name]  # the tool that makes plain networks leaves the experts in
        state |= {name.replace("fc2", f"experts.{i}"): own + i for i in range(3)}
    torch.save({"state_dict": state}, tmp_path / "vitpose_plus.pth")
    ours.load_backbone(tmp_path / "vitpose_plus.pth")
    assert outputs_agree(ours, theirs)


def test_settings_beside_the_weights_are_passed_over(
    theirs: VitEncoder, ours: VitEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("omegaconf.dictconfig")
    settings_class = type("DictConfig", (), {"__module__": module.__name__})
    module.DictConfig = settings_class  # type: ignore[attr-defined]
    settings = settings_class()
    settings.__dict__ |= {"_content": {"lr": 1e-5}, "_ref_type": dict}
    with monkeypatch.context() as patch:  # the library is not needed to read what it wrote
        patch.setitem(sys.modules, "omegaconf", ModuleType("omegaconf"))
        patch.setitem(sys.modules, module.__name__, module)
        torch.save(hmr2(backbone_of(theirs)) | {"hyper_parameters": settings}, tmp_path / "hmr2.ckpt")
    allowed = set(torch.serialization.get_safe_globals())
    ours.load_backbone(tmp_path / "hmr2.ckpt")
    assert outputs_agree(ours, theirs)
    assert set(torch.serialization.get_safe_globals()) == allowed  # the permission ended with the file


def plane_on(grid: tuple[int, int]) -> Tensor:
    """Values (rows, columns) that rise evenly from -3 at one corner of a picture to 3 at the opposite one."""
    down, along = (torch.linspace(-1 + 1 / count, 1 - 1 / count, count) for count in grid)
    return down[:, None] + 2 * along


@pytest.mark.parametrize("crop_px", [(512, 384), (256, 256), (384, 384), (128, 128)])
@pytest.mark.parametrize("own_px", [(256, 192), (192, 192)])
def test_positions_of_another_grid_are_interpolated(
    tmp_path: Path, crop_px: tuple[int, int], own_px: tuple[int, int]
) -> None:
    other, encoder = VitEncoder(replace(TINY, crop_px=crop_px)), VitEncoder(replace(TINY, crop_px=own_px))
    positions = torch.cat([torch.tensor([7.0]), plane_on(other.shape.grid).flatten()])
    torch.nn.init.zeros_(other.backbone.pos_embed).data += positions[None, :, None]
    torch.save(backbone_of(other), tmp_path / "vit.pth")
    encoder.load_backbone(tmp_path / "vit.pth")
    first, *cells = encoder.backbone.pos_embed[0, :, 5].tolist()
    error = torch.tensor(cells).reshape(encoder.shape.grid) - plane_on(encoder.shape.grid)
    assert first == 7
    assert error.abs().max() < 0.3  # a plane is bent where it ends
    assert error[2:-2, 2:-2].abs().max() < 0.05  # torch's kernel keeps a plane to a tenth of a cell


def test_positions_of_no_known_grid_are_refused(theirs: VitEncoder, ours: VitEncoder, tmp_path: Path) -> None:
    for shape in ((1, 8, 32), (1, 1, 32), (1, 0, 32), (8, 32)):
        torch.save(backbone_of(theirs) | {"backbone.pos_embed": torch.zeros(shape)}, tmp_path / "vit.pth")
        with pytest.raises(ModelError, match=rf"vit\.pth: pos_embed is {re.escape(str(shape))}, of no grid"):
            ours.load_backbone(tmp_path / "vit.pth")


def test_another_size_is_named_with_the_remedy(tmp_path: Path) -> None:
    with torch.device("meta"):
        small, large = VitEncoder(VIT_SHAPES["S"]), VitEncoder(replace(VIT_SHAPES["L"]))
    state = {name: torch.zeros(1).expand(tensor.shape) for name, tensor in backbone_of(small).items()}
    torch.save(state, tmp_path / "small.pth")
    with pytest.raises(
        ModelError,
        match=r"small\.pth: is a ViT-S \(384 wide, 12 deep\), this encoder is ViT-L \(1024 wide, 24 deep\); make the "
        r"encoder with VitEncoder\.of\('S'\)",
    ):
        large.load_backbone(tmp_path / "small.pth")


def test_a_size_that_was_never_published_is_named(ours: VitEncoder, tmp_path: Path) -> None:
    torch.save(backbone_of(VitEncoder(replace(TINY, depth=1))), tmp_path / "vit.pth")
    with pytest.raises(ModelError, match=r"\(32 wide, 1 deep\), this encoder is .*\(32 wide, 2 deep\); bring a check"):
        ours.load_backbone(tmp_path / "vit.pth")


def test_missing_keys_are_named_and_nothing_is_filled(theirs: VitEncoder, ours: VitEncoder, tmp_path: Path) -> None:
    state, before = backbone_of(theirs), [p.clone() for p in ours.backbone.parameters()]
    gone = [name for name in state if "blocks.1.mlp" in name]
    torch.save({k: v for k, v in state.items() if k not in gone}, tmp_path / "vit.pth")
    with pytest.raises(ModelError, match=rf"vit\.pth: lacks {', '.join(gone[:3])} and 1 more; bring a checkpoint"):
        ours.load_backbone(tmp_path / "vit.pth")
    assert all(torch.equal(p, q) for p, q in zip(ours.backbone.parameters(), before, strict=True))


def test_a_tensor_of_another_shape_is_named(theirs: VitEncoder, ours: VitEncoder, tmp_path: Path) -> None:
    torch.save(backbone_of(theirs) | {"backbone.blocks.0.mlp.fc1.weight": torch.zeros(96, 32)}, tmp_path / "vit.pth")
    expected = r"vit\.pth: backbone\.blocks\.0\.mlp\.fc1\.weight is \(96, 32\); expected \(128, 32\)\. Bring"
    with pytest.raises(ModelError, match=expected):
        ours.load_backbone(tmp_path / "vit.pth")


@pytest.mark.parametrize("held", [{"layer1.0.conv1.weight": torch.ones(2)}, {}, [torch.ones(2)], torch.ones(2), None])
def test_a_file_without_a_backbone_is_refused(ours: VitEncoder, tmp_path: Path, held: object) -> None:
    torch.save(held, tmp_path / "other.pth")
    with pytest.raises(ModelError, match=r"other\.pth: holds no backbone\.patch_embed\.proj\.weight"):
        ours.load_backbone(tmp_path / "other.pth")


class Malicious:
    """Calls a function with a text when it is unpickled."""

    def __init__(self, function: Callable[[str], object], text: str) -> None:
        self.call = function, (text,)

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return self.call


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(("function", "name"), [(os.system, r"posix\.system"), (eval, "eval"), (os.mkdir, "mkdir")])
def test_a_file_that_could_run_code_is_refused_unrun(
    theirs: VitEncoder, ours: VitEncoder, tmp_path: Path, function: Callable[[str], object], name: str, zipped: bool
) -> None:
    harm = tmp_path / "harm"
    text = f"__import__('os').mkdir('{harm}')" if function is eval else f"mkdir {harm}"
    held = hmr2(backbone_of(theirs)) | {"callbacks": Malicious(function, str(harm) if function is os.mkdir else text)}
    torch.save(held, tmp_path / "bad.ckpt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        ModelError, match=rf"bad\.ckpt: is not opened.*could run code \(\S*{name}\)\. If you trust.*as \.safetensors"
    ):
        ours.load_backbone(tmp_path / "bad.ckpt")
    assert not harm.exists()
    function_runs = torch.load(tmp_path / "bad.ckpt", weights_only=False)
    assert function_runs["epoch"] == 35
    assert harm.exists()  # the file does harm those who open it carelessly


@pytest.mark.parametrize("suffix", [".pth", ".ckpt", ".safetensors"])
@pytest.mark.parametrize("broken", [b"", b"no tensors at all", b"\x80\x02}q\x00.", None])
def test_a_broken_file_is_named(
    theirs: VitEncoder, ours: VitEncoder, tmp_path: Path, suffix: str, broken: bytes | None
) -> None:
    path = tmp_path / f"vit{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save(backbone_of(theirs), path)
    path.write_bytes(path.read_bytes()[:-3000] if broken is None else broken)
    with pytest.raises(
        ModelError, match=rf"vit\{suffix}: (cannot be read|holds no backbone).*bring a checkpoint of ViTPose"
    ):
        ours.load_backbone(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_an_absent_file_and_a_folder_are_named(ours: VitEncoder, tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"folder{suffix}").mkdir()
    for name in ("none", "folder"):
        with pytest.raises(ModelError, match=rf"{name}\{suffix}: cannot be read .*bring a checkpoint of ViTPose"):
            ours.load_backbone(tmp_path / f"{name}{suffix}")


def test_a_file_of_another_kind_is_refused(ours: VitEncoder, tmp_path: Path) -> None:
    (tmp_path / "vit.onnx").write_bytes(b"")
    with pytest.raises(
        ModelError, match=r"vit\.onnx: is of no known kind; expected \.safetensors, \.pth, \.pt, \.ckpt"
    ):
        ours.load_backbone(tmp_path / "vit.onnx")
