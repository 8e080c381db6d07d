"""Networks on disk: safetensors with the network's shape and a card inside; nothing that could run code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from biopose.errors import ModelError
from biopose.io.files import written_whole

Network = TypeVar("Network", bound=nn.Module)


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], *, kind: str, shape: Mapping[str, Any]) -> None:
    """Write a network.

    Args:
        path: a .safetensors file.
        tensors: its state.
        kind: of network, checked when it is read.
        shape: what its constructor needs.
    """
    metadata = {"kind": kind, "shape": json.dumps(shape)}
    with written_whole(path) as unfinished:
        save_file({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, unfinished, metadata)
        _sort_header(unfinished)


def _sort_header(path: Path) -> None:
    """Sort a file's metadata, whose order in safetensors varies, so that the same network has the same hash."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        ordered = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode().ljust(length)
        if len(ordered) == length:  # else safetensors writes otherwise than we know
            file.seek(8)
            file.write(ordered)


def read_checkpoint(path: Path, *, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A network's state and shape.

    Raises:
        ModelError: if the file is not there, is broken or holds another kind of network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read as a {kind} network ({error}); install BioPose again") from error
    if metadata.get("kind") != kind:
        raise ModelError(f"{path}: holds {metadata.get('kind', 'no network of ours')}; a {kind} network is needed")
    return tensors, json.loads(metadata["shape"])


def save_network(path: Path, network: nn.Module, *, kind: str, shape: Mapping[str, Any]) -> None:
    """Write a network in half precision, which does not change its accuracy; arguments of `save_checkpoint`."""
    save_checkpoint(path, {n: t.half() for n, t in network.state_dict().items()}, kind=kind, shape=shape)


def load_network(path: Path, build: Callable[[dict[str, Any]], Network], *, kind: str) -> Network:
    """A network from its file, in evaluation mode.

    Args:
        path: its file.
        build: makes the network from its shape, with tuples for lists.
        kind: of network.

    Raises:
        ModelError: if the file is not there, is broken or holds another network.
    """
    tensors, shape = read_checkpoint(path, kind=kind)
    try:
        with WithoutInitialisation():
            network = build({name: tuple(value) if isinstance(value, list) else value for name, value in shape.items()})
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        other = f"holds a {kind} network of another version of BioPose"
        raise ModelError(f"{path}: {other}; install BioPose again") from error
    return network.eval()


class WithoutInitialisation(TorchFunctionMode):
    """Leave the parameters of networks that are built inside as they come: all of them are loaded behind it."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch, unless it fills a parameter with random numbers or constants."""
        if getattr(func, "__module__", "") == nn.init.__name__:
            return (kwargs or {}).get("tensor", *args[:1])
        return func(*args, **(kwargs or {}))


def load_renamed(network: nn.Module, prefixes: Mapping[str, str]) -> None:
    """Let a network also load states with earlier names of its keys.

    Args:
        network: with the new names.
        prefixes: of keys, old to new.
    """
    network.register_load_state_dict_pre_hook(partial(_rename_keys, prefixes=prefixes))


def _rename_keys(
    _: nn.Module, state: dict[str, Tensor], prefix: str, *_unused: object, prefixes: Mapping[str, str]
) -> None:
    """Rename in place; `prefix` is that of the network within a larger one."""
    for key in list(state):
        for old, new in prefixes.items():
            if key.startswith(prefix + old):
                state[prefix + new + key.removeprefix(prefix + old)] = state.pop(key)
