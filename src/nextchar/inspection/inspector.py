"""The inspector of a model: one method for each question about its inside.

Every method takes a text, or a ``Sample`` of one. Results are arrays and numbers, with
``to_dict()`` for JSON, ``lines()`` for a terminal, and ``plot()`` where there is a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nextchar.config.arguments import checked
from nextchar.errors import ConfigError, as_option
from nextchar.inspection.error_report import ErrorReport
from nextchar.inspection.gates import EXCERPT as GATE_EXCERPT
from nextchar.inspection.gates import MAX_EXCERPT, GateReport, measure_gates
from nextchar.inspection.gradient_flow import GradientFlow
from nextchar.inspection.gradients import measure_gradients
from nextchar.inspection.memory import MemoryReport, report_memory
from nextchar.inspection.probe import Probe, StateKind, probe_states
from nextchar.inspection.recording import Recording, record
from nextchar.inspection.sample import LIMIT, Sample, sample_of_text
from nextchar.inspection.symbols import symbol_marks
from nextchar.inspection.units import COUNT, EXCERPT, UnitReport, report_units
from nextchar.inspection.weights_inspector import WeightsInspector
from nextchar.nn.initialization import initial_generator
from nextchar.nn.network import Network
from nextchar.text.unknown import default_treatment
from nextchar.training.metrics import read_history


class Inspector(WeightsInspector):
    """Answers questions about the inside of a language model.

    Parameters
    ----------
    network, vocabulary
        The network, switched to evaluation mode when it reads, and its vocabulary.
    config
        The configuration of the run.
    run
        The run directory; ``None`` for a model that was not loaded.
    """

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.config.network.summary}>"

    @property
    def unit(self) -> str:
        """The name of several symbols, for messages."""
        return {"byte": "bytes", "jamo": "letters"}.get(self.vocabulary.kind, "characters")

    def sample(self, text: str | Sample, *, limit: int = LIMIT, name: str = "the text") -> Sample:
        """Return the first symbols of a text, at most ``limit``; a sample is returned as it is."""
        if isinstance(text, Sample):
            return text
        return sample_of_text([text], self.vocabulary, self._form, name=name, limit=limit)

    def record(self, text: str | Sample, *, gates: bool = True, logits: bool = False) -> Recording:
        """Read a text, and keep the state of every layer, and its gates; see ``recording``."""
        return record(self.network, self.sample(text).ids, gates=gates, logits=logits)

    @checked
    def gradients(
        self,
        text: str | Sample,
        *,
        lags: int | None = None,
        seed: int = 0,
        untrained: bool = False,
    ) -> GradientFlow:
        """Measure how far back the loss reaches: the norm of ∂L_t/∂h_{t−k} by the lag k.

        Parameters
        ----------
        text
            The text, of at least four symbols.
        lags
            The largest lag in symbols; by default 100, or less for a short text.
        seed
            Draws the places t.
        untrained
            Whether to measure fresh weights of the run's seed in place of its own ones.

        Raises
        ------
        ConfigError
            The lags are out of range.
        TextError
            The text is too short.
        """
        history = [] if untrained or self.run is None else read_history(self.run, unit="char")
        return measure_gradients(
            self._untrained() if untrained else self.network,
            self.sample(text),
            name=self._name,
            unit=self.unit,
            lags=lags,
            seed=seed,
            history=history,
            clip_norm=self.config.training.clip_norm,
            is_trained=not untrained,
            sequence_length=self.config.training.sequence_length,
        )

    @checked
    def probe(
        self,
        texts: Sequence[str],
        labels: Sequence[str],
        *,
        state: StateKind = "mean",
        seed: int = 0,
    ) -> Probe:
        """Test whether the state after a text knows its label; see ``probe``.

        Parameters
        ----------
        texts
            At least 20 texts; at most 10,000 are drawn. Unknown symbols are replaced or skipped,
            and texts without known symbols are left out.
        labels
            Their labels, of at least 2 kinds.
        state
            The state of a text: the mean over its symbols, or the final one.
        seed
            Draws the texts, those held out, and the shuffled labels of the control.

        Raises
        ------
        ConfigError
            There are more or fewer labels than texts, or the state is unknown.
        TextError
            There are too few texts or labels.
        """
        if len(texts) != len(labels):
            raise ConfigError(
                f"each text needs a label; got {len(texts):,} texts and {len(labels):,} labels"
            )
        unknown = default_treatment(self.vocabulary, None)
        encoded = [
            self.vocabulary.encode(self._form.of(text), unknown=unknown).astype(np.int64)
            for text in texts
        ]
        known = [place for place, ids in enumerate(encoded) if len(ids) > 0]
        return probe_states(
            self.network,
            [encoded[place] for place in known],
            [labels[place] for place in known],
            state=state,
            seed=seed,
        )

    @checked
    def gates(
        self,
        text: str | Sample,
        *,
        unit: str | None = None,
        layer: int | None = None,
        gate: str | None = None,
        excerpt: int = GATE_EXCERPT,
    ) -> GateReport:
        """Measure how often gates are open or closed, and name dead, saturated and idle units.

        Parameters
        ----------
        text
            The text, of at least two symbols.
        unit
            The unit to draw, such as ``"1.57"``, counted from 1.
        layer
            The layer in the picture, from 1; by default that of the unit, or the last one.
        gate
            The gate to draw: i, f or o of an LSTM, r or z of a GRU; by default all.
        excerpt
            The number of symbols to draw, at most 1000.

        Raises
        ------
        ConfigError
            The cells have no gates, or there is no such unit, layer or gate.
        TextError
            The text is too short.
        """
        sample = self.sample(text)
        if not 1 <= excerpt <= MAX_EXCERPT:
            raise ConfigError(
                f"{as_option('excerpt')} must be from 1 to {MAX_EXCERPT:,}; got {excerpt}"
            )
        return measure_gates(
            self.network,
            sample,
            symbol_marks(self.vocabulary, sample.ids[:excerpt]),
            unit=unit,
            layer=layer,
            gate=gate,
        )

    @checked
    def units(
        self,
        text: str | Sample,
        *,
        label: str | None = None,
        unit: str | None = None,
        count: int = COUNT,
        excerpt: int = EXCERPT,
        seed: int = 0,
    ) -> UnitReport:
        """Rank the units of all layers by how well they follow a label of the text.

        Parameters
        ----------
        text
            The text, of at least 20 symbols.
        label
            ``quotes``, ``brackets``, ``indentation``, ``line-position``, ``capitals``,
            ``word-position``, ``jamo-position``, or a regular expression; see ``predicates``. By
            default each label that the text has.
        unit
            The unit that colours the text, such as ``"1.57"`` or ``"1.c.57"``, counted from 1; by
            default the best one.
        count
            The number of units to keep for each label.
        excerpt
            The number of characters to colour.
        seed
            Draws the shifts of the control.

        Raises
        ------
        ConfigError
            The label, the unit or a number is invalid.
        TextError
            The text is too short, or the label is the same everywhere.
        """
        for name, number in (("count", count), ("excerpt", excerpt)):
            if number < 1:
                raise ConfigError(f"{name} must be at least 1; got {number}")
        return report_units(
            self.network,
            self.vocabulary,
            self.sample(text),
            label=label,
            unit=unit,
            count=count,
            excerpt=excerpt,
            seed=seed,
        )

    @checked
    def memory(
        self,
        text: str | Sample,
        *,
        at: Sequence[int] | None = None,
        lags: int | None = None,
        seed: int = 0,
    ) -> MemoryReport:
        """Measure which earlier symbols predictions depend on, and how the words seen help.

        Parameters
        ----------
        text
            The text, of at least four symbols.
        at
            The indices of symbols to explain, from 1 on; by default three drawn ones.
        lags
            The largest lag in symbols; by default 50, or less for a short text.
        seed
            Draws the places.

        Raises
        ------
        ConfigError
            An index or the lags are out of range.
        TextError
            The text is too short.
        """
        return report_memory(
            self.network,
            self.vocabulary,
            self.sample(text),
            unit=self.unit,
            at=at,
            lags=lags,
            seed=seed,
        )

    @checked
    def errors(self, text: str | Sample) -> ErrorReport:
        """Classify the errors that are left: n-gram, memory, rare words, words, punctuation, rest.

        The kinds are those of ``inspection.errors``. The training text is counted, if the run has
        one, at most 4 million symbols of it.

        Parameters
        ----------
        text
            The text, of at least 10 symbols.

        Raises
        ------
        CorpusError, RunError
            The training text or the experts of the run are damaged.
        TextError
            The text is too short.
        """
        # Imported only here, because importing numba takes a sixth of a second.
        from nextchar.inspection.counts import training_counts
        from nextchar.inspection.errors import report_errors

        sample = self.sample(text)
        return report_errors(
            self.network,
            self.vocabulary,
            sample,
            training_counts(self.run, self.vocabulary),
            name=self._name,
            unit=self.unit,
        )

    @checked
    def page(self, text: str | Sample, *, progress: Callable[[float], None] | None = None) -> str:
        """Return a page with every inspection: HTML that opens without a network.

        Parameters
        ----------
        text
            The text, of at least four symbols.
        progress
            Called with the completed share, 0 to 1.

        Raises
        ------
        NextcharError
            matplotlib is not installed.
        TextError
            The text is too short.
        """
        # Imported here, because a page calls the other methods.
        from nextchar.inspection.page_content import build_page

        sample = self.sample(text)
        sample.require(4, "a page")
        return build_page(self, sample, progress)

    @property
    def _name(self) -> str:
        return "the model" if self.run is None else self.run.name

    def _untrained(self) -> Network:
        """Return a network with the initial weights of the run's seed."""
        generator = initial_generator(self.config.training.seed)
        fresh = Network(len(self.vocabulary), self.config.network, generator=generator)
        fresh.begins_after = self.network.begins_after
        return fresh
