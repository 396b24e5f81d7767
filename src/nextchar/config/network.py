"""Configuration of the network: input, recurrent cells, output and regularisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nextchar.config.checking import Section, option
from nextchar.errors import ConfigError

CellName = Literal["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"]
Activation = Literal["tanh", "relu", "sigmoid"]
Reset = Literal["after", "before"]
Peepholes = Literal["vector", "matrix"]
InputKind = Literal["embedding", "onehot"]
Initialization = Literal["orthogonal", "xavier", "he"]


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(Section):
    """Architecture and regularisation of the network."""

    cell: CellName = option("lstm", "The recurrent cell.")
    hidden_size: int = option(256, "Units in each layer (H).", at_least=1, at_most=1 << 30)
    layers: int = option(1, "Recurrent layers (L).", at_least=1, at_most=1000)
    input: InputKind = option("embedding", "Input layer: a learned embedding, or one-hot.")
    embedding_size: int = option(128, "Size of the embedding (E).", at_least=1, at_most=1 << 30)
    tied: bool = option(False, "Share the embedding with the output layer.")
    residual: bool = option(False, "Add each layer's input to its output if the sizes match.")
    input_dropout: float = option(
        0.0, "Dropout on the input of the first layer.", at_least=0, below=1
    )
    dropout: float = option(
        0.0, "Dropout on the output of every layer, including the last.", at_least=0, below=1
    )
    output_dropout: float | None = option(
        None, "Dropout on the output of the last layer, instead of --dropout.",
        at_least=0, below=1,
    )  # fmt: skip
    locked_dropout: bool = option(
        False, "Drop the same units at every step of a window: variational dropout."
    )
    embedding_dropout: float = option(
        0.0, "Dropout on the embedding matrix, with one mask per window.",
        at_least=0, below=1,
    )  # fmt: skip
    weight_dropout: float = option(
        0.0, "Dropout on the recurrent weights, with one mask per window (DropConnect).",
        at_least=0, below=1,
    )  # fmt: skip
    zoneout: float = option(
        0.0, "Probability that a unit of h keeps its previous value (Zoneout).",
        at_least=0, below=1,
    )  # fmt: skip
    zoneout_cell: float = option(
        0.0, "Probability that a unit of an lstm's c keeps its previous value.", at_least=0, below=1
    )
    layer_norm: bool = option(False, "Layer normalisation inside the cells.")
    batch_norm: bool = option(False, "Batch normalisation of the output of every layer.")
    activation: Activation = option("tanh", "Activation of the rnn cell.")
    reset: Reset = option(
        "after",
        "Apply the gru's reset gate after the matrix product (cuDNN) or before it (Cho 2014).",
    )
    peepholes: Peepholes = option(
        "vector", "Peephole weights of each gate: a vector or a full matrix."
    )
    initialization: Initialization = option(
        "orthogonal",
        "Initialisation of recurrent weights; he also applies to input weights (else xavier).",
    )
    forget_bias: float = option(1.0, "Initial bias of the forget gate of lstm cells.")

    @property
    def summary(self) -> str:
        """A short description of the cells and their sizes."""
        layers = "layer" if self.layers == 1 else "layers"
        return f"{self.cell}, {self.layers} {layers} of {self.hidden_size}"

    @property
    def level_names(self) -> tuple[str, ...]:
        """Names of the layer groups, from the input to the output."""
        first = ("embedding",) if self.input == "embedding" else ()
        return (*first, *(f"layer {number + 1}" for number in range(self.layers)), "head")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.embedding_dropout > 0 and self.input != "embedding":
            raise ConfigError(
                f"embedding_dropout needs input 'embedding', got {self.embedding_dropout} with "
                f"input {self.input!r}"
            )
        if self.weight_dropout > 0 and self.cell in ("min_gru", "min_lstm"):
            raise ConfigError(
                f"weight_dropout needs recurrent weights, which {self.cell} lacks; got "
                f"{self.weight_dropout}"
            )
        if self.zoneout_cell > 0 and self.cell not in ("lstm", "peephole_lstm"):
            raise ConfigError(
                f"zoneout_cell needs a cell with c, lstm or peephole_lstm; got {self.zoneout_cell} "
                f"with cell {self.cell!r}"
            )
        parallel = self.cell in ("min_gru", "min_lstm")
        if parallel and (self.zoneout > 0 or self.layer_norm):
            name = "zoneout" if self.zoneout > 0 else "layer_norm"
            raise ConfigError(
                f"{name} needs a cell whose gates depend on its state, got {self.cell!r}"
            )
        if self.tied and self.input != "embedding":
            raise ConfigError("tied needs input 'embedding', got input 'onehot'")
        if self.tied and self.embedding_size != self.hidden_size:
            raise ConfigError(
                f"tied needs embedding_size equal to hidden_size, got {self.embedding_size} and "
                f"{self.hidden_size}"
            )
