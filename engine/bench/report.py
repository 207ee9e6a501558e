"""A contest as a table for people and as data for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from engine.bench.contest import Contest, TimeProfile
from engine.bench.contest_plan import FLOOD_LOAD, FLOOD_SHARE
from engine.bench.figures import Figures
from engine.settings import Service
from engine.wire.contenders import Contender

RATIO_LOAD = 1.4


@dataclass(frozen=True, slots=True)
class Ratios:
    """Easel against the others, in one class of service.

    Args:
        saturated_throughput_vs_sequential: images per second with all requests there from the start, over stock
            diffusers' one after the other: the median of the rounds' ratios, by the clock.
        saturated_cpu_vs_sequential: the same by processor time per image.
        share_of_row_ceiling: the first over `allowed_by_row_ceiling`.
        allowed_by_row_ceiling: 1 / (u / c + 1 - u): how much faster a whole picture gets if the UNet's part u of stock
            diffusers' time shrinks by the row ceiling c and the rest does not.
        p95_at_1_4_vs_static_strict: 95th percentile of latency at 1.4 times stock diffusers' capacity, over that of
            static batching of requests with equal parameters.
    """

    saturated_throughput_vs_sequential: float
    saturated_cpu_vs_sequential: float
    share_of_row_ceiling: float
    allowed_by_row_ceiling: float
    p95_at_1_4_vs_static_strict: float


def ratios(contest: Contest, service: Service) -> Ratios:
    """Return how Easel compares in a class of service."""
    own, rounds = Contender(service), contest.rounds
    pairs = list(zip(rounds[own], rounds[Contender.SEQUENTIAL], strict=True))
    throughput = median(mine.images_per_s / stock.images_per_s for mine, stock in pairs)
    allowed = 1 / (contest.unet_share / contest.row_ceiling + 1 - contest.unet_share)
    load = contest.loads[RATIO_LOAD]
    return Ratios(
        saturated_throughput_vs_sequential=throughput,
        saturated_cpu_vs_sequential=median(stock.cpu_s_per_image / mine.cpu_s_per_image for mine, stock in pairs),
        share_of_row_ceiling=throughput / allowed,
        allowed_by_row_ceiling=allowed,
        p95_at_1_4_vs_static_strict=load[own].p95_s / load[Contender.STATIC_STRICT].p95_s,
    )


def headline(contest: Contest, service: Service) -> dict[str, Any]:
    """Return one model's entry of `ratios`: the class of service that is the default here, then both."""
    return {
        "service": service,
        **asdict(ratios(contest, service)),
        "row_ceiling": contest.row_ceiling,
        "unet_share": contest.unet_share,
        "newcomer_waits_steps": max(contest.newcomer_waits),
        "p95_of_others_with_flooder_vs_without": contest.flood.flooded_p95_s / contest.flood.alone_p95_s,
        "by_service": {name: asdict(ratios(contest, name)) for name in ("exact", "fast")},
    }


def as_data(contests: Sequence[Contest], service: Service, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of a run for a JSON file.

    Args:
        contests: one per model.
        service: the default class here.
        facts: about the run and the machine.
    """
    return {
        **facts,
        "ratios": {contest.model: headline(contest, service) for contest in contests},
        "models": {contest.model: _contest_data(contest) for contest in contests},
    }


def _contest_data(contest: Contest) -> dict[str, Any]:
    return {
        **{key: value for key, value in asdict(contest).items() if key not in ("loads", "rounds", "likeness")},
        "saturated": {name: [asdict(each) for each in rounds] for name, rounds in contest.rounds.items()},
        "loads": {
            str(load): {name: asdict(each) for name, each in by_name.items()} for load, by_name in contest.loads.items()
        },
        "likeness": {name: asdict(each) for name, each in contest.likeness.items()},
    }


def as_text(contest: Contest, service: Service) -> str:
    """Return one model's tables."""
    own = ratios(contest, service)
    lines = [
        f"{contest.model}: {contest.requests} requests, {contest.threads} CPU threads; stock diffusers draws "
        f"{contest.capacity_per_s:.2f} images/s",
        "",
        "All requests there from the start (medians of the rounds; ratios are of the same round)",
        *_table(
            ("", "images/s", "x stock", "by cpu time", "cpu s/image", "rows/step", "equal", "PSNR dB (lowest)"),
            [_saturated_row(contest, contender) for contender in Contender],
        ),
    ]
    for load, by_name in contest.loads.items():
        lines += [
            "",
            f"{load:g} times what stock diffusers can do, {load * contest.capacity_per_s:.2f} requests/s",
            *_table(
                ("", "images/s", "p50 s", "p95 s", "p99 s", "queue p50", "queue p95", "Jain", "rows/step"),
                [_load_row(contender, by_name[contender]) for contender in Contender],
            ),
        ]
    lines += [
        "",
        f"Row ceiling {contest.row_ceiling:.2f} (rows/s at 16 rows over rows/s at 2); {contest.unet_share:.0%} of a "
        f"stock picture's time is the UNet: {own.allowed_by_row_ceiling:.2f} times stock is allowed.",
        f"Easel, {service}: {own.saturated_throughput_vs_sequential:.2f} times stock, "
        f"{own.share_of_row_ceiling:.0%} of what the ceiling allows; p95 at {RATIO_LOAD:g} is "
        f"{own.p95_at_1_4_vs_static_strict:.2f} of static batching's with equal parameters.",
        f"A 10-step newcomer behind a full batch of 50-step requests waited for "
        f"{', '.join(map(str, contest.newcomer_waits))} of their steps.",
        f"One tenant sends {FLOOD_SHARE:.0%} of the traffic at {FLOOD_LOAD:g} times: the others' p95 is "
        f"{contest.flood.flooded_p95_s:.2f} s, and {contest.flood.alone_p95_s:.2f} s without it: "
        f"{contest.flood.flooded_p95_s / contest.flood.alone_p95_s:.2f} times.",
    ]
    return "\n".join(lines + (_profile_lines(contest.profile) if contest.profile else []))


def _profile_lines(profile: TimeProfile) -> list[str]:
    """Return where the step thread's time went, and that of the threads beside it."""
    counts, calls = profile.counts, profile.counts.calls
    named = {
        "UNet": counts.unet_s,
        "noise schedulers": counts.scheduler_s,
        "decode": counts.decode_s,
        "messages": counts.messages_s,
        "idle": counts.idle_s,
    }
    rest = {"packing and the rest": profile.span_s - sum(named.values())}
    beside = {
        "beside it: prompts, noise": counts.prepare_s,
        "beside it: safety gate": counts.review_s - counts.png_s,
        "beside it: PNG": counts.png_s,
    }
    return [
        "",
        f"Where the time goes with all requests at once ({calls:.0f} UNet calls of {counts.rows / calls:.1f} rows)",
        *_table(
            ("", "share", "ms/call"),
            [
                (part, f"{spent_s / profile.span_s:.0%}", f"{1000 * spent_s / calls:.2f}")
                for part, spent_s in {**named, **rest, **beside}.items()
            ],
        ),
    ]


def _saturated_row(contest: Contest, contender: Contender) -> tuple[str, ...]:
    rounds, stock, like = contest.rounds[contender], contest.rounds[Contender.SEQUENTIAL], contest.likeness[contender]
    pairs = list(zip(rounds, stock, strict=True))
    return (
        contender,
        f"{median(each.images_per_s for each in rounds):.2f}",
        f"{median(mine.images_per_s / theirs.images_per_s for mine, theirs in pairs):.2f}",
        f"{median(theirs.cpu_s_per_image / mine.cpu_s_per_image for mine, theirs in pairs):.2f}",
        f"{median(each.cpu_s_per_image for each in rounds):.3f}",
        f"{median(each.rows_per_step for each in rounds):.1f}",
        f"{like.equal:.0%}" + (f" ({like.withheld} withheld)" if like.withheld else ""),
        "" if like.psnr_db is None else f"{like.psnr_db:.0f} ({like.worst_psnr_db:.0f})",
    )


def _load_row(contender: Contender, each: Figures) -> tuple[str, ...]:
    times = (each.p50_s, each.p95_s, each.p99_s, each.queue_p50_s, each.queue_p95_s)
    return (
        contender,
        f"{each.images_per_s:.2f}",
        *(f"{time_s:.2f}" for time_s in times),
        f"{each.jain:.2f}",
        f"{each.rows_per_step:.1f}",
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [head, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in cells
    ]
