"""Pictures of experiments. The only file here that draws."""

from __future__ import annotations

import math
import statistics

from nextchar.drawing import new_figure, saved_picture
from nextchar.experiments.comparison import Comparison
from nextchar.experiments.trials import Tuning


def learning_curves(comparison: Comparison, picture_format: str) -> bytes:
    """Draw validation bits per character over seconds of training, a colour for each variant.

    Parameters
    ----------
    picture_format
        One of ``drawing.PICTURE_FORMATS``.

    Returns
    -------
    bytes
        The picture: each run a thin line, the mean of the last values beside the name.

    Raises
    ------
    NextcharError
        matplotlib is not installed.
    """
    figure = new_figure(8, 5)
    axes = figure.subplots()
    lowest, highest = math.inf, -math.inf
    for place, group in enumerate(comparison.groups):
        for run in group.runs:
            seconds, nats = zip(*run.curve, strict=True)
            bits = [each / math.log(2) for each in nats]
            first = run is group.runs[0]
            label = f"{group.variant}: {group.mean_bits:.3f}" if first else None
            style = ("-", "--", ":", "-.")[place // 10 % 4]
            axes.plot(seconds, bits, color=f"C{place % 10}", ls=style, lw=1.3, label=label)
            lowest, highest = min(lowest, *bits), max(highest, bits[min(1, len(bits) - 1)])
    axes.set_ylim(lowest - 0.05, highest + 0.05)
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("bits per character, validation")
    axes.grid(alpha=0.3)
    axes.legend(title="best, mean of the seeds", fontsize="small")
    return saved_picture(figure, picture_format)


def search_picture(tuning: Tuning, picture_format: str) -> bytes:
    """Draw a search: its trials with the best so far, and the importance of the options.

    Parameters
    ----------
    picture_format
        One of ``drawing.PICTURE_FORMATS``.

    Returns
    -------
    bytes
        The picture. Pruned trials stand at the loss at which they were given up.

    Raises
    ------
    NextcharError
        matplotlib is not installed.
    """
    names = list(tuning.importance)[::-1]
    figure = new_figure(11 if names else 7, 4.5)
    ratios = (3, 2) if names else (1,)
    history, *others = figure.subplots(1, len(ratios), width_ratios=ratios, squeeze=False)[0]
    best = [
        (number, nats / math.log(2))
        for number, nats in enumerate(tuning.history(), 1)
        if nats is not None
    ]
    lowest, first = best[-1][1], best[0][1]
    complete = [trial.nats_per_char for trial in tuning.trials if trial.state == "complete"]
    usual = statistics.median(nats for nats in complete if nats is not None) / math.log(2)
    # A trial that went astray must not press the others together: it stands at the upper edge.
    top = lowest + 1.5 * max(usual - lowest, first - lowest, 0.02)
    for state, marker, color in (("complete", "o", "C0"), ("pruned", "x", "0.5")):
        points = [
            (trial.number, min(trial.nats_per_char / math.log(2), top))
            for trial in tuning.trials
            if trial.state == state and trial.nats_per_char is not None
        ]
        if points:
            history.scatter(
                *zip(*points, strict=True), s=22, c=color, marker=marker, label=state, clip_on=False
            )
    failed = [trial.number for trial in tuning.trials if trial.state == "failed"]
    if failed:
        history.scatter(
            failed, [top] * len(failed), s=22, c="C3", marker="v", label="failed", clip_on=False
        )
    history.step(*zip(*best, strict=True), where="post", color="C1", label="best so far")
    history.set_ylim(lowest - 0.05 * (top - lowest), top)
    history.set_xlabel("trial")
    history.xaxis.get_major_locator().set_params(integer=True)
    history.set_ylabel("bits per character, validation")
    history.grid(alpha=0.3)
    history.legend(fontsize="small")
    for importance in others:  # Too few trials tell none.
        importance.barh(range(len(names)), [tuning.importance[name] for name in names])
        importance.set_xlabel("importance")
        importance.set_xlim(0, 1)
        importance.set_yticks(range(len(names)), names)
    return saved_picture(figure, picture_format)
