"""Every choice of a run, as frozen keyword-only dataclasses that are checked when they are made.

``TextConfig`` (how text becomes symbols), ``AugmentationConfig`` (what is added to it in training),
``NetworkConfig`` (what the network is) and ``TrainingConfig`` (how it learns) together are a
``Config``. The field names are the options of the command line and the keyword arguments of
``nextchar.train``; no name occurs twice, so that a flat set of options finds its part by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

from nextchar.checking import Checked, check_value, option
from nextchar.checking import allowed_types as allowed_types
from nextchar.checking import reject_unknown as reject_unknown
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
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Device = Literal["auto", "cpu", "cuda"]
Shuffled = Literal["none", "lines", "paragraphs"]
Edit = Literal[
    "swap", "drop", "repeat", "neighbor", "case", "word_drop", "word_swap", "synonym"
]  # fmt: skip
CHARACTER_EDITS: tuple[Edit, ...] = ("swap", "drop", "repeat", "neighbor", "case")
WORD_EDITS: tuple[Edit, ...] = ("word_drop", "word_swap", "synonym")
SearchMethod = Literal["tpe", "random", "grid"]
Pruning = Literal["median", "halving", "none"]


def _probability(what: str) -> Any:  # noqa: ANN401  (as option)
    return option(0.0, f"Probability that {what}.", at_least=0, at_most=1)


@dataclass(frozen=True, kw_only=True)
class TextConfig(Checked):
    """How files become a sequence of symbols, and which part of it is held out."""

    vocabulary: VocabularyKind = option(
        "char",
        "Symbols: char (code points), byte (256, nothing is unknown), jamo (Hangul decomposed).",
    )
    min_count: int = option(1, "Symbols rarer than this become <unk>.", at_least=1, at_most=1 << 50)
    normalization: Normalization = option("none", "Unicode normalisation of the text.")
    encoding: str = option("utf-8", "Encoding of the files.")
    errors: DecodingErrors = option("strict", "What to do with bytes that cannot be decoded.")
    validation_fraction: float = option(
        0.1, "Share of the text held out for validation, at its end.", at_least=0, below=1
    )
    test_fraction: float = option(
        0.0, "Share of the text held out for testing, before the validation part.",
        at_least=0, below=1,
    )  # fmt: skip
    folds: int = option(
        0, "Cut the text into so many equal pieces, of which one is held out; 0 is not at all.",
        at_least=0, at_most=1 << 50,
    )  # fmt: skip
    fold: int = option(1, "Which of --folds is held out for validation, from 1.", at_least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_folds()
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

    def _check_folds(self) -> None:
        if self.folds == 1:
            raise ConfigError("folds must be 0 or at least 2, got 1")
        if self.fold > max(1, self.folds):
            raise ConfigError(
                f"fold must be 1 to the number of folds, got fold {self.fold} of {self.folds}"
            )
        if self.folds and self.validation_fraction + self.test_fraction > 0:
            raise ConfigError(
                f"folds {self.folds} says what is held out: validation_fraction and test_fraction "
                f"must be 0, got {self.validation_fraction} and {self.test_fraction}"
            )


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig(Checked):
    """How copies of the training part are altered, to be learned from beside it.

    Of the edits of characters each character meets at most one, and of those of words each word;
    so the probabilities of either group have a sum of at most 1.
    """

    augment_copies: int = option(
        1, "Altered copies of the training part beside itself, if an edit is set.",
        at_least=0, at_most=1000,
    )  # fmt: skip
    augment_swap: float = _probability("a character changes places with the next")
    augment_drop: float = _probability("a character is left out")
    augment_repeat: float = _probability("a character is written twice")
    augment_neighbor: float = _probability("the key beside a character is hit (QWERTY, two-set)")
    augment_case: float = _probability("a letter changes its case")
    augment_word_drop: float = _probability("a word is left out")
    augment_word_swap: float = _probability("a word changes places with the next of its line")
    augment_synonym: float = _probability("a word of the table --synonyms is replaced")
    synonyms: str | None = option(
        None, "Words and what may replace them: a .tsv or .csv file, a word first, or .json."
    )
    augment_shuffle: Shuffled = option("none", "What the copies have in another order.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for what, group in (("characters", CHARACTER_EDITS), ("words", WORD_EDITS)):
            total = sum(self.probability(edit) for edit in group)
            if total > 1 + 1e-9:
                raise ConfigError(
                    f"the probabilities of the edits of {what} must have a sum of at most 1, "
                    f"got {total:g}"
                )
        if (self.augment_synonym > 0) != (self.synonyms is not None):
            raise ConfigError(
                "augment_synonym and synonyms need each other, got "
                f"{self.augment_synonym} and {self.synonyms}"
            )
        if self.augment_copies > 1 and not self.edits:
            raise ConfigError(
                f"augment_copies {self.augment_copies} would be copies without a change: set an "
                "edit, such as augment_swap"
            )

    def probability(self, edit: Edit) -> float:
        """Give the probability of an edit, for each character or word that it could be made on."""
        value: float = getattr(self, f"augment_{edit}")
        return value

    @property
    def edits(self) -> bool:
        """Whether anything is altered at all."""
        each = any(self.probability(edit) > 0 for edit in (*CHARACTER_EDITS, *WORD_EDITS))
        return each or self.augment_shuffle != "none"

    @property
    def copies(self) -> int:
        """How many altered copies there are."""
        return self.augment_copies if self.edits else 0


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(Checked):
    """What the network is: its input, its cells and its output."""

    cell: CellName = option("lstm", "The recurrent cell.")
    hidden_size: int = option(256, "Units in each layer (H).", at_least=1, at_most=1 << 30)
    layers: int = option(1, "Recurrent layers (L).", at_least=1, at_most=1000)
    input: InputKind = option("embedding", "How a symbol enters: a learned embedding, or one-hot.")
    embedding_size: int = option(128, "Size of the embedding (E).", at_least=1, at_most=1 << 30)
    tied: bool = option(False, "Share the embedding with the output layer.")
    residual: bool = option(False, "Add each layer's input to its output where the sizes agree.")
    input_dropout: float = option(
        0.0, "Dropout on what enters the first layer.", at_least=0, below=1
    )
    dropout: float = option(
        0.0, "Dropout on the output of every layer, the last one included.", at_least=0, below=1
    )
    output_dropout: float | None = option(
        None, "Dropout on the output of the last layer, in place of --dropout.",
        at_least=0, below=1,
    )  # fmt: skip
    locked_dropout: bool = option(
        False, "Drop the same units at every step of a window: variational dropout."
    )
    embedding_dropout: float = option(
        0.0, "Dropout on the embedding; a symbol keeps its mask for a whole window.",
        at_least=0, below=1,
    )  # fmt: skip
    weight_dropout: float = option(
        0.0, "Dropout on the recurrent weights, the same for a whole window (DropConnect).",
        at_least=0, below=1,
    )  # fmt: skip
    zoneout: float = option(
        0.0, "Probability that a unit's h stays as it was in a step (Zoneout).",
        at_least=0, below=1,
    )  # fmt: skip
    zoneout_cell: float = option(
        0.0, "Probability that an lstm's c stays as it was in a step.", at_least=0, below=1
    )
    layer_norm: bool = option(False, "Layer normalisation inside the cells.")
    batch_norm: bool = option(False, "Batch normalisation of the output of every layer.")
    activation: Activation = option("tanh", "Activation of the rnn cell.")
    reset: Reset = option(
        "after", "Where the gru's reset gate acts: after the product (cuDNN) or before (Cho 2014)."
    )
    peepholes: Peepholes = option("vector", "Peephole weights: a vector a gate, or a full matrix.")
    initialization: Initialization = option(
        "orthogonal", "Initial recurrent weights (input weights: xavier, with he: he)."
    )
    forget_bias: float = option(1.0, "Initial bias of the forget gate of lstm cells.")

    @property
    def level_names(self) -> tuple[str, ...]:
        """What the network is made of, from the input to the output."""
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
                f"weight_dropout needs recurrent weights, which {self.cell} has not; got "
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
            raise ConfigError(f"{name} needs a cell that looks at its state, got {self.cell!r}")
        if self.tied and self.input != "embedding":
            raise ConfigError("tied needs input 'embedding', got input 'onehot'")
        if self.tied and self.embedding_size != self.hidden_size:
            raise ConfigError(
                f"tied needs embedding_size equal to hidden_size, got {self.embedding_size} and "
                f"{self.hidden_size}"
            )


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Checked):
    """How the network learns."""

    batch_size: int = option(32, "Parallel streams of text (B).", at_least=1)
    sequence_length: int = option(
        64, "Symbols through which one step goes back in time (T).", at_least=1
    )
    steps: int = option(5000, "Optimiser steps.", at_least=1, at_most=1 << 50)
    minutes: float | None = option(
        None, "Plan the run to take about this long, in place of --steps.", above=0
    )
    optimizer: OptimizerName = option("adamw", "The update rule.")
    learning_rate: float = option(
        6e-3,
        "Peak learning rate (unless set, rmsprop takes 0.002, sgd 0.5).",
        above=0,
        at_most=3.4e38,
    )
    beta1: float = option(0.9, "Decay of the first moment (adam, adamw).", at_least=0, below=1)
    beta2: float = option(
        0.99, "Decay of the second moment (adam, adamw, rmsprop).", at_least=0, below=1
    )
    momentum: float = option(0.9, "Momentum (sgd).", at_least=0, below=1)
    weight_decay: float = option(
        0.1, "Decay of weight matrices: decoupled with adamw, else an L2 gradient (unless set, 0).",
        at_least=0,
    )  # fmt: skip
    l1_penalty: float = option(
        0.0, "Times the sum of |w| over weight matrices, added to the loss.", at_least=0
    )
    l2_penalty: float = option(
        0.0, "Times half the sum of w² over weight matrices, added to the loss.", at_least=0
    )
    activation_regularization: float = option(
        0.0, "Times the mean square of the last layer's dropped output, added to the loss (AR).",
        at_least=0,
    )  # fmt: skip
    temporal_activation_regularization: float = option(
        0.0, "Times the mean square of the change of that output in a step, undropped (TAR).",
        at_least=0,
    )  # fmt: skip
    label_smoothing: float = option(
        0.0, "Share of the target's probability that all symbols share.", at_least=0, below=1
    )
    schedule: ScheduleName = option("linear", "How the learning rate falls after the warm-up.")
    warmup: float = option(
        0.03, "Share of the steps in which the rate rises.", at_least=0, at_most=1
    )
    plateau_factor: float = option(
        0.5, "Rate multiplier at a plateau (schedule plateau).", above=0, below=1
    )
    plateau_patience: int = option(
        1, "Validations without a new best before the rate falls (schedule plateau).", at_least=1
    )
    patience: int = option(
        0, "Validations without an improvement after which training stops early; 0 is never.",
        at_least=0,
    )  # fmt: skip
    min_improvement: float = option(
        0.0, "Nats per character that count as an improvement for --patience.", at_least=0
    )
    clip_norm: float = option(1.0, "Bound on the global gradient norm; 0 is none.", at_least=0)
    clip_value: float = option(0.0, "Bound on each gradient element; 0 is none.", at_least=0)
    ema_decay: float = option(
        0.0, "Decay a step of the averaged weights that are validated and kept; 0 is none.",
        at_least=0, below=1,
    )  # fmt: skip
    swa_share: float = option(
        0.0, "Share of the steps, at the end, whose weights are averaged equally; 0 is none.",
        at_least=0, at_most=1,
    )  # fmt: skip
    freeze: int = option(
        0, "Levels that stay as they are, from the input: 1 is the embedding, 2 layer 1 too, ….",
        at_least=0,
    )  # fmt: skip
    unfreeze_every: int = option(
        0, "Steps after which the next frozen level, from the output, learns too; 0 is never.",
        at_least=0, at_most=1 << 50,
    )  # fmt: skip
    layer_decay: float = option(
        1.0, "Each level's learning rate as a share of the rate of the level above.",
        above=0, at_most=1,
    )  # fmt: skip
    precision: Precision = option(
        "auto",
        "Arithmetic of training: auto is bfloat16 where clearly faster; float16 needs a GPU.",
    )
    device: Device = option("auto", "Where to train; auto is a GPU where there is one.")
    validate_every: int = option(
        0,
        "Steps between validations; 0 is a tenth of the run.",
        at_least=0,
        at_most=1 << 50,
    )
    sample_length: int = option(
        0,
        "Characters of sample text to show at each validation.",
        at_least=0,
        at_most=1 << 30,
    )
    checkpoint_seconds: float = option(
        60.0, "Longest time between two saves of what --resume needs.", at_least=0
    )
    seed: int = option(0, "Seed of everything random.", at_least=0, below=2**63)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ema_decay > 0 and self.swa_share > 0:
            raise ConfigError(
                f"ema_decay and swa_share are two ways to average the weights: set one; got "
                f"{self.ema_decay} and {self.swa_share}"
            )
        if self.unfreeze_every > 0 and self.freeze == 0:
            raise ConfigError(
                f"unfreeze_every {self.unfreeze_every} frees what freeze has fixed, and freeze is 0"
            )


@dataclass(frozen=True, kw_only=True)
class Config:
    """All choices of a run.

    Attributes
    ----------
    text, augmentation, network, training
        The parts, each with the options that it owns.
    """

    text: TextConfig = dataclasses.field(default_factory=TextConfig)
    augmentation: AugmentationConfig = dataclasses.field(default_factory=AugmentationConfig)
    network: NetworkConfig = dataclasses.field(default_factory=NetworkConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        levels = self.network.level_names
        if self.training.freeze >= len(levels):
            raise ConfigError(
                f"freeze must be below {len(levels)}, so that something learns (the network has "
                f"{', '.join(levels)}); got {self.training.freeze}"
            )
        if self.text.validation_fraction > 0 or self.text.folds > 0:
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
            text=_pick(TextConfig, _fold_fractions(options)),
            augmentation=_pick(AugmentationConfig, options),
            network=_pick(NetworkConfig, _tied_sizes(options)),
            training=_pick(TrainingConfig, {**usual, **options}),
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read back what ``to_dict`` wrote; strict about keys, types and ranges.

        Only the part ``augmentation`` may be missing, as it is from older runs.
        """
        reject_unknown(values, ["text", "augmentation", "network", "training"])
        values = {"augmentation": {}, **values}
        for name in ("text", "augmentation", "network", "training"):
            if not isinstance(values.get(name), Mapping):
                raise ConfigError(f"key '{name}' must hold an object, got {values.get(name)!r}")
        return cls(
            text=TextConfig.from_dict(values["text"]),
            augmentation=AugmentationConfig.from_dict(values["augmentation"]),
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
            augmentation=_pick(AugmentationConfig, flat),
            network=_pick(NetworkConfig, flat),
            training=_pick(TrainingConfig, flat),
        )


# What an optimiser takes where nothing else is said; adamw's are the fields' own defaults.
_USUAL_BY_OPTIMIZER: Mapping[str, Mapping[str, float]] = {
    "adam": {"weight_decay": 0.0},
    "rmsprop": {"weight_decay": 0.0, "learning_rate": 2e-3},
    "sgd": {"weight_decay": 0.0, "learning_rate": 0.5},
}

PartT = TypeVar("PartT", bound=Checked)
PARTS: tuple[type[Checked], ...] = (
    TextConfig,
    AugmentationConfig,
    NetworkConfig,
    TrainingConfig,
)


def option_names() -> list[str]:
    """List the names of all options, in the order of the parts."""
    return [field.name for part in PARTS for field in dataclasses.fields(part)]


def _fold_fractions(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Hold out no share of the text beside a fold, unless one was asked for."""
    if options.get("folds"):
        return {"validation_fraction": 0.0, **options}
    return options


def check_option(name: str, value: object) -> object:
    """Give one option's value in its field's type.

    Raises
    ------
    ConfigError
        The name is unknown, or the value is of another type or out of its range.
    """
    reject_unknown({name: value}, option_names())
    part = next(p for p in PARTS if name in p.__dataclass_fields__)
    return check_value(part.__dataclass_fields__[name], allowed_types(part, name), value)


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
