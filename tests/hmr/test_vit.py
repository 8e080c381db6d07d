"""The ViT encoder: the published backbones' names, sizes and arithmetic; maps like those of the other encoder."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from biopose.hmr.vit import VIT_SHAPES, Vit, VitEncoder, VitShape, VitSize
from biopose.perception.cspnext import MAP_CHANNELS, MAP_STRIDES, CspNeXt

TINY = VitShape(width=32, depth=2, heads=4, crop_px=(96, 64), pyramid_channels=(4, 8, 12, 16))
PUBLISHED_MILLIONS = {"S": 22, "B": 86, "L": 307, "H": 632}  # L and H as in Dosovitskiy et al. 2021, other patches


@pytest.fixture
def tiny() -> VitEncoder:
    torch.manual_seed(1)
    return VitEncoder(TINY).eval()


def crops_of(shape: VitShape, count: int = 2) -> Tensor:
    return torch.randn(count, 3, *shape.crop_px, generator=torch.Generator().manual_seed(2))


def published_shapes(width: int, depth: int) -> dict[str, tuple[int, ...]]:
    """Keys of the checkpoints' backbones and the shapes of their tensors, for crops of 256 by 192."""
    norm = {"weight": (width,), "bias": (width,)}
    block: dict[str, tuple[int, ...]] = {f"{name}.{k}": v for name in ("norm1", "norm2") for k, v in norm.items()}
    sizes = {"attn.qkv": (3, 1), "attn.proj": (1, 1), "mlp.fc1": (4, 1), "mlp.fc2": (1, 4)}
    for name, (outputs, inputs) in sizes.items():
        block |= {f"{name}.weight": (outputs * width, inputs * width), f"{name}.bias": (outputs * width,)}
    shapes: dict[str, tuple[int, ...]] = {"pos_embed": (1, 193, width)}
    shapes |= {"patch_embed.proj.weight": (width, 3, 16, 16), "patch_embed.proj.bias": (width,)}
    shapes |= {f"blocks.{i}.{name}": size for i in range(depth) for name, size in block.items()}
    return shapes | {f"last_norm.{k}": v for k, v in norm.items()}


def published_arithmetic(state: dict[str, Tensor], crops: Tensor, *, heads: int) -> Tensor:
    """The backbone, straight from the papers' formulas, head by head."""

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]

    patches = state["patch_embed.proj.weight"], state["patch_embed.proj.bias"]
    grid = functional.conv2d(functional.pad(crops, (2, 2, 2, 2)), *patches, stride=16)
    x = grid.flatten(2).mT + state["pos_embed"][:, 1:] + state["pos_embed"][:, :1]
    for i in range(sum(name.endswith("norm1.bias") for name in state)):
        triples = linear(f"blocks.{i}.attn.qkv", norm(f"blocks.{i}.norm1", x)).chunk(3, dim=-1)
        mixed = []
        for q, k, v in zip(*(part.chunk(heads, dim=-1) for part in triples), strict=True):
            mixed.append((q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v)
        x = x + linear(f"blocks.{i}.attn.proj", torch.cat(mixed, dim=-1))
        hidden = linear(f"blocks.{i}.mlp.fc1", norm(f"blocks.{i}.norm2", x))
        x = x + linear(f"blocks.{i}.mlp.fc2", hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5)))
    return norm("last_norm", x).mT.reshape(grid.shape)


@pytest.mark.parametrize("size", VIT_SHAPES)
def test_names_and_sizes_are_the_published_ones(size: VitSize) -> None:
    with torch.device("meta"):
        backbone = VitEncoder.of(size).backbone
    shape = VIT_SHAPES[size]
    found = {name: tuple(tensor.shape) for name, tensor in backbone.state_dict().items()}
    assert found == published_shapes(shape.width, shape.depth)
    millions = sum(parameter.numel() for parameter in backbone.parameters()) / 1e6
    assert millions == pytest.approx(PUBLISHED_MILLIONS[size], rel=0.02)


def test_the_backbone_is_the_papers_arithmetic(tiny: VitEncoder) -> None:
    state = {
        name: torch.randn(tensor.shape, generator=torch.Generator().manual_seed(i)) * 0.3
        for i, (name, tensor) in enumerate(tiny.backbone.state_dict().items())
    }
    tiny.backbone.load_state_dict(state)
    with torch.inference_mode():
        found = tiny.backbone(crops_of(TINY))
    torch.testing.assert_close(found, published_arithmetic(state, crops_of(TINY), heads=4), atol=1e-4, rtol=1e-4)


def test_maps_are_those_of_the_other_encoder() -> None:
    torch.manual_seed(3)
    crops = crops_of(VIT_SHAPES["S"], 1)
    with torch.inference_mode():
        maps, others = VitEncoder.of("S").eval()(crops), CspNeXt().eval()(crops)
    assert [level.shape for level in maps] == [level.shape for level in others]
    assert [level.shape[1:] for level in maps] == [
        (c, 256 // s, 192 // s) for c, s in zip(MAP_CHANNELS, MAP_STRIDES, strict=True)
    ]
    assert all(level.std() > 0.1 for level in maps)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_batch_of_any_size_gives_what_single_crops_do(tiny: VitEncoder, count: int) -> None:
    crops = crops_of(TINY, count)
    with torch.inference_mode():
        together = tiny(crops)
        alone = [tiny(crop[None]) for crop in crops]
    sizes = [(count, c, 96 // s, 64 // s) for c, s in zip(TINY.pyramid_channels, MAP_STRIDES, strict=True)]
    assert [tuple(level.shape) for level in together] == sizes
    for i, maps in enumerate(alone):
        for level, single in zip(together, maps, strict=True):
            torch.testing.assert_close(level[i : i + 1], single, atol=1e-4, rtol=1e-4)


def test_the_order_of_channels_in_memory_changes_nothing_and_is_kept(tiny: VitEncoder) -> None:
    with torch.inference_mode():
        expected = tiny(crops_of(TINY))
        tiny.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub forgets it
        maps = tiny(crops_of(TINY).to(memory_format=torch.channels_last))
    for level, other in zip(maps, expected, strict=True):
        torch.testing.assert_close(level, other, atol=1e-4, rtol=1e-4)
        assert level.is_contiguous(memory_format=torch.channels_last)


def test_half_precision_is_close_to_whole(tiny: VitEncoder) -> None:
    with torch.inference_mode():
        expected = tiny(crops_of(TINY))
        with torch.autocast("cpu", torch.bfloat16):
            maps = tiny(crops_of(TINY))
    for level, other in zip(maps, expected, strict=True):
        assert (level.float() - other).square().mean().sqrt() < 0.03 * other.square().mean().sqrt()


def test_gradients_reach_the_crop_and_every_parameter(tiny: VitEncoder) -> None:
    crops = crops_of(TINY).requires_grad_()
    weights = torch.randn(1, generator=torch.Generator().manual_seed(4))
    sum((level * level.roll(1, 1) * weights).mean() for level in tiny(crops)).backward()
    assert crops.grad is not None
    assert crops.grad.abs().max() > 0
    for name, parameter in tiny.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


def test_the_exported_network_takes_any_batch_and_agrees(tiny: VitEncoder) -> None:
    batch = torch.export.Dim("batch")
    exported = torch.export.export(tiny, (crops_of(TINY, 2),), dynamic_shapes=({0: batch},)).module()
    for count in (1, 5):
        crops = crops_of(TINY, count)
        for level, other in zip(exported(crops), tiny(crops), strict=True):
            torch.testing.assert_close(level, other, atol=1e-5, rtol=1e-5)


def test_a_picture_shifted_by_a_patch_shifts_the_map_by_a_cell() -> None:
    torch.manual_seed(5)
    backbone = Vit(replace(TINY, depth=0))  # no block mixes the cells
    torch.nn.init.zeros_(backbone.pos_embed)
    crops = crops_of(TINY)
    with torch.inference_mode():
        before, after = backbone(crops), backbone(crops.roll((16, 16), dims=(2, 3)))
    torch.testing.assert_close(after[:, :, 2:-1, 2:-1], before[:, :, 1:-2, 1:-2], atol=1e-5, rtol=1e-5)


def test_cells_know_of_one_another(tiny: VitEncoder) -> None:
    crops = crops_of(TINY, 1)
    changed = crops.clone()
    changed[..., :16, :16] += 3.0
    with torch.inference_mode():
        difference = (tiny.backbone(changed) - tiny.backbone(crops)).abs().amax(dim=1)
    assert (difference > 1e-6).all()


def test_crops_of_another_size_are_refused(tiny: VitEncoder) -> None:
    with pytest.raises(ValueError, match=r"crops of \(64, 96\): this network takes \(96, 64\)"):
        tiny(torch.zeros(1, 3, 64, 96))


def test_shapes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="divisible by 32"):
        replace(TINY, crop_px=(100, 64))
    with pytest.raises(ValueError, match="number of heads, 5"):
        replace(TINY, heads=5)
    with pytest.raises(ValueError, match="no ViT of size 'XL'; there are S, B, L, H"):
        VitEncoder.of("XL")  # type: ignore[arg-type]
