"""The `OTEL_*` variables: which one counts, and what is said of one that cannot be used."""

from pathlib import Path

import pytest

from swelld_exporters.otlp.environment import Destination, Environment, Signal, Wanted
from swelld_exporters.otlp.settings import OtlpSettings
from swelld_exporters.prometheus.registry import Registry

PREFIX = "OTEL_EXPORTER_OTLP_"


NOTHING = Wanted()


def of(variables: dict[str, str], signal: Signal = "traces", wanted: Wanted = NOTHING) -> Destination:
    found = {(name if name.startswith("OTEL_") else PREFIX + name): value for name, value in variables.items()}
    return Environment(found).destination(signal, wanted)


def test_without_a_word_it_goes_where_every_collector_listens() -> None:
    assert of({}) == Destination("http/protobuf", "http://localhost:4318/v1/traces")
    assert of({}, "metrics").url == "http://localhost:4318/v1/metrics"
    assert of({"PROTOCOL": "grpc"}) == Destination("grpc", "localhost:4317")


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"ENDPOINT": "http://c:4318"}, "http://c:4318/v1/traces"),
        ({"ENDPOINT": "http://c:4318/base/"}, "http://c:4318/base/v1/traces"),
        ({"ENDPOINT": "http://c:4318", "TRACES_ENDPOINT": "http://t:1/in"}, "http://t:1/in"),
        ({"ENDPOINT": "http://c:4318", "METRICS_ENDPOINT": "http://m:1/in"}, "http://c:4318/v1/traces"),
        ({"ENDPOINT": " "}, "http://localhost:4318/v1/traces"),
    ],
)
def test_a_signals_own_endpoint_is_whole_and_comes_first(variables: dict[str, str], url: str) -> None:
    assert of(variables).url == url


@pytest.mark.parametrize(
    ("variables", "to"),
    [
        ({"ENDPOINT": "http://c:4317"}, ("c:4317", False)),
        ({"ENDPOINT": "https://c:4317"}, ("c:4317", True)),
        ({"ENDPOINT": "c:4317"}, ("c:4317", True)),
        ({"ENDPOINT": "c:4317", "INSECURE": "true"}, ("c:4317", False)),
        ({"ENDPOINT": "https://c:4317", "INSECURE": "true"}, ("c:4317", True)),
        ({"TRACES_ENDPOINT": "http://t:1"}, ("t:1", False)),
    ],
)
def test_grpc_takes_tls_from_the_scheme_or_else_from_insecure(variables: dict[str, str], to: tuple[str, bool]) -> None:
    found = of({"PROTOCOL": "grpc", **variables})
    assert (found.url, found.secure) == to


def test_settings_come_before_variables() -> None:
    wanted = Wanted("http://s:1", "http/protobuf", {"A": "settings"}, 3.0, "none")
    variables = {"ENDPOINT": "http://c:2", "PROTOCOL": "grpc", "HEADERS": "a=env,b=env", "TIMEOUT": "7"}
    found = of(variables | {"COMPRESSION": "gzip"}, wanted=wanted)
    assert found == Destination(
        "http/protobuf", "http://s:1/v1/traces", {"a": "settings", "b": "env"}, timeout=3.0, gzip=False
    )


def test_the_rest_is_read(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()
    found = of(
        {
            "HEADERS": " authorization=Basic%20abc%3D , x=1,",
            "TRACES_TIMEOUT": "2.5",
            "TIMEOUT": "9",
            "COMPRESSION": "gzip",
            "CERTIFICATE": str(file),
            "CLIENT_CERTIFICATE": str(file),
            "TRACES_CLIENT_KEY": str(file),
        }
    )
    assert found.headers == {"authorization": "Basic abc=", "x": "1"}
    assert (found.timeout, found.gzip) == (2.5, True)
    assert (found.ca_file, found.cert_file, found.key_file) == (file, file, file)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json': use http/protobuf or grpc"),
        ({"TRACES_PROTOCOL": "x"}, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is 'x'"),
        ({"COMPRESSION": "zstd"}, "COMPRESSION is 'zstd': use gzip or none"),
        ({"TIMEOUT": "soon"}, "OTEL_EXPORTER_OTLP_TIMEOUT is 'soon': write a number"),
        ({"ENDPOINT": "c:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT is 'c:4318': write http://HOST:PORT"),
        ({"HEADERS": "abc"}, "OTEL_EXPORTER_OTLP_HEADERS has a part without `=`"),
        ({"CERTIFICATE": "/no/such.pem"}, "OTEL_EXPORTER_OTLP_CERTIFICATE names /no/such.pem, which is no file"),
    ],
)
def test_what_cannot_be_used_is_named(variables: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        of(variables)


@pytest.mark.parametrize(
    ("name", "argument", "ratio"),
    [
        ("", "", None),
        ("always_on", "0.5", 1.0),
        ("parentbased_always_on", "", 1.0),
        ("always_off", "", 0.0),
        ("traceidratio", "0.25", 0.25),
        ("parentbased_traceidratio", "", 1.0),
    ],
)
def test_the_sampler_is_a_share(name: str, argument: str, ratio: float | None) -> None:
    assert Environment({"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument}).sampler() == ratio


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote"}, "OTEL_TRACES_SAMPLER is 'jaeger_remote': use always_on"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, "write a share from 0 to 1"),
    ],
)
def test_an_unknown_sampler_is_named(variables: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Environment(variables).sampler()


def test_the_version_of_the_conventions_may_be_written_as_a_number() -> None:
    assert OtlpSettings.model_validate({"semconv": 1.41}).semconv == "1.41"


@pytest.mark.parametrize(
    ("settings", "variables", "share", "names"),
    [
        ({}, {}, None, []),
        ({"enabled": True}, {}, 0.01, ["otlp"]),
        ({"enabled": True}, {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, 0.5, ["otlp"]),
        ({"enabled": True, "sample_ratio": 0}, {"OTEL_TRACES_SAMPLER": "always_on"}, 0.0, ["otlp"]),
        ({"enabled": True}, {"OTEL_TRACES_SAMPLER": "always_off"}, None, []),
        ({"enabled": True}, {"OTEL_SDK_DISABLED": "True"}, None, []),
        ({"enabled": True, "metrics": {"enabled": True}}, {"OTEL_TRACES_EXPORTER": "none"}, None, ["otlp_metrics"]),
        ({"enabled": True, "metrics": {"enabled": True}}, {"OTEL_METRICS_EXPORTER": "none"}, 0.01, ["otlp"]),
        ({"enabled": True, "traces": False, "metrics": {"enabled": True}}, {}, None, ["otlp_metrics"]),
    ],
)
def test_what_is_exported_follows_from_both(
    settings: dict[str, object],
    variables: dict[str, str],
    share: float | None,
    names: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    otlp = OtlpSettings.model_validate(settings)
    assert otlp.head_sampling() == share
    opened = otlp.open(Registry())
    assert [outlet.name for outlet in opened.exchanges] == names
    assert len(opened.runs) == ("otlp" in names)
