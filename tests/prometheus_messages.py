"""io.prometheus.client read by the real protobuf library: the messages of a delimited page."""

import importlib
from functools import cache
from typing import Any, Final

_FIELDS: Final = {
    "LabelPair": "name=1:string value=2:string",
    "Gauge": "value=1:double",
    "Timestamp": "seconds=1:int64 nanos=2:int32",
    "Exemplar": "label=1*:LabelPair value=2:double timestamp=3:Timestamp",
    "Counter": "value=1:double exemplar=2:Exemplar",
    "BucketSpan": "offset=1:sint32 length=2:uint32",
    "Bucket": "cumulative_count=1:uint64 upper_bound=2:double exemplar=3:Exemplar",
    "Histogram": "sample_count=1:uint64 sample_sum=2:double bucket=3*:Bucket schema=5:sint32 zero_threshold=6:double "
    "zero_count=7:uint64 negative_span=9*:BucketSpan negative_delta=10*:sint64 positive_span=12*:BucketSpan "
    "positive_delta=13*:sint64",
    "Metric": "label=1*:LabelPair gauge=2:Gauge counter=3:Counter histogram=7:Histogram",
    "MetricFamily": "name=1:string help=2:string type=3:int32 metric=4*:Metric unit=5:string",
}
"""Message -> name=number:type of its fields, * for repeated ones; a type in capitals is a message of this table."""

COUNTER, GAUGE, HISTOGRAM = 0, 1, 4


@cache
def _message_classes() -> dict[str, Any]:
    pb2 = importlib.import_module("google.protobuf.descriptor_pb2")
    pool = importlib.import_module("google.protobuf.descriptor_pool").DescriptorPool()
    factory = importlib.import_module("google.protobuf.message_factory")
    file = pb2.FileDescriptorProto(name="metrics.proto", package="client", syntax="proto2")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for text in fields.split():
            label, _, kind = text.partition(":")
            key, _, number = label.partition("=")
            field = message.field.add(name=key, number=int(number.rstrip("*")))
            field.label = field.LABEL_REPEATED if number.endswith("*") else field.LABEL_OPTIONAL
            if kind in _FIELDS:
                field.type, field.type_name = field.TYPE_MESSAGE, f".client.{kind}"
            else:
                field.type = getattr(field, f"TYPE_{kind.upper()}")
    pool.Add(file)
    return {name: factory.GetMessageClass(pool.FindMessageTypeByName(f"client.{name}")) for name in _FIELDS}


def families(page: bytes) -> dict[str, Any]:
    """The families by name; fails on anything that is not of the format."""
    family_class = _message_classes()["MetricFamily"]
    varint = importlib.import_module("google.protobuf.internal.decoder")._DecodeVarint32
    found: dict[str, Any] = {}
    place = 0
    while place < len(page):
        size, start = varint(page, place)
        place = start + size
        assert place <= len(page), "the last message is cut off"
        family = family_class.FromString(page[start:place])
        assert not list(importlib.import_module("google.protobuf.unknown_fields").UnknownFieldSet(family))
        assert family.name not in found
        found[family.name] = family
    return found


def labels(message: Any) -> dict[str, str]:
    """Of a metric or an exemplar."""
    return {pair.name: pair.value for pair in message.label}


def native_buckets(histogram: Any) -> dict[int, int]:
    """Index -> count of the positive buckets of a native histogram, the empty ones left out."""
    deltas = iter(histogram.positive_delta)
    found, index, count = {}, 0, 0
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            count += next(deltas)
            if count:
                found[index] = count
            index += 1
    assert next(deltas, None) is None, "more counts than buckets"
    return found
