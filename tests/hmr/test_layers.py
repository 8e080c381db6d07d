"""The decoder's layers: what each looks at, and what it must not depend on."""

import math
from collections.abc import Callable
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from biopose.hmr.layers import DecoderLayer, DeformableAttention, PlainAttention, sine_position

WIDTH, HEADS, POINTS = 8, 2, 3
SIZES = ((6, 5), (3, 4))
TOKENS = 4
Inputs = tuple[Tensor, Tensor, list[Tensor]]
Module = TypeVar("Module", bound=nn.Module)


def some_inputs(n: int = 3, *, dtype: torch.dtype = torch.float32, margin: float = 0.0) -> Inputs:
    """Queries, references as far as `margin` outside the maps, maps."""
    draw = torch.Generator().manual_seed(1)
    queries = torch.randn(n, TOKENS, WIDTH, generator=draw, dtype=dtype)
    reference = torch.rand(n, TOKENS, 2, generator=draw, dtype=dtype) * (1 + 2 * margin) - margin
    return queries, reference, [torch.randn(n, WIDTH, *size, generator=draw, dtype=dtype) for size in SIZES]


def shaken(module: Module) -> Module:
    """The module with every parameter random, as training would leave it: what starts at zero hides mistakes."""
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=draw, dtype=parameter.dtype), alpha=0.3)
    return module.eval()


def deformable() -> DeformableAttention:
    torch.manual_seed(0)
    return shaken(DeformableAttention(width=WIDTH, heads=HEADS, levels=len(SIZES), points=POINTS))


def plain() -> PlainAttention:
    torch.manual_seed(0)
    return shaken(PlainAttention(width=WIDTH, heads=HEADS, levels=len(SIZES)))


def see_through(attention: DeformableAttention) -> DeformableAttention:
    """Values and output as they are in the maps, every place at the reference itself."""
    with torch.no_grad():
        attention.value.weight.copy_(torch.eye(attention.output.in_features)[..., None, None])
        attention.output.weight.copy_(torch.eye(attention.output.in_features))
        for zero in (attention.value.bias, attention.output.bias, attention.offsets.bias, attention.offsets.weight):
            assert zero is not None
            zero.zero_()
    return attention


def window(*, points: int = 1, width: int = 1, heads: int = 1) -> DeformableAttention:
    return see_through(DeformableAttention(width=width, heads=heads, levels=1, points=points))


ATTENTIONS = pytest.mark.parametrize("make", [deformable, plain])
MakeAttention = Callable[[], nn.Module]


def one_place(map_: Tensor, x: float, y: float) -> Tensor:
    """The map (C, H, W) at x, y from 0 to 1: a cell's neighbours count by how near they are, zero beyond the edges."""
    _, rows, columns = map_.shape
    column, row = x * columns - 0.5, y * rows - 0.5
    found = torch.zeros_like(map_[:, 0, 0])
    for j in range(rows):
        for i in range(columns):
            found = found + max(0.0, 1 - abs(column - i)) * max(0.0, 1 - abs(row - j)) * map_[:, j, i]
    return found


def in_loops(attention: DeformableAttention, queries: Tensor, reference: Tensor, maps: list[Tensor]) -> Tensor:
    """The paper's equation, place by place."""
    n, m, width = queries.shape
    levels, each = len(maps), width // HEADS
    kernel = attention.value.weight[:, :, 0, 0]
    assert attention.value.bias is not None
    values = [torch.einsum("oc,nchw->nohw", kernel, x) + attention.value.bias[:, None, None] for x in maps]
    offsets = attention.offsets(queries).reshape(n, m, HEADS, levels, POINTS, 2)
    weights = attention.weights(queries).reshape(n, m, HEADS, levels * POINTS).softmax(-1)
    sampled = torch.zeros_like(queries)
    for a in range(n):
        for b in range(m):
            for head in range(HEADS):
                mine = slice(head * each, (head + 1) * each)
                for level, map_ in enumerate(values):
                    size = torch.tensor([map_.shape[3], map_.shape[2]])
                    for point in range(POINTS):
                        x, y = (reference[a, b] + offsets[a, b, head, level, point] / size).tolist()
                        weight = weights[a, b, head, level * POINTS + point]
                        sampled[a, b, mine] += weight * one_place(map_[a, mine], x, y)
    return attention.output(sampled)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_deformable_attention_is_the_equation_of_the_paper(dtype: torch.dtype) -> None:
    attention, inputs = deformable().to(dtype), some_inputs(2, dtype=dtype, margin=0.2)
    torch.testing.assert_close(attention(*inputs), in_loops(attention, *inputs), atol=1e-5, rtol=1e-5)


@ATTENTIONS
def test_gradients_are_those_of_finite_differences(make: MakeAttention) -> None:
    attention, (queries, reference, maps) = make().double(), some_inputs(1, dtype=torch.float64)
    inputs = [x.requires_grad_() for x in (queries, reference, *maps)]
    assert torch.autograd.gradcheck(lambda q, r, *levels: attention(q, r, levels), inputs)


@torch.no_grad()
@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 4), (5, 6)])
def test_a_query_at_a_cells_centre_samples_that_cell_only(row: int, column: int) -> None:
    bright = torch.zeros(1, 1, 6, 7)
    bright[..., row, column] = 5.0
    y, x = torch.meshgrid((torch.arange(6) + 0.5) / 6, (torch.arange(7) + 0.5) / 7, indexing="ij")
    sampled = window()(torch.zeros(1, 42, 1), torch.stack((x, y), dim=-1).reshape(1, 42, 2), [bright])
    torch.testing.assert_close(sampled.reshape(1, 1, 6, 7), bright, atol=1e-5, rtol=0)


@torch.no_grad()
def test_beyond_the_edges_is_nothing() -> None:
    sampled = window()(
        torch.zeros(1, 3, 1), torch.tensor([[[0.0, 0.5], [0.5, 0.0], [1.5, 0.5]]]), [torch.ones(1, 1, 4, 4)]
    )
    torch.testing.assert_close(sampled.flatten(), torch.tensor([0.5, 0.5, 0.0]))


@torch.no_grad()
def test_a_new_layer_samples_round_its_reference_each_head_in_its_own_direction() -> None:
    attention = DeformableAttention(width=4, heads=4, levels=1, points=2)
    ring = attention.offsets.bias.clone()
    see_through(attention).offsets.bias.copy_(ring)
    across = torch.arange(9.0).expand(9, 9)
    seen_x = attention(torch.randn(1, 1, 4), torch.full((1, 1, 2), 0.5), [across.expand(1, 4, 9, 9)])
    seen_y = attention(torch.randn(1, 1, 4), torch.full((1, 1, 2), 0.5), [across.T.expand(1, 4, 9, 9)])
    torch.testing.assert_close(seen_x.flatten() - 4, torch.tensor([1.5, 0.0, -1.5, 0.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen_y.flatten() - 4, torch.tensor([0.0, 1.5, 0.0, -1.5]), atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("axis", [0, 1])
def test_moving_the_reference_by_a_cell_is_shifting_the_map_by_a_cell(axis: int) -> None:
    torch.manual_seed(0)
    attention = shaken(DeformableAttention(width=WIDTH, heads=HEADS, levels=1, points=POINTS))
    map_ = nn.functional.pad(torch.randn(2, WIDTH, 4, 5), (8,) * 4)
    queries, reference = torch.randn(2, TOKENS, WIDTH), 0.4 + 0.2 * torch.rand(2, TOKENS, 2)
    moved = reference.clone()
    moved[..., axis] += 1 / map_.shape[3 - axis]
    shifted = map_.roll(-1, dims=3 - axis)
    torch.testing.assert_close(
        attention(queries, moved, [map_]), attention(queries, reference, [shifted]), atol=1e-5, rtol=0
    )


@torch.no_grad()
@ATTENTIONS
def test_people_of_a_batch_do_not_affect_each_other(make: MakeAttention) -> None:
    (queries, reference, maps), order = some_inputs(), [2, 0, 1]
    attention = make()
    permuted = attention(queries[order], reference[order], [x[order] for x in maps])
    torch.testing.assert_close(permuted, attention(queries, reference, maps)[order], atol=1e-6, rtol=0)
    alone = attention(queries[:1], reference[:1], [x[:1] for x in maps])
    torch.testing.assert_close(alone, attention(queries, reference, maps)[:1], atol=1e-6, rtol=0)


@ATTENTIONS
def test_nobody_may_come_and_training_goes_on(make: MakeAttention) -> None:
    attention, (queries, reference, maps) = make(), some_inputs(0)
    output = attention(queries.requires_grad_(), reference, maps)
    assert output.shape == (0, TOKENS, WIDTH)
    output.sum().backward()
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in attention.parameters())


@torch.no_grad()
@ATTENTIONS
def test_channels_last_maps_give_the_same(make: MakeAttention) -> None:
    attention, (queries, reference, maps) = make(), some_inputs()
    last = [x.to(memory_format=torch.channels_last) for x in maps]
    torch.testing.assert_close(
        attention(queries, reference, last), attention(queries, reference, maps), atol=1e-5, rtol=0
    )


@ATTENTIONS
def test_maps_must_be_as_many_as_levels(make: MakeAttention) -> None:
    queries, reference, maps = some_inputs()
    with pytest.raises(ValueError, match=r"3 maps .* 2 levels"):
        make()(queries, reference, [*maps, maps[0]])


def test_heads_must_share_the_width() -> None:
    with pytest.raises(ValueError, match=r"width 8 .* 3 heads"):
        DeformableAttention(width=8, heads=3, levels=1, points=1)
    with pytest.raises(ValueError, match=r"width 8 .* 3 heads"):
        PlainAttention(width=8, heads=3, levels=1)
    with pytest.raises(ValueError, match="width 6"):
        PlainAttention(width=6, heads=3, levels=1)


@ATTENTIONS
def test_half_precision_comes_close_and_trains(make: MakeAttention) -> None:
    attention, (queries, reference, maps) = make(), some_inputs(margin=0.2)
    whole = attention(queries, reference, maps)
    with torch.autocast("cpu", torch.bfloat16):
        half = attention(queries.bfloat16(), reference, [x.bfloat16() for x in maps])
    torch.testing.assert_close(half.float(), whole, atol=0.02 * float(whole.detach().abs().max()), rtol=0)
    half.float().square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in attention.parameters())


@torch.no_grad()
def test_half_precision_does_not_round_sampling_points() -> None:
    stripes = (torch.arange(512.0) % 2).expand(1, 1, 1, 512)
    centres = torch.stack(((torch.arange(512) + 0.5) / 512, torch.full((512,), 0.5)), dim=-1)[None]
    far, attention = torch.tensor([257.0, 0.0]), window()
    attention.offsets.bias.copy_(far)  # bfloat16 has 256 and 258
    with torch.autocast("cpu", torch.bfloat16):
        sampled = attention(torch.zeros(1, 512, 1), centres - far / 512, [stripes])
    torch.testing.assert_close(sampled.float().flatten(), stripes.flatten(), atol=1e-3, rtol=0)


@torch.no_grad()
@ATTENTIONS
def test_an_exported_layer_takes_any_batch(make: MakeAttention) -> None:
    attention, (queries, reference, maps) = make(), some_inputs(3)
    n = {0: torch.export.Dim("n")}
    exported = torch.export.export(attention, (queries, reference, maps), dynamic_shapes=(n, n, [n, n])).module()
    for size in (1, 3, 5):
        other = some_inputs(size)
        torch.testing.assert_close(exported(*other), attention(*other), atol=1e-6, rtol=0)


@torch.no_grad()
def test_plain_attention_gives_the_same_for_constant_maps_whatever_the_query() -> None:
    attention, (queries, reference, _) = plain(), some_inputs()
    colour = torch.randn(WIDTH, generator=torch.Generator().manual_seed(3))
    output = attention(queries, reference, [colour[None, :, None, None].expand(3, -1, *size) for size in SIZES])
    torch.testing.assert_close(output, output[:1, :1].expand_as(output), atol=1e-5, rtol=0)


@torch.no_grad()
def test_plain_attention_mixes_cells_and_adds_nothing() -> None:
    attention, (queries, reference, maps) = plain(), some_inputs()
    for projection in (attention.attention.value, attention.attention.output):
        projection.weight.copy_(torch.eye(WIDTH))
        projection.bias.zero_()
    output, cells = attention(queries, reference, maps), torch.cat([x.flatten(2) for x in maps], dim=2)
    assert (output >= cells.amin(2)[:, None]).all()
    assert (output <= cells.amax(2)[:, None]).all()


@torch.no_grad()
def test_plain_attention_depends_on_positions_and_levels_not_on_references() -> None:
    attention, (queries, reference, maps) = plain(), some_inputs()
    output = attention(queries, reference, maps)
    assert torch.equal(output, attention(queries, reference.flip(1), maps))
    assert (output - attention(queries, reference, [x.flip(3) for x in maps])).abs().max() > 1e-3
    same = [maps[0], maps[0] + 1.0]
    assert (attention(queries, reference, same) - attention(queries, reference, same[::-1])).abs().max() > 1e-3


def test_a_point_has_the_same_position_embedding_on_every_level() -> None:
    fine, coarse = sine_position(torch.zeros(1, WIDTH, 9, 3)), sine_position(torch.zeros(1, WIDTH, 3, 1))
    torch.testing.assert_close(fine.reshape(9, 3, WIDTH)[1::3, 1::3], coarse.reshape(3, 1, WIDTH))
    assert len(fine.unique(dim=0)) == 27
    torch.testing.assert_close(fine.square().sum(-1), torch.full((27,), WIDTH / 2))
    assert math.isclose(float(coarse[0, 0]), 0.0, abs_tol=1e-6)  # sine of half the only column's turn


def layer(make: MakeAttention, *, dropout: float = 0.0) -> DecoderLayer:
    return shaken(DecoderLayer(width=WIDTH, heads=HEADS, cross=make(), hidden=16, dropout=dropout))


def some_position() -> Tensor:
    return torch.randn(1, TOKENS, WIDTH, generator=torch.Generator().manual_seed(4))


@torch.no_grad()
@ATTENTIONS
def test_tokens_have_no_order_but_their_positions(make: MakeAttention) -> None:
    (tokens, reference, maps), position, order = some_inputs(), some_position(), [3, 1, 0, 2]
    decoder = layer(make)
    permuted = decoder(tokens[:, order], position[:, order], reference[:, order], maps)
    torch.testing.assert_close(permuted, decoder(tokens, position, reference, maps)[:, order], atol=1e-5, rtol=0)
    unlike = decoder(tokens, position[:, order], reference, maps)
    assert (unlike - decoder(tokens, position, reference, maps)).abs().max() > 1e-2


@ATTENTIONS
def test_a_token_depends_on_the_others_and_on_the_maps(make: MakeAttention) -> None:
    tokens, reference, maps = some_inputs(margin=-0.2)
    inputs = [tokens.requires_grad_(), *(x.requires_grad_() for x in maps)]
    layer(make)(tokens, some_position(), reference, maps)[0, 0].square().sum().backward()
    assert tokens.grad is not None
    assert (tokens.grad[0].abs().amax(-1) > 1e-5).all()
    assert all(x.grad is not None and x.grad[0].any() and not x.grad[1:].any() for x in inputs)


@torch.no_grad()
def test_position_steers_attention_and_is_not_itself_in_the_output() -> None:
    (tokens, reference, maps), decoder = some_inputs(), layer(plain)
    for name, parameter in decoder.named_parameters():
        if ".query." in name:
            parameter.zero_()  # no query prefers any key
    output = [decoder(tokens, position, reference, maps) for position in (some_position(), 0 * some_position())]
    torch.testing.assert_close(*output, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("silent", ["between.", "cross."])
def test_position_counts_in_either_attention(silent: str) -> None:
    (tokens, reference, maps), decoder = some_inputs(), layer(deformable)
    for name, parameter in decoder.named_parameters():
        if name.startswith(silent):
            parameter.zero_()
    with_position, without = (decoder(tokens, size * some_position(), reference, maps) for size in (1, 0))
    assert (with_position - without).abs().max() > 1e-2


@torch.no_grad()
def test_dropout_works_while_training_only() -> None:
    (tokens, reference, maps), decoder = some_inputs(), layer(deformable, dropout=0.5)
    once, again = (decoder(tokens, some_position(), reference, maps) for _ in range(2))
    assert torch.equal(once, again)
    decoder.train()
    assert not torch.equal(decoder(tokens, some_position(), reference, maps), once)
    all_dropped = layer(deformable, dropout=1.0).train()
    assert torch.equal(all_dropped(tokens, some_position(), reference, maps), tokens)


@ATTENTIONS
def test_a_layer_trains_in_half_precision_and_on_nobody(make: MakeAttention) -> None:
    decoder = layer(make).train()
    for n in (0, 2):
        tokens, reference, maps = some_inputs(n)
        with torch.autocast("cpu", torch.bfloat16):
            output = decoder(tokens, some_position(), reference, maps)
        assert output.shape == tokens.shape
        assert output.dtype == torch.float32
        output.sum().backward()
