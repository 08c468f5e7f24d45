"""The reference page of the metrics, made from the catalogue."""

from collections.abc import Iterator

from swelld_exporters.names import BUCKET_TABLES, CATALOGUE, Metric

_INTRODUCTION = """\
# Metrics

<!-- Made by `make gen` from exporters/swelld_exporters/names.py: change it there. -->

What swelld serves on `/metrics`. All times are in seconds on one monotonic clock; [definitions](definitions.md) says
what each moment is. A value that could not be measured is absent, never 0. Failed requests never enter a latency
histogram: they have a counter and a histogram of their own.

Warm-up requests carry `stage="warmup"` and are never judged by an objective. Every label comes from the configuration
or from a closed set, so the number of series is bounded; beyond 1,000 series a metric takes no new ones, and
`swelld_label_overflow_total` counts those refused.

## Formats

What a scraper gets depends on its `Accept` header, with its qualities and versions; gzip on what it can unpack.

| format | what it adds |
|---|---|
| text 0.0.4 | whoever asks for nothing else gets it |
| OpenMetrics 1.0 | exemplars: `trace_id` and `span_id` of sampled exchanges on the buckets of time to first token, \
inter-token latency and request duration, corrected ones too |
| protobuf | the same exemplars, and native histograms beside the classic buckets: up to 160 buckets of 2.2 %, wider \
where values spread further |

Prometheus asks for protobuf if it takes native histograms (2.40 and later: `--enable-feature=native-histograms`; from
3.8 on: `scrape_native_histograms: true`). It then leaves the classic buckets out unless told otherwise by
`always_scrape_classic_histograms: true` (2.x: `scrape_classic_histograms`). Exemplars need
`--enable-feature=exemplar-storage`.

Series that the configuration lets one foresee are there from the start, counters at 0. Those of scenarios and targets
that are gone disappear with the next scrape. `swelld_last_run_*` are the only gauges that hold quantiles: of whole runs
that are over, 50 at most.

Beside these there are the `process_*` and `python_*` metrics of the daemon's own process, as every Prometheus client
has them.
"""


def metrics_reference() -> str:
    """The whole of docs/metrics.md."""
    return "\n".join([_INTRODUCTION, *_bucket_table(), "", *_metric_table(), ""])


def _bucket_table() -> Iterator[str]:
    yield "## Buckets\n"
    yield "Upper bounds; thresholds of a scenario's objective are added to its own histograms as exact bounds.\n"
    yield "| table | bounds |"
    yield "|---|---|"
    for letter, bounds in BUCKET_TABLES.items():
        yield f"| {letter} | {' '.join(f'{bound:g}' if bound < 1e5 else f'{bound:.0f}' for bound in bounds)} |"


def _metric_table() -> Iterator[str]:
    yield "## All metrics\n"
    yield "| name | type | unit | labels | meaning | buckets |"
    yield "|---|---|---|---|---|---|"
    letters = {bounds: letter for letter, bounds in BUCKET_TABLES.items()}
    for metric in CATALOGUE:
        yield _row(metric, letters.get(metric.buckets, ""))


def _row(metric: Metric, letter: str) -> str:
    labels = " ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.type} | {metric.unit} | {labels} | {metric.help} | {letter} |"
