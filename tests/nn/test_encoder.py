"""The encoder: the numbers of torch's packed sequences, in one direction and in both."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nextchar.config import NetworkConfig
from nextchar.nn.encoder import Encoder

V, E, H, LENGTHS = 11, 5, 7, [6, 4, 4, 1]


def encoder(*, bidirectional: bool = True, **options: Any) -> Encoder:
    config = NetworkConfig(**{"embedding_size": E, "hidden_size": H, **options})
    generator = torch.Generator().manual_seed(1)
    made = Encoder(V, config, bidirectional=bidirectional, generator=generator).double()
    return made.eval()


def items() -> tuple[Tensor, Tensor]:
    ids = torch.randint(V, (max(LENGTHS), len(LENGTHS)), generator=torch.Generator().manual_seed(2))
    return ids, torch.tensor(LENGTHS)


def torchs(made: Encoder, *, bidirectional: bool, layers: int) -> nn.LSTM:
    peer = nn.LSTM(E, H, layers, bidirectional=bidirectional).double()
    for layer, ways in enumerate(zip(made.forwards, made.backwards or made.forwards, strict=True)):
        for stack, suffix in zip(ways, ("", "_reverse"), strict=True):
            if suffix and not bidirectional:
                continue
            weights = dict(stack.named_parameters(prefix=""))
            parameters = dict(peer.named_parameters())
            with torch.no_grad():
                for name in ("weight_ih", "weight_hh"):
                    parameters[f"{name}_l{layer}{suffix}"].copy_(weights[f"layers.0.{name}"])
                parameters[f"bias_ih_l{layer}{suffix}"].copy_(weights["layers.0.bias"])
                parameters[f"bias_hh_l{layer}{suffix}"].zero_()
    return peer


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_outputs_and_gradients_are_those_of_torchs_packed_lstm(
    *, bidirectional: bool, layers: int
) -> None:
    made = encoder(bidirectional=bidirectional, layers=layers)
    ids, lengths = items()
    encoded = made.read(ids, lengths)
    peer = torchs(made, bidirectional=bidirectional, layers=layers)
    assert made.embedding is not None
    table = made.embedding.weight.detach().clone().requires_grad_()
    packed = pack_padded_sequence(table[ids], LENGTHS)
    outputs, (h, _) = peer(packed)
    expected, _ = pad_packed_sequence(outputs)
    inside = encoded.inside.unsqueeze(-1)
    torch.testing.assert_close(encoded.outputs.where(inside, 0), expected, atol=1e-10, rtol=0)
    last = h.view(layers, -1, len(LENGTHS), H)[-1]
    torch.testing.assert_close(encoded.ends, torch.cat(list(last), dim=-1), atol=1e-10, rtol=0)
    encoded.outputs.where(inside, 0).square().sum().backward()  # type: ignore[no-untyped-call]
    expected.square().sum().backward()  # type: ignore[no-untyped-call]
    assert made.embedding.weight.grad is not None
    torch.testing.assert_close(made.embedding.weight.grad, table.grad, atol=1e-10, rtol=0)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"])
@pytest.mark.parametrize("entry", ["embedding", "onehot"])
def test_what_stands_beside_an_item_changes_nothing(cell: str, entry: str) -> None:
    made = encoder(cell=cell, input=entry, layers=2, residual=True)
    ids, lengths = items()
    together = made.read(ids, lengths)
    for item, length in enumerate(LENGTHS):
        alone = made.read(ids[:length, item : item + 1], lengths[item : item + 1])
        torch.testing.assert_close(
            together.outputs[:length, item : item + 1], alone.outputs, atol=1e-10, rtol=0
        )
        torch.testing.assert_close(together.ends[item : item + 1], alone.ends, atol=1e-10, rtol=0)


def test_dropout_follows_the_generator() -> None:
    made = encoder(dropout=0.3, input_dropout=0.2, embedding_dropout=0.2, layers=2).train()
    ids, lengths = items()

    def read(seed: int) -> Tensor:
        return made.read(ids, lengths, generator=torch.Generator().manual_seed(seed)).outputs

    assert torch.equal(read(1), read(1))
    assert not torch.equal(read(1), read(2))
    with pytest.raises(ValueError, match="needs a generator"):
        made.read(ids, lengths)


def test_the_groups_hold_every_parameter_once() -> None:
    made = encoder(layers=2)
    grouped = [p for group in made.groups for module in group for p in module.parameters()]
    assert len(made.groups) == 3
    assert sorted(map(id, grouped)) == sorted(map(id, made.parameters()))
