"""Backbones of ViTPose's and HMR2.0's checkpoints, read without running anything that is in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from biopose.errors import ModelError

State = dict[str, Tensor]
PREFIX = "backbone."
PATCHES = "patch_embed.proj.weight"
POSITIONS = "pos_embed"
TORCH_SUFFIXES = (".pth", ".pt", ".ckpt")
FIRST_EXPERT, SHARED = ".mlp.experts.0.", ".mlp.fc2."
PICTURE_ASPECTS = ((1, 1), (4, 3))  # rows to columns of the crops that such networks are trained on
REMEDY = "bring a checkpoint of ViTPose or HMR2.0"
# HMR2.0's checkpoints hold their settings, too; weights are all that is wanted.
SETTINGS = re.compile(r"omegaconf\..+|typing\.Any|collections\.defaultdict|builtins\.(dict|list|int|str|float|bool)")


def read_backbone(
    path: Path, *, expected: Mapping[str, Tensor], grid: tuple[int, int], names: Mapping[tuple[int, int], str]
) -> State:
    """The backbone of a checkpoint, ready to be loaded; whatever else the file holds is left aside.

    Args:
        path: a .safetensors file, or one of torch's (.pth, .pt, .ckpt).
        expected: the state to fill, for its names and shapes.
        grid: rows and columns of its tokens.
        names: of the published sizes, by width and depth.

    Returns:
        The tensors of all expected names. Positions of another grid are interpolated.

    Raises:
        ModelError: the file cannot be read, or holds no backbone of the expected shapes.
    """
    state = _backbone_of(_read(path), path)
    found, wanted = _size(state), _size(expected)
    if found != wanted:
        theirs, ours = _described(found, names), _described(wanted, names)
        raise ModelError(f"{path}: is a {theirs}, this encoder is {ours}; {_remedy(found, names)}")
    state = _with_first_expert(state, width=wanted[0])
    if POSITIONS in state:
        state[POSITIONS] = _positions_on(grid, state[POSITIONS], path)
    _check(state, expected, path)
    return {name: state[name] for name in expected}


def _read(path: Path) -> State:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if path.suffix in TORCH_SUFFIXES:
            return _torch_state(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); {REMEDY}") from error
    raise ModelError(f"{path}: is of no known kind; expected .safetensors, {', '.join(TORCH_SUFFIXES)}")


class Setting:
    """Stands in for any object of a settings library while a checkpoint is read; keeps and does nothing."""

    def __new__(cls, *_: object) -> Setting:
        """Whatever it is made of."""
        return super().__new__(cls)

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


def _torch_state(path: Path) -> State:
    foreign = _foreign_names(path)
    refused = sorted(name for name in foreign if not SETTINGS.fullmatch(name))
    if refused:
        raise _refusal(path, refused)
    try:
        with torch.serialization.safe_globals([(Setting, name) for name in foreign]):
            return _tensors_in(torch.load(path, map_location="cpu", weights_only=True))
    except OSError:
        raise
    except Exception as error:  # broken bytes are instructions to torch's reader, which fail in any way
        if named := re.findall(r"GLOBAL (\S+)", str(error)):
            raise _refusal(path, named) from error
        raise ModelError(f"{path}: cannot be read as a file of torch ({_reason(error)}); {REMEDY}") from error


def _foreign_names(path: Path) -> list[str]:
    """What a file would have Python import."""
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except OSError:
        raise
    except Exception:  # broken, or of torch before 1.6, whose files cannot be looked through: torch.load tells
        return []


def _refusal(path: Path, names: list[str]) -> ModelError:
    return ModelError(
        f"{path}: is not opened, for it holds more than tensors and could run code ({', '.join(names)}). If you "
        "trust its source, save its state_dict as .safetensors and bring that"
    )


def _reason(error: Exception) -> str:
    """What torch says, without its advice to open the file by pickle."""
    said = str(error).rpartition("WeightsUnpickler error: ")[2].strip().partition("\n")[0]
    return type(error).__name__ if not said or said.startswith("Weights only load failed") else said


def _tensors_in(held: Any) -> State:
    if isinstance(held, Mapping) and isinstance(held.get("state_dict"), Mapping):
        held = held["state_dict"]
    items = held.items() if isinstance(held, Mapping) else ()
    return {name: tensor for name, tensor in items if isinstance(name, str) and isinstance(tensor, Tensor)}


def _backbone_of(state: State, path: Path) -> State:
    stripped = {name.removeprefix(PREFIX): tensor for name, tensor in state.items() if name.startswith(PREFIX)}
    backbone = stripped or state
    if PATCHES not in backbone or backbone[PATCHES].ndim != 4:
        some = ", ".join(list(state)[:3]) or "no tensors at all"
        raise ModelError(f"{path}: holds no {PREFIX}{PATCHES}, so no backbone of ViTPose's names ({some}); {REMEDY}")
    return backbone


def _size(state: Mapping[str, Tensor]) -> tuple[int, int]:
    """Width and depth."""
    blocks = {match[1] for name in state if (match := re.match(r"blocks\.(\d+)\.", name))}
    return len(state[PATCHES]), len(blocks)


def _described(size: tuple[int, int], names: Mapping[tuple[int, int], str]) -> str:
    return f"{names.get(size, 'ViT of another size')} ({size[0]} wide, {size[1]} deep)"


def _remedy(size: tuple[int, int], names: Mapping[tuple[int, int], str]) -> str:
    name = names.get(size)
    return f"make the encoder with VitEncoder.of({name[-1]!r})" if name else REMEDY


def _with_first_expert(state: State, *, width: int) -> State:
    """The MLPs whole: ViTPose+ keeps part of each last layer once for every data set; the first is COCO's."""
    joined = dict(state)
    for name in (name for name in state if FIRST_EXPERT in name):
        shared = name.replace(FIRST_EXPERT, SHARED)
        if shared in state and len(state[shared]) + len(state[name]) == width:
            joined[shared] = torch.cat([state[shared], state[name]])
    return joined


def _positions_on(grid: tuple[int, int], positions: Tensor, path: Path) -> Tensor:
    """Positions (1, 1 + cells, width) of another crop, on a grid."""
    count = max(positions.shape[1] - 1, 0) if positions.ndim == 3 else 0
    if count == grid[0] * grid[1]:
        return positions
    theirs = _grid_of(count, aspects=(grid, *PICTURE_ASPECTS))
    if theirs is None:
        raise ModelError(f"{path}: {POSITIONS} is {tuple(positions.shape)}, of no grid that is known; {REMEDY}")
    first, cells = positions.float().split([1, count], dim=1)
    resized = nn.functional.interpolate(cells.mT.unflatten(2, theirs), grid, mode="bicubic", align_corners=False)
    return torch.cat([first, resized.flatten(2).mT], dim=1)


def _grid_of(count: int, *, aspects: tuple[tuple[int, int], ...]) -> tuple[int, int] | None:
    """Rows and columns that make a number of cells."""
    for high, wide in aspects:
        rows = round((count * high / wide) ** 0.5)
        columns = round(rows * wide / high)
        if count > 0 and rows * columns == count and rows * wide == columns * high:
            return rows, columns
    return None


def _check(state: State, expected: Mapping[str, Tensor], path: Path) -> None:
    missing = [name for name in expected if name not in state]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ModelError(f"{path}: lacks {', '.join(PREFIX + n for n in missing[:3])}{more}; {REMEDY}")
    for name, tensor in expected.items():
        found, wanted = tuple(state[name].shape), tuple(tensor.shape)
        if found != wanted:
            raise ModelError(f"{path}: {PREFIX}{name} is {found}; expected {wanted}. {REMEDY.capitalize()}")
