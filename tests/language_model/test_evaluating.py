"""Scores and dynamic evaluation: aligned with the text, and honest about what was seen."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config import Config
from nextchar.errors import ConfigError, NonFiniteLossError, TextError, UnknownSymbolsError
from nextchar.evaluation.dynamic import Adaptation, Update, read_and_learn
from nextchar.evaluation.score import maximal_subsequences
from nextchar.language_model.model import LanguageModel
from nextchar.nn.threads import ThreadTrials
from nextchar.text.vocabulary import CharVocabulary, learn

TEXT = "나는 학교에 간다.\n값을 닭을 a bb\n" * 5


def model(kind: str, **options: object) -> LanguageModel:
    config = Config.from_options({"hidden_size": 8, "embedding_size": 4, **options})
    return LanguageModel.create(config, learn(kind, [TEXT], 1))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["char", "jamo", "byte"])
def test_a_score_is_aligned_with_the_text_and_sums_to_the_evaluation(kind: str) -> None:
    made = model(kind)
    score = made.score(TEXT)
    exact = made.evaluate(TEXT, exact=True)
    assert score.bits.shape == score.expected_bits.shape == (len(TEXT),)
    assert score.total_bits == pytest.approx(exact.nats / math.log(2), rel=1e-6)
    assert np.nansum(score.bits) == pytest.approx(score.total_bits)
    assert score.bits_per_char == pytest.approx(exact.bits_per_char, rel=1e-6)
    assert score.symbol_bits[0] == 0
    for spans in (score.lines(), score.words()):
        for span in spans:
            assert span.bits == pytest.approx(score.bits[span.start : span.end].sum())
    assert "".join(TEXT[span.start : span.end] for span in score.lines()) == TEXT


@pytest.mark.parametrize("kind", ["char", "jamo", "byte"])
def test_a_character_costs_what_its_symbols_do_after_all_before_them(kind: str) -> None:
    made = model(kind)
    score = made.score(TEXT[:12])
    for place in range(1, 12):
        before, upto = (made.vocabulary.encode(TEXT[:end]) for end in (place, place + 1))
        ids = torch.from_numpy(upto.astype(np.int64))
        with torch.no_grad():
            logits, _ = made.network(ids[:-1].unsqueeze(1), made.network.initial_state(1))
        logs = logits[:, 0].log_softmax(-1).gather(1, ids[1:, None])[len(before) - 1 :]
        assert score.bits[place] == pytest.approx(-float(logs.sum()) / math.log(2), rel=1e-4)


def test_what_was_expected_are_the_likeliest_symbols() -> None:
    made = model("char")
    score = made.score("나는 a", alternatives=3)
    ids = torch.from_numpy(made.vocabulary.encode("나는 ").astype(np.int64))
    with torch.no_grad():
        logits, _ = made.network(ids.unsqueeze(1), made.network.initial_state(1))
    top = logits[-1, 0].softmax(-1).topk(3)
    expected = score.alternatives(3)
    assert [name for name, _ in expected] == [made.vocabulary.symbols[i] for i in top.indices]
    assert [p for _, p in expected] == pytest.approx(top.values.tolist())
    assert score.alternatives(0) == []


def test_skipped_and_unknown_characters_are_told_apart() -> None:
    config = Config.from_options({"hidden_size": 8, "embedding_size": 4})
    made = LanguageModel.create(config, CharVocabulary(["a", "b"], unknown=True))
    with pytest.raises(UnknownSymbolsError):
        made.score("abxab", unknown="error")
    assert made.score("abxab").unknown.sum() == 1  # As in training, where there is <unk>.
    skipped = made.score("abxab", unknown="skip")
    assert np.isnan(skipped.bits).tolist() == [False, False, True, False, False]
    assert (skipped.skipped, skipped.characters) == (1, 3)
    assert skipped.total_bits == pytest.approx(made.score("abab").total_bits)
    replaced = made.score("abxab", unknown="replace")
    assert replaced.unknown.tolist() == [False, False, True, False, False]
    exact = made.evaluate("abxab", unknown="replace", exact=True)
    assert replaced.bits_per_char == pytest.approx(exact.bits_per_char, rel=1e-6)


@pytest.mark.parametrize("text", ["", "a", "xx"])
def test_a_text_without_a_prediction_has_no_score(text: str) -> None:
    with pytest.raises(TextError, match="nothing to score"):
        model("char").score(text, unknown="skip")


@given(st.lists(st.integers(-4, 4), max_size=9))
def test_maximal_subsequences_are_those_of_the_definition(values: list[int]) -> None:
    found = maximal_subsequences(np.array(values, np.float64))

    def best(start: int, end: int) -> list[tuple[int, int]]:
        """Take the highest-scoring stretch, shortest and first of equals, then both sides."""
        spans = [(a, b) for a in range(start, end) for b in range(a + 1, end + 1)]
        if not spans:
            return []
        a, b = max(spans, key=lambda span: (sum(values[slice(*span)]), span[0] - span[1]))
        if sum(values[a:b]) <= 0:
            return []
        return [*best(start, a), (a, b), *best(b, end)]

    # Of stretches with equal sums either may stand; the sums are the same.
    expected = best(0, len(values))
    assert sorted(sum(values[a:b]) for a, b in found) == sorted(
        sum(values[a:b]) for a, b in expected
    )


def test_a_network_that_learns_nothing_measures_the_same() -> None:
    made = model("jamo")
    still = made.evaluate(TEXT, adaptation=Adaptation(rate=0.0))
    assert still.nats == pytest.approx(made.evaluate(TEXT, exact=True).nats, rel=1e-6)


def test_a_network_that_learns_gets_better_and_is_itself_unchanged() -> None:
    made = model("char")
    before = {name: weight.clone() for name, weight in made.network.named_parameters()}
    text = TEXT * 10
    fixed = made.evaluate(text, exact=True).bits_per_char
    learning = made.evaluate(text, adaptation=Adaptation(rate=0.01)).bits_per_char
    assert learning < fixed - 0.5
    for name, weight in made.network.named_parameters():
        assert torch.equal(weight, before[name])
        assert weight.grad is None


@pytest.mark.parametrize("segment", [1, 7, 20])
def test_no_prediction_knows_what_comes_at_it_or_after_it(segment: int) -> None:
    made = model("char")
    adaptation = Adaptation(rate=0.01, segment=segment)
    one, other = TEXT[:100] + TEXT[:60], TEXT[:100] + TEXT[::-1][:60]
    scores = [made.score(text, adaptation=adaptation) for text in (one, other)]
    assert np.array_equal(scores[0].bits[:100], scores[1].bits[:100])
    # The distribution at the first place that differs is the same still.
    assert scores[0].alternatives(100) == scores[1].alternatives(100)
    assert not np.allclose(scores[0].bits[130:], made.score(one).bits[130:])


def test_threads_are_chosen_by_the_time_of_segments_without_that_of_the_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = itertools.count()
    timer = SimpleNamespace(perf_counter=lambda: float(next(clock)))
    monkeypatch.setattr("nextchar.evaluation.dynamic.time", timer)
    observed: list[float] = []
    monkeypatch.setattr(ThreadTrials, "observe", lambda _trials, seconds: observed.append(seconds))
    before = torch.get_num_threads()
    ids = np.arange(41, dtype=np.uint8) % 5
    for _ in read_and_learn(model("char").network, [ids], Adaptation(segment=10)):
        torch.set_num_threads(1)
        for _ in range(100):
            next(clock)
    assert observed == [2.0] * 4
    assert torch.get_num_threads() == before


def test_a_score_that_learns_sums_to_its_evaluation() -> None:
    made = model("jamo")
    adaptation = Adaptation(rate=0.005)
    score = made.score(TEXT, adaptation=adaptation)
    measured = made.evaluate(TEXT, adaptation=adaptation)
    assert score.total_bits == pytest.approx(measured.nats / math.log(2), rel=1e-6)


def test_decay_leads_back_to_the_trained_weights() -> None:
    made = model("char")
    fixed = made.evaluate(TEXT, exact=True).nats
    distances = [
        abs(made.evaluate(TEXT, adaptation=Adaptation(rate=0.01, decay=decay)).nats - fixed)
        for decay in (0.0, 0.1, 1.0)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.5 * distances[0]


def test_a_step_is_the_gradient_over_its_root_mean_square_and_decays() -> None:
    """Golden rule of Krause et al. 2018, computed by hand on two weights."""
    weight = torch.tensor([1.0, 2.0], dtype=torch.float64)
    sizes = [torch.tensor([0.1, 0.3], dtype=torch.float64)]
    update = Update([weight], sizes, Adaptation(rate=0.01, decay=0.5, clip=1e9))
    update.apply((torch.tensor([0.2, -0.3], dtype=torch.float64),))
    moved = [1 - 0.01 * 0.2 / (0.1 + 0.3 * 0.2), 2 + 0.01 * 0.3 / (0.3 + 0.3 * 0.2)]
    expected = [moved[0] + 0.25 * (1 - moved[0]), moved[1] + 0.75 * (2 - moved[1])]
    assert weight.tolist() == pytest.approx(expected, rel=1e-12)


def test_a_long_gradient_is_clipped_to_a_multiple_of_its_usual_length() -> None:
    weight = torch.zeros(2, dtype=torch.float64)
    sizes = [torch.tensor([0.3, 0.4], dtype=torch.float64)]
    update = Update([weight], sizes, Adaptation(rate=0.01, decay=0.0, clip=2.0))
    update.apply((torch.tensor([30.0, 40.0], dtype=torch.float64),))
    expected = [-0.01 * g / (size + 0.3 * 0.35) for g, size in ((0.6, 0.3), (0.8, 0.4))]
    assert weight.tolist() == pytest.approx(expected, rel=1e-12)


def test_the_text_to_evaluate_does_not_change_the_size_of_the_steps() -> None:
    made = model("char")
    one, other = (made.score(text, adaptation=Adaptation()) for text in (TEXT[:45], TEXT[:90]))
    assert np.array_equal(one.bits, other.bits[:45])


@pytest.mark.parametrize(
    "options", [{"rate": -1.0}, {"rate": math.inf}, {"segment": 0}, {"clip": 0.0}, {"decay": 2.0}]
)
def test_an_adaptation_that_cannot_be_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        Adaptation(**options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="carries the state"):
        model("char").evaluate(TEXT, adaptation=Adaptation(), reset_every=5)


def test_reports_say_that_the_network_learned() -> None:
    made = model("char")
    adaptation = Adaptation(rate=0.25, segment=10)
    for report in (
        made.score(TEXT, adaptation=adaptation).to_dict(),
        made.evaluate(TEXT, adaptation=adaptation).to_dict(),
    ):
        assert (report["dynamic_rate"], report["dynamic_segment_symbols"]) == (0.25, 10)
    assert "dynamic_rate" not in made.evaluate(TEXT).to_dict()


def test_a_network_that_diverges_scores_nothing() -> None:
    made = model("char")
    with pytest.raises(NonFiniteLossError, match="try a rate below"):
        made.score(TEXT, adaptation=Adaptation(rate=1e38))
    with torch.no_grad():
        made.network.head.bias.fill_(math.nan)
    with pytest.raises(NonFiniteLossError, match="cannot score text"):
        made.score(TEXT)


def test_bytes_that_are_no_text_are_counted_as_evaluation_counts_them() -> None:
    made = model("byte")
    text = "a\udc80\udc80\udc80b"
    assert made.score(text).bits_per_char == pytest.approx(
        made.evaluate(text, exact=True).bits_per_char
    )
