"""The options of each kind of training as keyword arguments, for ``**options: Unpack[…]``.

Written by ``python -m tests.config.option_types`` from the configuration's sections, which check
the values. Do not edit.
"""

from __future__ import annotations

from typing import TypedDict

from nextchar.config.classification import KeptBy, Pooling
from nextchar.config.embeddings import EmbeddingMethod
from nextchar.config.experts import CountedExperts
from nextchar.config.network import (
    Activation,
    CellName,
    Initialization,
    InputKind,
    Peepholes,
    Reset,
)
from nextchar.config.tagging import Transitions
from nextchar.config.text import DecodingErrors, Normalization, Shuffled, SymbolKind, VocabularyKind
from nextchar.config.training import Device, OptimizerName, Precision, ScheduleName
from nextchar.config.transduction import AttentionName, TargetKind


class TextOptions(TypedDict, total=False):
    """Options of ``TextConfig``."""

    vocabulary: VocabularyKind
    min_count: int
    normalization: Normalization
    encoding: str
    errors: DecodingErrors
    max_compression_ratio: int
    validation_fraction: float
    test_fraction: float
    fold: int


class AugmentationOptions(TypedDict, total=False):
    """Options of ``AugmentationConfig``."""

    augment_copies: int
    augment_swap: float
    augment_drop: float
    augment_repeat: float
    augment_neighbor: float
    augment_case: float
    augment_word_drop: float
    augment_word_swap: float
    augment_synonym: float
    synonyms: str | None
    augment_shuffle: Shuffled


class NetworkOptions(TypedDict, total=False):
    """Options of ``NetworkConfig``."""

    cell: CellName
    hidden_size: int
    layers: int
    embedding_size: int
    residual: bool
    input_dropout: float
    dropout: float
    output_dropout: float | None
    locked_dropout: bool
    embedding_dropout: float
    weight_dropout: float
    zoneout: float
    zoneout_cell: float
    layer_norm: bool
    activation: Activation
    reset: Reset
    peepholes: Peepholes
    initialization: Initialization
    forget_bias: float


class TrainingOptions(TypedDict, total=False):
    """Options of ``TrainingConfig``."""

    batch_size: int
    steps: int
    optimizer: OptimizerName
    learning_rate: float
    beta1: float
    beta2: float
    momentum: float
    weight_decay: float
    l1_penalty: float
    l2_penalty: float
    label_smoothing: float
    schedule: ScheduleName
    warmup: float
    plateau_factor: float
    plateau_patience: int
    patience: int
    min_improvement: float
    clip_norm: float
    clip_value: float
    ema_decay: float
    swa_share: float
    freeze: int
    unfreeze_every: int
    layer_decay: float
    precision: Precision
    device: Device
    validate_every: int
    checkpoint_seconds: float
    keep_checkpoints: int
    seed: int


class ExpertsOptions(TypedDict, total=False):
    """Options of ``ExpertsConfig``."""

    experts: CountedExperts
    expert_context: int | None
    expert_megabytes: float | None
    mixing_fraction: float


class ItemsOptions(TypedDict, total=False):
    """Options of ``ItemsConfig``."""

    vocabulary: SymbolKind
    min_count: int
    normalization: Normalization
    encoding: str
    errors: DecodingErrors
    max_compression_ratio: int
    validation_fraction: float
    epochs: float | None
    pool: int


class LanguageModelOptions(
    TextOptions, AugmentationOptions, NetworkOptions, TrainingOptions, ExpertsOptions, total=False
):
    """Options of ``Config``."""

    folds: int
    input: InputKind
    tied: bool
    batch_norm: bool
    sequence_length: int
    window_growth: float
    reset_probability: float
    minutes: float | None
    activation_regularization: float
    temporal_activation_regularization: float
    sample_length: int


class TrialOptions(
    TextOptions, AugmentationOptions, NetworkOptions, TrainingOptions, ExpertsOptions, total=False
):
    """Options of ``TrialConfig``."""

    folds: int
    input: InputKind
    tied: bool
    batch_norm: bool
    sequence_length: int
    window_growth: float
    reset_probability: float
    activation_regularization: float
    temporal_activation_regularization: float
    sample_length: int


class FoldOptions(
    TextOptions, AugmentationOptions, NetworkOptions, TrainingOptions, ExpertsOptions, total=False
):
    """Options of ``FoldConfig``."""

    input: InputKind
    tied: bool
    batch_norm: bool
    sequence_length: int
    window_growth: float
    reset_probability: float
    minutes: float | None
    activation_regularization: float
    temporal_activation_regularization: float
    sample_length: int


class ClassifierOptions(ItemsOptions, NetworkOptions, TrainingOptions, total=False):
    """Options of ``ClassifierRunConfig``."""

    max_length: int
    input: InputKind
    minutes: float | None
    bidirectional: bool
    pooling: Pooling
    members: int
    ngrams: int
    ngram_buckets: int
    ngram_dropout: float
    ngram_bag: int
    linear_rows: int | None
    most_symbols: int
    ngram_evidence: bool
    symbol_dropout: float
    consistency: float
    class_weights: float
    prior_adjustment: float
    keep_by: KeptBy
    keep_duplicates: bool
    cut: bool


class TaggerOptions(ItemsOptions, NetworkOptions, TrainingOptions, total=False):
    """Options of ``TaggerRunConfig``."""

    input: InputKind
    minutes: float | None
    restore: str | None
    outside: str
    bidirectional: bool
    ngrams: int
    ngram_buckets: int
    ngram_dropout: float
    symbol_dropout: float
    window: int
    transitions: Transitions


class TransducerOptions(ItemsOptions, NetworkOptions, TrainingOptions, total=False):
    """Options of ``TransducerRunConfig``."""

    max_length: int
    input: InputKind
    minutes: float | None
    target_vocabulary: TargetKind
    attention: AttentionName
    bidirectional: bool
    decoded_items: int


class ConditionOptions(ItemsOptions, NetworkOptions, TrainingOptions, total=False):
    """Options of ``ConditionRunConfig``."""

    max_length: int
    minutes: float | None
    condition_size: int
    condition_dropout: float


class EmbeddingOptions(TypedDict, total=False):
    """Options of ``EmbeddingRunConfig``."""

    vocabulary: SymbolKind
    method: EmbeddingMethod
    size: int
    window: int
    negative: int
    epochs: int
    min_count: int | None
    sample: float | None
    learning_rate: float
    seed: int
    workers: int
    normalization: Normalization
    encoding: str
    errors: DecodingErrors
    max_compression_ratio: int
