"""Which format an Accept header gets."""

import pytest

from swelld_exporters.prometheus.negotiation import Format, negotiate

PROTO = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_42_NATIVE = f"{PROTO},{PROMETHEUS_2_42.replace('text;version=1.0.0', 'text;version=1.0.0;q=0.8')}"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_NATIVE = f"{PROTO};escaping=allow-utf-8;q=0.7,{PROMETHEUS_3}"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/*", Format.TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", Format.TEXT),
        ("text/plain", Format.TEXT),
        ("text/plain;version=0.0.4", Format.TEXT),
        ("application/json", Format.TEXT),
        (PROMETHEUS_2_42, Format.OPENMETRICS),
        (PROMETHEUS_2_42_NATIVE, Format.PROTOBUF),
        (PROMETHEUS_3, Format.OPENMETRICS),
        (PROMETHEUS_3_NATIVE, Format.PROTOBUF),
        # quality before order, order among equals
        (f"{PROTO};q=0.3,{OPENMETRICS};q=0.5,text/plain;q=0.4", Format.OPENMETRICS),
        (f"text/plain,{OPENMETRICS},{PROTO}", Format.TEXT),
        (f"{OPENMETRICS},text/plain,{PROTO}", Format.OPENMETRICS),
        (f"{OPENMETRICS};q=0.50 , {PROTO} ; q=0.500", Format.OPENMETRICS),
        (f"text/plain;q=0.5,{PROTO}", Format.PROTOBUF),
        # not wanted
        (f"{PROTO};q=0,{OPENMETRICS};q=0.1", Format.OPENMETRICS),
        (f"{OPENMETRICS};q=0,*/*", Format.TEXT),
        ("text/plain;q=0,*/*;q=0.5", Format.OPENMETRICS),
        (f"{OPENMETRICS};q=2,text/plain;q=0.1", Format.TEXT),
        (f"{OPENMETRICS};q=high,text/plain;q=0.1", Format.TEXT),
        # the entry that names a type most exactly holds for it, wherever it stands
        (f"*/*;q=0.9,text/plain;q=0.1,{PROTO};q=0.2,{OPENMETRICS};q=0.3", Format.OPENMETRICS),
        ("application/*,text/plain;q=0.5", Format.OPENMETRICS),
        # versions and parameters that are not ours
        ("application/openmetrics-text", Format.OPENMETRICS),
        ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", Format.TEXT),
        ("application/openmetrics-text;version=2.0.0", Format.TEXT),
        ("application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.2",
         Format.OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", Format.TEXT),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", Format.TEXT),
        (f"{PROTO.replace('delimited', 'text')},{OPENMETRICS};q=0.5", Format.OPENMETRICS),
        ("application/vnd.google.protobuf", Format.TEXT),
        ("application/vnd.google.protobuf;proto=other.Message;encoding=delimited", Format.TEXT),
        # however it is written
        (f'{PROTO.replace("delimited", chr(34) + "delimited" + chr(34))}', Format.PROTOBUF),
        (PROTO.upper(), Format.PROTOBUF),
        ('application/openmetrics-text; version="1.0.0"; charset=UTF-8', Format.OPENMETRICS),
        (", ,;q=1,", Format.TEXT),
    ],
)  # fmt: skip
def test_the_most_wanted_format_that_there_is(accept: str, expected: Format) -> None:
    assert negotiate(accept) is expected
