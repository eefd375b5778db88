"""Turns readings into tables, ratios and the verdict on each goal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median

from bench.gateway.measure import Memory, Reading
from bench.gateway.workloads import Workload

DIRECT = "direct"
SUBJECT = "roundhouse"
SOAK_GROWTH_LIMIT_MB = 4.0

Metric = Callable[[Reading], float | None]


def _rps(reading: Reading) -> float | None:
    return reading.rps


def _p50(reading: Reading) -> float | None:
    return reading.p50_us


def _cpu_request(reading: Reading) -> float | None:
    return reading.cpu_request_us


def _cpu_event(reading: Reading) -> float | None:
    return reading.cpu_event_us


@dataclass(frozen=True)
class Ratio:
    """Median, lowest and highest of the ratios of the single rounds."""

    middle: float
    low: float
    high: float
    rounds: int


@dataclass
class Results:
    """Everything one run of the benchmark found.

    `readings[workload][candidate]` holds one reading per round (None where the window failed). Starts are in
    seconds; `soak` holds pairs of requests sent so far and memory.
    """

    readings: dict[str, dict[str, list[Reading | None]]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    starts: dict[str, list[float]] = field(default_factory=dict)
    idle: dict[str, Memory] = field(default_factory=dict)
    after: dict[str, Memory] = field(default_factory=dict)
    soak: list[tuple[int, Memory]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, workload: str, candidate: str, reading: Reading | None) -> None:
        """Files the reading of one round."""
        self.readings.setdefault(workload, {}).setdefault(candidate, []).append(reading)

    def valid(self, workload: str, candidate: str) -> list[Reading]:
        """The readings that may be quoted."""
        rounds = self.readings.get(workload, {}).get(candidate, [])
        return [reading for reading in rounds if reading is not None and reading.valid]

    def middle(self, workload: str, candidate: str, metric: Metric) -> float | None:
        """Median over the rounds."""
        found = [metric(reading) for reading in self.valid(workload, candidate)]
        values = [value for value in found if value is not None]
        return median(values) if values else None

    def ratio(self, workload: str, top: str, bottom: str, metric: Metric) -> Ratio | None:
        """`top` divided by `bottom`, round by round, since what disturbs one round disturbs both."""
        row = self.readings.get(workload, {})
        found = []
        for above, below in zip(row.get(top, []), row.get(bottom, []), strict=False):
            if above is None or below is None or not (above.valid and below.valid):
                continue
            over, under = metric(above), metric(below)
            if over is not None and under:
                found.append(over / under)
        return Ratio(median(found), min(found), max(found), len(found)) if found else None

    def soak_growth_mb(self) -> float | None:
        """Growth of PSS over the last four fifths of the soak; the first fifth fills caches and pools."""
        if len(self.soak) < 5:
            return None
        settled = self.soak[len(self.soak) // 5][1]
        return self.soak[-1][1].pss_mb - settled.pss_mb


@dataclass(frozen=True)
class Goal:
    """One speed goal: `most` is the highest value allowed, `least` the lowest."""

    text: str
    value: Callable[[Results], float | None]
    spread: Callable[[Results], Ratio | None] = lambda _: None
    most: float | None = None
    least: float | None = None

    def met(self, results: Results) -> bool | None:
        """None: not measured in this run."""
        value = self.value(results)
        if value is None:
            return None
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)


def _ratio_goal(
    text: str,
    workload: str,
    bottom: str,
    metric: Metric,
    most: float | None = None,
    least: float | None = None,
) -> Goal:
    def spread(results: Results) -> Ratio | None:
        return results.ratio(workload, SUBJECT, bottom, metric)

    def value(results: Results) -> float | None:
        found = spread(results)
        return found.middle if found else None

    return Goal(text, value, spread, most, least)


def _start_median(results: Results) -> float | None:
    starts = results.starts.get(SUBJECT)
    return median(starts) if starts else None


def _idle_pss(results: Results) -> float | None:
    memory = results.idle.get(SUBJECT)
    return memory.pss_mb if memory else None


GOALS = (
    _ratio_goal("c16 requests/s, times LiteLLM >= 50", "c16", "litellm", _rps, least=50),
    _ratio_goal("c1 p50, times nginx <= 3", "c1", "nginx", _p50, most=3),
    _ratio_goal("c16 CPU per request, times nginx <= 8", "c16", "nginx", _cpu_request, most=8),
    _ratio_goal("paced16 CPU per event, times nginx <= 3.5", "paced16", "nginx", _cpu_event, most=3.5),
    _ratio_goal("m1 (1 MB) p50, times direct <= 10", "m1", DIRECT, _p50, most=10),
    Goal("start to first answer, s <= 1.5", _start_median, most=1.5),
    Goal("idle memory (PSS), MB <= 90", _idle_pss, most=90),
    Goal(
        f"memory growth in the soak, MB <= {SOAK_GROWTH_LIMIT_MB:g}",
        Results.soak_growth_mb,
        most=SOAK_GROWTH_LIMIT_MB,
    ),
)


def _cell(value: float | None, width: int, digits: int = 0) -> str:
    return f"{'-' if value is None else f'{value:.{digits}f}':>{width}}"


def _notes(rounds: list[Reading | None]) -> str:
    notes = {note for reading in rounds if reading is not None for note in reading.notes}
    if any(reading is None for reading in rounds):
        notes.add("FAILED")
    return " ".join(sorted(notes))


def _ratio_cell(ratio: Ratio | None, width: int) -> str:
    if ratio is None:
        return _cell(None, width)
    return _cell(ratio.middle, width, 2 if ratio.middle < 10 else 1 if ratio.middle < 100 else 0)


def workload_table(results: Results, workload: Workload) -> Iterator[str]:
    """The rows of one workload, candidates in the order they ran."""
    yield f"\n{workload.name}: {workload.title}"
    per = "cpu/evt" if workload.stream else "cpu/req"
    yield (
        f"{'candidate':<11}{'req/s':>8}{'xLite':>7}{'p50 us':>10}{'/ngx':>7}{'/direct':>8}{'p99 us':>9}"
        f"{'ttft50':>9}{per:>9}{'/ngx':>6}{'util':>6}{'gwcore':>7}{'ldcore':>7}{'err':>5}"
        + (f"{'delay50':>9}{'delay99':>9}" if workload.stream else "")
    )
    cpu = _cpu_event if workload.stream else _cpu_request
    for name, rounds in results.readings.get(workload.name, {}).items():

        def middle(metric: Metric, name: str = name) -> float | None:
            return results.middle(workload.name, name, metric)

        def ratio(bottom: str, metric: Metric, name: str = name) -> Ratio | None:
            return results.ratio(workload.name, name, bottom, metric) if name != bottom else None

        line = f"{name:<11}{_cell(middle(_rps), 8, 0 if (middle(_rps) or 0) >= 100 else 1)}"
        line += _ratio_cell(ratio("litellm", _rps), 7)
        line += _cell(middle(_p50), 10) + _ratio_cell(ratio("nginx", _p50), 7)
        line += _ratio_cell(ratio(DIRECT, _p50), 8) + _cell(middle(lambda r: r.p99_us), 9)
        line += _cell(middle(lambda r: r.ttft50_us), 9) + _cell(middle(cpu), 9, 1)
        line += _ratio_cell(ratio("nginx", cpu), 6) + _cell(middle(lambda r: r.util), 6, 2)
        line += _cell(middle(lambda r: r.gateway_core), 7, 2) + _cell(middle(lambda r: r.load_core), 7, 2)
        line += f"{sum(reading.errors for reading in rounds if reading is not None):>5}"
        if workload.stream:
            line += _cell(middle(lambda r: r.delay50_us), 9) + _cell(middle(lambda r: r.delay99_us), 9)
        yield f"{line}  {_notes(rounds)}".rstrip()


def process_table(results: Results) -> Iterator[str]:
    """Start time and memory of every candidate that has a process."""
    yield "\nstart and memory (MB = 10^6 bytes; PSS, with the resident set as upper bound in brackets)"
    yield f"{'candidate':<11}{'start s':>9}{'starts':>8}{'idle MB':>18}{'after matrix MB':>18}  version"
    for name, starts in results.starts.items():
        idle, after = results.idle.get(name), results.after.get(name)
        cells = [f"{m.pss_mb:.1f} ({m.rss_mb:.1f})" if m else "-" for m in (idle, after)]
        yield (
            f"{name:<11}{median(starts):>9.2f}{len(starts):>8}{cells[0]:>18}{cells[1]:>18}"
            f"  {results.versions.get(name, '')}"
        )


def soak_table(results: Results) -> Iterator[str]:
    """Memory along the soak."""
    if results.soak:
        yield f"\nsoak of {SUBJECT}: PSS (resident) in MB after so many requests"
        for sent, memory in results.soak:
            yield f"{sent:>12}{memory.pss_mb:>9.1f} ({memory.rss_mb:.1f})"


def goal_table(results: Results) -> Iterator[str]:
    """The goals with what was measured; the spread over the rounds in brackets."""
    yield f"\ngoals for {SUBJECT} (median of the rounds' ratios, lowest and highest in brackets)"
    for goal in GOALS:
        value, spread, met = goal.value(results), goal.spread(results), goal.met(results)
        word = {True: "met", False: "MISSED", None: "not measured"}[met]
        shown = "-" if value is None else f"{value:.2f}"
        if spread is not None and spread.rounds > 1:
            shown += f" ({spread.low:.2f} .. {spread.high:.2f})"
        yield f"  {word:<13}{goal.text:<46}{shown}"


def print_report(results: Results, workloads: list[Workload]) -> None:
    """Prints all tables."""
    for workload in workloads:
        for line in workload_table(results, workload):
            print(line)
    for table in (process_table, soak_table, goal_table):
        for line in table(results):
            print(line)
    print(
        "\ntimes and CPU in us; ratios are taken round by round; util = CPU of the candidate,"
        "\ngwcore and ldcore = use of the two cores by anybody."
        "\nERRORS, FEW, NOT-UPSTREAM, FAILED: no ratio is taken. LOAD-BOUND: the load core was full, req/s"
        "\nunderstates. BUSY: others used the gateway's core, compare CPU and not req/s."
    )
    for problem in results.problems:
        print(f"problem: {problem}")


def as_json(results: Results) -> dict[str, object]:
    """All of it for --json, single rounds included."""
    readings = {
        workload: {
            name: [reading.as_json() if reading else None for reading in rounds]
            for name, rounds in rows.items()
        }
        for workload, rows in results.readings.items()
    }
    memory = {
        moment: {name: {"pss_mb": m.pss_mb, "rss_mb": m.rss_mb} for name, m in found.items()}
        for moment, found in (("idle", results.idle), ("after", results.after))
    }
    return {
        "versions": results.versions,
        "starts_s": results.starts,
        "memory": memory,
        "soak": [{"requests": sent, "pss_mb": m.pss_mb, "rss_mb": m.rss_mb} for sent, m in results.soak],
        "goals": [{"goal": g.text, "value": g.value(results), "met": g.met(results)} for g in GOALS],
        "readings": readings,
        "problems": results.problems,
    }
