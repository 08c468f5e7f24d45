"""The settings of OTLP, and what they open. Nothing of OpenTelemetry is imported before that."""

import uuid
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

import swelld
from swelld.config import Config, PositiveDuration, Secret
from swelld_exporters import names
from swelld_exporters import semconv as conventions
from swelld_exporters.otlp.choice import sampling
from swelld_exporters.otlp.environment import Environment, Signal, Wanted
from swelld_exporters.outlet import ExporterSettings, Fate, Limits, Opened, Outlet, RunOver
from swelld_exporters.prometheus.registry import Registry

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

DEFAULT_RATIO: Final = 0.01
DEFAULT_INTERVAL: Final = 60.0
_EXPONENTIAL: Final = "base2_exponential_bucket_histogram"


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, float) else value


class OtlpMetricsSettings(Config):
    """The `gen_ai.client.*` metrics of OpenTelemetry's conventions, beside what `/metrics` has."""

    enabled: bool = False
    """Whether to export metrics over OTLP, too."""
    interval: PositiveDuration | None = None
    """Between two exports; `OTEL_METRIC_EXPORT_INTERVAL` or a minute if not given."""
    histograms: Literal["explicit", "exponential"] | None = None
    """`explicit`: the bucket bounds that the conventions advise, from 10 ms on; `exponential`: of 1 % or as fine as
    160 buckets allow. `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION` or explicit if not given."""


class OtlpSettings(ExporterSettings):
    """Traces, and metrics if wanted, to an OpenTelemetry receiver. What is not given here comes from the `OTEL_*`
    variables, then from OpenTelemetry's defaults."""

    traces: bool = True
    """Whether to export traces: a span for each exchange that is sampled, failed, slow or broke the objective."""
    endpoint: str | None = None
    """`http://HOST:4318` (the path of the signal is added) or, for gRPC, `http://HOST:4317`; https for TLS."""
    protocol: Literal["http/protobuf", "grpc"] | None = None
    """How to speak to it."""
    headers: dict[str, Secret] = {}
    """Sent with every export, for credentials."""
    timeout: PositiveDuration | None = None
    """Of one export."""
    compression: Literal["none", "gzip"] | None = None
    """Of exports."""
    sample_ratio: Annotated[float | None, Field(ge=0, le=1)] = None
    """Share of the exchanges that get a span whatever becomes of them, drawn before they are sent;
    `OTEL_TRACES_SAMPLER` or 0.01 if not given."""
    max_spans_per_second: Annotated[float, Field(ge=0)] = 10.0
    """Most that are drawn in a second, per run. Failed, slow and objective-breaking exchanges are not drawn: they
    always get a span, as far as the queue goes."""
    slow: PositiveDuration | None = None
    """An exchange that takes longer always gets a span; without it none is slow."""
    semconv: Annotated[conventions.Version, BeforeValidator(_text)] = "1.41"
    """Version of the GenAI conventions: `1.41` has the names that backends know today, `latest` those after the
    renaming."""
    queue: Annotated[int, Field(gt=0)] = 8192
    """Most exchanges that wait for export; beyond it the newest are dropped, and counted."""
    metrics: OtlpMetricsSettings = OtlpMetricsSettings()
    """The `gen_ai.client.*` metrics of OpenTelemetry's conventions."""

    def open(self, registry: Registry) -> Opened:
        environment = Environment()
        told = resource() if self._wants("traces", environment) or self._wants("metrics", environment) else None
        traces = [self._traces(registry, environment, told)] if told and self._wants("traces", environment) else []
        metrics = [self._metrics(registry, environment, told)] if told and self._wants("metrics", environment) else []
        return Opened((*traces, *metrics), tuple(traces))

    def head_sampling(self) -> float | None:
        """The share of exchanges to draw before they are sent; None if no traces are exported."""
        environment = Environment()
        return self._ratio(environment) if self._wants("traces", environment) else None

    def _wants(self, signal: Signal, environment: Environment) -> bool:
        chosen = self.traces and not self._off(environment) if signal == "traces" else self.metrics.enabled
        return self.enabled and chosen and not environment.disabled and not environment.excluded(signal)

    def _off(self, environment: Environment) -> bool:
        """`always_off` in the environment means what it says: no spans, not even of failures."""
        return self.sample_ratio is None and environment.sampler() == 0.0

    def _ratio(self, environment: Environment) -> float:
        if self.sample_ratio is not None:
            return self.sample_ratio
        found = environment.sampler()
        return DEFAULT_RATIO if found is None else found

    def _traces(self, registry: Registry, environment: Environment, told: "Resource") -> "Outlet[Any]":
        from swelld_exporters.otlp.senders import sender
        from swelld_exporters.otlp.spans import Spans
        from swelld_exporters.otlp.traces import OtlpTraces

        to = environment.destination("traces", self._wanted())
        counters = {
            Fate.EXPORTED: registry.counter(names.SPANS_EXPORTED).labels(),
            Fate.DROPPED: registry.counter(names.SPANS_DROPPED).labels(),
            Fate.FAILED: registry.counter(names.SPANS_FAILED).labels(),
        }
        return Outlet(
            "otlp",
            OtlpTraces(Spans(told, self.semconv, self.slow), sender("traces", to)),
            registry,
            Limits(queue=self.queue, deadline=to.timeout + 5.0),  # the rest is for encoding
            tell=lambda fate, spans: counters[fate].inc(spans),
            choose=lambda item: isinstance(item, RunOver) or sampling(item, self.slow) is not None,
        )

    def _metrics(self, registry: Registry, environment: Environment, told: "Resource") -> "Outlet[Any]":
        from swelld_exporters.otlp.instruments import Instruments
        from swelld_exporters.otlp.metrics import OtlpMetrics
        from swelld_exporters.otlp.senders import sender

        default = environment.get("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION")
        kind = self.metrics.histograms or ("exponential" if default == _EXPONENTIAL else "explicit")
        interval = self.metrics.interval or environment.number("OTEL_METRIC_EXPORT_INTERVAL", 0.0) / 1000
        exporter = OtlpMetrics(
            Instruments(conventions.CONVENTIONS[self.semconv], kind),
            sender("metrics", environment.destination("metrics", self._wanted())),
            told,
            interval or DEFAULT_INTERVAL,
            registry,
        )
        return Outlet("otlp_metrics", exporter, registry, Limits(queue=4 * self.queue))

    def _wanted(self) -> Wanted:
        return Wanted(
            endpoint=self.endpoint,
            protocol=self.protocol,
            headers={name: value.reveal() for name, value in self.headers.items()},
            timeout=self.timeout,
            compression=self.compression,
        )


def resource() -> "Resource":
    """What swelld says of itself; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` come first."""
    from opentelemetry.sdk.resources import Resource

    told = Resource.create()
    ours = {"service.version": swelld.__version__, "service.instance.id": str(uuid.uuid4())}
    found = Resource(ours).merge(told)
    if str(told.attributes["service.name"]).startswith("unknown_service"):
        found = found.merge(Resource({"service.name": "swelld"}))
    return found
