"""The language model: training, generation, search and evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, Unpack

from nextchar.config import Config, ExpertUse
from nextchar.config.arguments import checked
from nextchar.config.options import LanguageModelOptions
from nextchar.errors import ConfigError
from nextchar.generation.engine import Engine
from nextchar.generation.fixing import Fixed
from nextchar.generation.plain import StoredWeights
from nextchar.generation.prompts import separator_of
from nextchar.generation.sampling import Sampling
from nextchar.generation.search import Beam
from nextchar.generation.uniforms import resolve_seed
from nextchar.language_model.generating import Ending, write_on
from nextchar.language_model.options import (
    SamplingOptions,
    SearchOptions,
    StreamOptions,
)
from nextchar.language_model.result import TrainingResult
from nextchar.language_model.searching import Continuation, complete_text, search_text
from nextchar.language_model.text_model import TextModel
from nextchar.nn.device import pick_device
from nextchar.nn.initialization import initial_generator
from nextchar.nn.network import Network
from nextchar.nn.parameters import load_parameters, named_tensors
from nextchar.run_files.model_files import (
    load_config,
    load_vocabulary,
    load_weights,
    save_config,
    save_vocabulary,
)
from nextchar.run_files.seals import seal_of
from nextchar.runs import ResumeOptions, resume, train
from nextchar.runs.registry import LANGUAGE_MODEL
from nextchar.text.files import Input
from nextchar.text.vocabulary import Unknown, Vocabulary
from nextchar.training.checkpoint import EXPERTS_FILE, MODEL_FILE, save_tensors
from nextchar.training.events import Listener

if TYPE_CHECKING:
    from nextchar.experts.experts import Experts

_SAMPLING = tuple(SamplingOptions.__annotations__)
_BEAM = tuple(each.name for each in dataclasses.fields(Beam))


class LanguageModel(TextModel):
    """A language model: a network and its vocabulary.

    Every text it reads is normalised in the same way as the training text (``text.normal_forms``).
    """

    @classmethod
    def create(cls, config: Config, vocabulary: Vocabulary) -> Self:
        """Return an untrained model, initialised with ``config.training.seed``."""
        generator = initial_generator(config.training.seed)
        network = Network(len(vocabulary), config.network, generator=generator)
        return cls(config, vocabulary, network)

    @classmethod
    @checked
    def train(
        cls,
        data: Input | Sequence[Input],
        out: Input,
        *,
        from_run: Input | None = None,
        embedding_from: Input | None = None,
        stdin: BinaryIO | None = None,
        listeners: Sequence[Listener] = (),
        **options: Unpack[LanguageModelOptions],
    ) -> TrainingResult:
        """Train a language model on text files.

        Under ``torchrun``, each process calls this method, and they train together. Only the first
        process reads the text, writes files and calls the listeners; all return its result.

        Parameters
        ----------
        data
            A file, a folder, a glob pattern, ``-`` for standard input, or several of them.
        out
            The run directory to create; it must be missing or empty.
        from_run
            A pretrained run to initialise from. The new model has its network and its symbols; new
            symbols of the text are added.
        embedding_from
            A folder of vectors that initialise the embedding (``nextchar.SymbolVectors``). They
            determine the vocabulary kind and the embedding size. Cannot be combined with
            ``from_run``.
        stdin
            The stream to read for ``-``; by default ``sys.stdin.buffer``.
        listeners
            Called with each event of the training.
        **options
            The options of ``nextchar train``.

        Raises
        ------
        InputError
            The text or an option is invalid; nothing was written.
        Interrupted
            SIGINT or SIGTERM was received; ``resume`` continues the training.
        NonFiniteLossError, StorageError
            Training failed; the run keeps its last checkpoint.
        OtherProcessError
            Training failed in another process, which reports the reason.
        """
        result: TrainingResult = train(
            LANGUAGE_MODEL,
            data,
            out,
            from_run=from_run,
            embedding_from=embedding_from,
            stdin=stdin,
            listeners=listeners,
            **options,
        )
        return result

    @classmethod
    @checked
    def resume(cls, run: Input, **options: Unpack[ResumeOptions]) -> TrainingResult:
        """Continue a run, or train it further; see ``nextchar.resume``."""
        result: TrainingResult = resume(run, task=LANGUAGE_MODEL, **options)
        return result

    @classmethod
    @checked
    def load(cls, run: Input, *, device: str = "cpu", checkpoint: str | int = "best") -> Self:
        """Load a model from a run directory.

        Parameters
        ----------
        run
            The run directory; its training need not be finished.
        device
            The device: ``"cpu"`` or ``"cuda"``.
        checkpoint
            The weights to load: ``"best"`` on the validation part (the newest before the first
            validation), ``"last"`` for the newest, or a step whose weights ``keep_checkpoints`` has
            kept.

        Raises
        ------
        RunError
            The run is missing or damaged, or was written by a newer nextchar.
        """
        folder = Path(run)
        config, vocabulary = load_config(folder), load_vocabulary(folder)

        def build() -> Network:
            return Network(len(vocabulary), config.network, generator=None)

        weights = load_weights(folder, build, checkpoint)
        network = build()
        load_parameters(network, weights)
        if config.training.reset_probability == 0:
            network.begins_after = separator_of(vocabulary)
        place = folder.resolve()
        model = cls(config, vocabulary, network, partial(_experts_of, place, vocabulary), place)
        model.network.to(pick_device(device)).eval()
        return model

    def save(self, path: str | Path) -> None:
        """Save the model to an existing folder, in the format that ``load`` reads."""
        folder = Path(path)
        experts, _ = self.mixture_of(None)
        save_config(folder, self.config)
        save_vocabulary(folder, self.vocabulary)
        tensors = named_tensors(self.network)
        save_tensors(folder / MODEL_FILE, tensors, {}, seal=seal_of(folder))
        if experts is None:
            (folder / EXPERTS_FILE).unlink(missing_ok=True)
        else:
            # Imported only here, because importing numba takes a sixth of a second.
            from nextchar.run_files.expert_files import save_experts

            save_experts(folder, experts)

    @checked
    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        repetition_window: int = 64,
        stop: str | Sequence[str] = (),
        lines: int = 0,
        match: str | None = None,
        forbid: str | Sequence[str] = (),
        seed: int | None = None,
        unknown: Unknown = "error",
        engine: Engine = "auto",
        weights: StoredWeights = "float32",
        experts: ExpertUse | None = None,
        fix: Fixed | None = None,
    ) -> str:
        """Generate a continuation of a prompt; return the prompt and the generated text.

        Parameters
        ----------
        prompt
            The text to continue. Its unknown symbols are handled according to ``unknown``. Without
            a prompt, generation starts as if after a line break (or a space, if the vocabulary has
            no line break).
        length
            The maximum number of characters to generate after the prompt.
        temperature, top_k, top_p, min_p, repetition_penalty, repetition_window
            Sampling of the next symbol; temperature 0 is argmax. See
            ``generation.sampling.Sampling``.
        stop
            Generation ends before the first occurrence of any of these texts.
        lines
            Generation ends after this number of line breaks; 0 means no limit.
        match
            A regular expression that the generated text must match. Symbols that cannot follow are
            masked, and the others renormalised. Once the text matches, it ends with the probability
            of the masked symbols; it always matches within ``length``. See
            ``constraints.expressions``.
        forbid
            Words that must not occur in the text; see ``constraints.constrain``.
        seed
            The same seed generates the same text; ``None`` chooses a random seed.
        unknown
            Handling of unknown symbols in the prompt.
        engine
            ``"compiled"`` loops, ``"plain"`` torch, or ``"auto"``: plain at first, and compiled
            once the text is long enough to amortise loading the compiled code. ``"captured"`` runs
            the network's step as a CUDA graph on a GPU.
        weights
            The type of the weights in the compiled engine: ``"int8"`` is faster and changes the
            probabilities slightly.
        experts
            As in ``evaluate``. Adaptive experts learn from the prompt, not from the generated text.
        fix
            Units held at values, such as ``{"1.57": 0.9}``, or ``{"1.c.57": 2}`` for the memory of
            an LSTM: layer and unit, counted from 1. A sequence has a value for each symbol read,
            the prompt's first. The engine is then the plain one, which is slower. See
            ``generation.fixing``.

        Raises
        ------
        UnknownSymbolsError, ConfigError
            The prompt or an option is invalid.
        """
        return "".join(
            self.stream(
                prompt,
                length=length,
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                min_p=min_p,
                repetition_penalty=repetition_penalty,
                repetition_window=repetition_window,
                stop=stop,
                lines=lines,
                match=match,
                forbid=forbid,
                seed=seed,
                unknown=unknown,
                engine=engine,
                weights=weights,
                experts=experts,
                fix=fix,
            )
        )

    @checked
    def stream(self, prompt: str = "", **options: Unpack[StreamOptions]) -> Iterator[str]:
        """Generate a continuation of a prompt piece by piece, each as soon as it is final.

        The options are those of ``generate``. With ``length=None`` generation never ends, in
        constant memory.

        Yields
        ------
        str
            The next piece. The joined pieces are the result of ``generate``, prompt included.

        Raises
        ------
        UnknownSymbolsError, ConfigError
            The prompt or an option is invalid; raised before the first piece.
        """
        seed = resolve_seed(options.get("seed"))
        return (texts[0] for texts in self._continued(prompt, [seed], options))

    @checked
    def generate_batch(
        self, prompt: str = "", *, samples: int, **options: Unpack[StreamOptions]
    ) -> list[str]:
        """Generate several texts in one batch; sample i is the text of ``generate`` with seed + i.

        The two are equal up to float32 rounding, which occasionally makes long texts diverge. The
        options are those of ``generate``.
        """
        if options.get("length", 500) is None:
            raise ConfigError("an endless text can only be streamed: length must be set")
        if samples < 1:
            raise ConfigError(f"samples must be at least 1; got {samples}")
        first = resolve_seed(options.get("seed"))
        seeds = [first + index for index in range(samples)]
        pieces = self._continued(prompt, seeds, options)
        return ["".join(texts) for texts in zip(*pieces, strict=True)]

    @checked
    def search(self, prompt: str = "", **options: Unpack[SearchOptions]) -> list[Continuation]:
        """Find the most probable continuations of a prompt by beam search.

        Parameters
        ----------
        prompt
            As in ``generate``.
        **options
            ``width``: the beam width (4); the best text is never less probable than the greedy one.
            ``length_penalty``, ``groups``, ``diversity``: see ``generation.search.Beam``.
            ``length``, ``stop``, ``lines``, ``match``, ``forbid``, ``unknown``, ``experts``: as in
            ``generate``.

        Returns
        -------
        list[Continuation]
            The continuations, best first; at most twice the width.
        """
        beam = {name: options[name] for name in _BEAM if name in options}  # type: ignore[literal-required]
        return search_text(
            self.network,
            self.vocabulary,
            self._form.of(prompt),
            Beam(**{"width": 4, **beam}),
            self._ending(options),
            match=options.get("match"),
            forbid=self._texts(options.get("forbid", ())),
            unknown=options.get("unknown", "error"),
            mixture=self.mixture_of(options.get("experts")),
        )

    @checked
    def complete(
        self,
        prompt: str,
        *,
        count: int = 5,
        words: int = 1,
        unknown: Unknown = "error",
        experts: ExpertUse | None = None,
    ) -> list[Continuation]:
        """Find the most probable completions of the last word of a text, or its next word.

        Parameters
        ----------
        prompt
            The text so far. If it ends in a letter, digit, apostrophe or ``_``, its last word is
            completed, possibly by an empty text. Otherwise the next word is found.
        count
            The number of completions.
        words
            The number of words in a completion, including the characters between them.
        unknown
            Handling of unknown symbols in the prompt.
        experts
            As in ``generate``.

        Returns
        -------
        list[Continuation]
            The completions, most probable first. Each has the exact log-probability that the
            prompt continues with this text and the word then ends. The last character of the prompt
            is assumed to be complete.
        """
        return complete_text(
            self.network,
            self.vocabulary,
            self._form.of(prompt),
            count=count,
            words=words,
            unknown=unknown,
            mixture=self.mixture_of(experts),
        )

    def _continued(
        self, prompt: str, seeds: Sequence[int], options: StreamOptions
    ) -> Iterator[list[str]]:
        sampling = {name: options[name] for name in _SAMPLING if name in options}  # type: ignore[literal-required]
        return write_on(
            self.network,
            self.vocabulary,
            self._form.of(prompt),
            seeds,
            self._ending(options),
            unknown=options.get("unknown", "error"),
            match=options.get("match"),
            forbid=self._texts(options.get("forbid", ())),
            engine=options.get("engine", "auto"),
            weights=options.get("weights", "float32"),
            sampling=Sampling(**sampling),
            mixture=self.mixture_of(options.get("experts")),
            fixed=options.get("fix"),
        )

    def _ending(self, options: StreamOptions | SearchOptions) -> Ending:
        stop = self._texts(options.get("stop", ()))
        length, lines = options.get("length", 500), options.get("lines", 0)
        return Ending(length=length, stop=stop, lines=lines)


def _experts_of(folder: Path, vocabulary: Vocabulary) -> Experts | None:
    # Imported only here, because importing numba takes a sixth of a second.
    from nextchar.run_files.expert_files import experts_of

    return experts_of(folder, vocabulary)
