"""Every choice of a run, as frozen keyword-only dataclasses that are checked when they are made.

``TextConfig`` (how text becomes symbols), ``NetworkConfig`` (what the network is) and
``TrainingConfig`` (how it learns) together are a ``Config``. The field names are the options of
the command line and the keyword arguments of ``nextchar.train``; no name occurs twice, so that
a flat set of options finds its part by itself.

This file imports nothing of nextchar but its errors.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

from nextchar.errors import ConfigError

VocabularyKind = Literal["char", "byte", "jamo"]
DecodingErrors = Literal["strict", "replace", "ignore", "backslashreplace"]
Normalization = Literal["none", "nfc"]
CellName = Literal["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"]
Activation = Literal["tanh", "relu", "sigmoid"]
Reset = Literal["after", "before"]
Peepholes = Literal["vector", "matrix"]
InputKind = Literal["embedding", "onehot"]
Initialization = Literal["orthogonal", "xavier", "he"]
OptimizerName = Literal["adamw", "adam", "rmsprop", "sgd"]
ScheduleName = Literal["constant", "linear", "cosine", "plateau"]
Precision = Literal["auto", "float32", "bfloat16"]
Device = Literal["auto", "cpu", "cuda"]
SearchMethod = Literal["tpe", "random", "grid"]
Pruning = Literal["median", "halving", "none"]


def _option(
    default: object,
    text: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> Any:  # noqa: ANN401  (as dataclasses.field: the annotation of the field says the type)
    """Make a field that knows its help text and its range."""
    bounds = {"at_least": at_least, "above": above, "at_most": at_most, "below": below}
    return dataclasses.field(default=default, metadata={"help": text, **bounds})


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """A group of options that checks the type and the range of each when it is made."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = _check(field, allowed_types(type(self), field.name), getattr(self, field.name))
            object.__setattr__(self, field.name, value)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make the group from a mapping; unknown keys are a ``ConfigError`` with a suggestion."""
        reject_unknown(values, [field.name for field in dataclasses.fields(cls)])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class TextConfig(_Checked):
    """How files become a sequence of symbols, and which part of it is held out."""

    vocabulary: VocabularyKind = _option(
        "char",
        "Symbols: char (code points), byte (256, nothing is unknown), jamo (Hangul decomposed).",
    )
    min_count: int = _option(
        1, "Symbols rarer than this become <unk>.", at_least=1, at_most=1 << 50
    )
    normalization: Normalization = _option("none", "Unicode normalisation of the text.")
    encoding: str = _option("utf-8", "Encoding of the files.")
    errors: DecodingErrors = _option("strict", "What to do with bytes that cannot be decoded.")
    validation_fraction: float = _option(
        0.1, "Share of the text held out for validation, at its end.", at_least=0, below=1
    )
    test_fraction: float = _option(
        0.0, "Share of the text held out for testing, before the validation part.",
        at_least=0, below=1,
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.validation_fraction + self.test_fraction >= 1:
            raise ConfigError(
                f"validation_fraction + test_fraction must be below 1, got "
                f"{self.validation_fraction} + {self.test_fraction}"
            )
        if self.vocabulary == "byte" and (self.encoding, self.errors, self.normalization) != (
            "utf-8",
            "strict",
            "none",
        ):
            raise ConfigError(
                "vocabulary 'byte' takes the bytes as they are: encoding, errors and "
                "normalization cannot be set with it"
            )
        if self.vocabulary == "byte" and self.min_count > 1:
            raise ConfigError(
                f"vocabulary 'byte' has no rare symbols: min_count must be 1, got {self.min_count}"
            )


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(_Checked):
    """What the network is: its input, its cells and its output."""

    cell: CellName = _option("lstm", "The recurrent cell.")
    hidden_size: int = _option(256, "Units in each layer (H).", at_least=1, at_most=1 << 30)
    layers: int = _option(1, "Recurrent layers (L).", at_least=1, at_most=1000)
    input: InputKind = _option("embedding", "How a symbol enters: a learned embedding, or one-hot.")
    embedding_size: int = _option(128, "Size of the embedding (E).", at_least=1, at_most=1 << 30)
    tied: bool = _option(False, "Share the embedding with the output layer.")
    residual: bool = _option(False, "Add each layer's input to its output where the sizes agree.")
    dropout: float = _option(
        0.0, "Dropout on the output of every layer, the last one included.", at_least=0, below=1
    )
    embedding_dropout: float = _option(
        0.0, "Dropout on the embedding; a symbol keeps its mask for a whole window.",
        at_least=0, below=1,
    )  # fmt: skip
    weight_dropout: float = _option(
        0.0, "Dropout on the recurrent weights, the same for a whole window (DropConnect).",
        at_least=0, below=1,
    )  # fmt: skip
    activation: Activation = _option("tanh", "Activation of the rnn cell.")
    reset: Reset = _option(
        "after", "Where the gru's reset gate acts: after the product (cuDNN) or before (Cho 2014)."
    )
    peepholes: Peepholes = _option("vector", "Peephole weights: a vector a gate, or a full matrix.")
    initialization: Initialization = _option(
        "orthogonal", "Initial recurrent weights (input weights: xavier, with he: he)."
    )
    forget_bias: float = _option(1.0, "Initial bias of the forget gate of lstm cells.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.embedding_dropout > 0 and self.input != "embedding":
            raise ConfigError(
                f"embedding_dropout needs input 'embedding', got {self.embedding_dropout} with "
                f"input {self.input!r}"
            )
        if self.weight_dropout > 0 and self.cell in ("min_gru", "min_lstm"):
            raise ConfigError(
                f"weight_dropout needs recurrent weights, which {self.cell} has not; got "
                f"{self.weight_dropout}"
            )
        if self.tied and self.input != "embedding":
            raise ConfigError("tied needs input 'embedding', got input 'onehot'")
        if self.tied and self.embedding_size != self.hidden_size:
            raise ConfigError(
                f"tied needs embedding_size equal to hidden_size, got {self.embedding_size} and "
                f"{self.hidden_size}"
            )


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(_Checked):
    """How the network learns."""

    batch_size: int = _option(32, "Parallel streams of text (B).", at_least=1)
    sequence_length: int = _option(
        64, "Symbols through which one step goes back in time (T).", at_least=1
    )
    steps: int = _option(5000, "Optimiser steps.", at_least=1, at_most=1 << 50)
    minutes: float | None = _option(
        None, "Plan the run to take about this long, in place of --steps.", above=0
    )
    optimizer: OptimizerName = _option("adamw", "The update rule.")
    learning_rate: float = _option(
        6e-3,
        "Peak learning rate (unless set, rmsprop takes 0.002, sgd 0.5).",
        above=0,
        at_most=3.4e38,
    )
    beta1: float = _option(0.9, "Decay of the first moment (adam, adamw).", at_least=0, below=1)
    beta2: float = _option(
        0.99, "Decay of the second moment (adam, adamw, rmsprop).", at_least=0, below=1
    )
    momentum: float = _option(0.9, "Momentum (sgd).", at_least=0, below=1)
    weight_decay: float = _option(
        0.1, "Decay of weight matrices: decoupled with adamw, else an L2 gradient (unless set, 0).",
        at_least=0,
    )  # fmt: skip
    schedule: ScheduleName = _option("linear", "How the learning rate falls after the warm-up.")
    warmup: float = _option(
        0.03, "Share of the steps in which the rate rises.", at_least=0, at_most=1
    )
    plateau_factor: float = _option(
        0.5, "Rate multiplier at a plateau (schedule plateau).", above=0, below=1
    )
    plateau_patience: int = _option(
        1, "Validations without a new best before the rate falls (schedule plateau).", at_least=1
    )
    patience: int = _option(
        0, "Validations without an improvement after which training stops early; 0 is never.",
        at_least=0,
    )  # fmt: skip
    min_improvement: float = _option(
        0.0, "Nats per character that count as an improvement for --patience.", at_least=0
    )
    clip_norm: float = _option(1.0, "Bound on the global gradient norm; 0 is none.", at_least=0)
    clip_value: float = _option(0.0, "Bound on each gradient element; 0 is none.", at_least=0)
    ema_decay: float = _option(
        0.0, "Decay a step of the averaged weights that are validated and kept; 0 is none.",
        at_least=0, below=1,
    )  # fmt: skip
    precision: Precision = _option(
        "auto", "Arithmetic of training; auto is bfloat16 where it is clearly faster."
    )
    device: Device = _option("auto", "Where to train; auto is a GPU where there is one.")
    validate_every: int = _option(
        0,
        "Steps between validations; 0 is a tenth of the run.",
        at_least=0,
        at_most=1 << 50,
    )
    sample_length: int = _option(
        0,
        "Characters of sample text to show at each validation.",
        at_least=0,
        at_most=1 << 30,
    )
    checkpoint_seconds: float = _option(
        60.0, "Longest time between two saves of what --resume needs.", at_least=0
    )
    seed: int = _option(0, "Seed of everything random.", at_least=0, below=2**63)


@dataclass(frozen=True, kw_only=True)
class Config:
    """All choices of a run.

    Attributes
    ----------
    text, network, training
        The three parts, each with the options that it owns.
    """

    text: TextConfig = dataclasses.field(default_factory=TextConfig)
    network: NetworkConfig = dataclasses.field(default_factory=NetworkConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.text.validation_fraction > 0:
            return
        for name, follows in (
            ("schedule 'plateau'", self.training.schedule == "plateau"),
            (f"patience {self.training.patience}", self.training.patience > 0),
        ):
            if follows:
                raise ConfigError(
                    f"{name} follows the validation loss, and validation_fraction is 0"
                )

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Distribute flat options over the three parts; what is not given has its usual value.

        Raises
        ------
        ConfigError
            An unknown name (with the nearest known one), a value out of its range, or both
            ``steps`` and ``minutes``.
        """
        reject_unknown(options, option_names())
        if options.get("minutes") is not None and "steps" in options:
            raise ConfigError(
                f"steps and minutes exclude each other, got {options['steps']} steps and "
                f"{options['minutes']} minutes"
            )
        usual = _USUAL_BY_OPTIMIZER.get(options.get("optimizer", ""), {})
        return cls(
            text=_pick(TextConfig, options),
            network=_pick(NetworkConfig, _tied_sizes(options)),
            training=_pick(TrainingConfig, {**usual, **options}),
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read back what ``to_dict`` wrote; strict about keys, types and ranges."""
        reject_unknown(values, ["text", "network", "training"])
        for name in ("text", "network", "training"):
            if not isinstance(values.get(name), Mapping):
                raise ConfigError(f"key '{name}' must hold an object, got {values.get(name)!r}")
        return cls(
            text=TextConfig.from_dict(values["text"]),
            network=NetworkConfig.from_dict(values["network"]),
            training=TrainingConfig.from_dict(values["training"]),
        )

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Give all values as nested dictionaries that JSON can hold."""
        return dataclasses.asdict(self)

    def with_options(self, **options: Any) -> Self:  # noqa: ANN401
        """Give a copy in which the named options have new values."""
        flat = {name: value for part in self.to_dict().values() for name, value in part.items()}
        reject_unknown(options, option_names())
        flat.update(options)
        return type(self)(
            text=_pick(TextConfig, flat),
            network=_pick(NetworkConfig, flat),
            training=_pick(TrainingConfig, flat),
        )


# What an optimiser takes where nothing else is said; adamw's are the fields' own defaults.
_USUAL_BY_OPTIMIZER: Mapping[str, Mapping[str, float]] = {
    "adam": {"weight_decay": 0.0},
    "rmsprop": {"weight_decay": 0.0, "learning_rate": 2e-3},
    "sgd": {"weight_decay": 0.0, "learning_rate": 0.5},
}

PartT = TypeVar("PartT", bound=_Checked)
PARTS: tuple[type[_Checked], ...] = (TextConfig, NetworkConfig, TrainingConfig)


def option_names() -> list[str]:
    """List the names of all options, in the order of the parts."""
    return [field.name for part in PARTS for field in dataclasses.fields(part)]


def allowed_types(part: type, name: str) -> tuple[Any, ...]:
    """List the alternatives of a field's annotation: types, ``None``'s type, or literal strings."""
    annotation = typing.get_type_hints(part)[name]
    union = isinstance(annotation, types.UnionType)
    alternatives = typing.get_args(annotation) if union else (annotation,)
    return tuple(
        literal
        for alternative in alternatives
        for literal in (
            typing.get_args(alternative)
            if typing.get_origin(alternative) is Literal
            else (alternative,)
        )
    )


def check_option(name: str, value: object) -> object:
    """Give one option's value in its field's type.

    Raises
    ------
    ConfigError
        The name is unknown, or the value is of another type or out of its range.
    """
    reject_unknown({name: value}, option_names())
    part = next(p for p in PARTS if name in p.__dataclass_fields__)
    return _check(part.__dataclass_fields__[name], allowed_types(part, name), value)


def reject_unknown(values: Mapping[str, Any], known: list[str]) -> None:
    """Raise ``ConfigError`` that names every key not in ``known``, with its nearest neighbour."""
    unknown = [name for name in values if name not in known]
    if not unknown:
        return
    near = difflib.get_close_matches(str(unknown[0]), known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
    names = ", ".join(f"'{name}'" for name in unknown)
    raise ConfigError(f"unknown option{'s' if len(unknown) > 1 else ''} {names}: {hint}")


def _tied_sizes(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the one of two tied sizes that was not set the value of the other."""
    if options.get("tied") and "embedding_size" not in options:
        size = options.get("hidden_size", NetworkConfig().hidden_size)
        return {**options, "embedding_size": size}
    if options.get("tied") and "hidden_size" not in options:
        return {**options, "hidden_size": options["embedding_size"]}
    return options


def _pick(part: type[PartT], options: Mapping[str, Any]) -> PartT:
    names = {field.name for field in dataclasses.fields(part)}
    return part(**{name: value for name, value in options.items() if name in names})


def _check(field: dataclasses.Field[Any], allowed: tuple[Any, ...], value: object) -> object:
    """Give the value in its field's type, or raise ``ConfigError``."""
    if value is None and types.NoneType in allowed:
        return value
    if isinstance(allowed[0], str):
        if value not in allowed:
            raise ConfigError(f"{field.name} must be one of {', '.join(allowed)}; got {value!r}")
        return value
    kind = allowed[0]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        # A whole number too large for a float is as little a number to us as infinity.
        value = float(value) if abs(value) < 1 << 1000 else math.inf
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
        raise ConfigError(f"{field.name} must be {words[kind]}; got {value!r}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        _check_range(field, value)
    return value


def _check_range(field: dataclasses.Field[Any], value: float) -> None:
    bounds = {name: bound for name, bound in field.metadata.items() if name != "help"}
    holds = {
        "at_least": lambda bound: value >= bound,
        "above": lambda bound: value > bound,
        "at_most": lambda bound: value <= bound,
        "below": lambda bound: value < bound,
    }
    stated = {name: bound for name, bound in bounds.items() if bound is not None}
    is_finite = isinstance(value, int) or math.isfinite(value)
    if not is_finite or not all(holds[name](stated[name]) for name in stated):
        words = " and ".join(f"{name.replace('_', ' ')} {bound}" for name, bound in stated.items())
        raise ConfigError(f"{field.name} must be {words or 'finite'}; got {value}")
