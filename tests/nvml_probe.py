"""Reads GPUs when it is told to and prints what came of it; run by a test in a process of its own.

Each line of standard input is a number of seconds by which its clock goes on before it reads.
"""

import json
import logging
import sys

from swelld_exporters.nvml.metrics import GpuMetrics
from swelld_exporters.nvml.session import Session
from swelld_exporters.prometheus import text
from swelld_exporters.prometheus.registry import Registry


def main() -> None:
    logging.basicConfig(level="INFO", format="%(levelname)s %(message)s")
    moment = 0.0
    session, registry = Session(now=lambda: moment), Registry()
    metrics = GpuMetrics(registry)
    for line in sys.stdin:
        moment += float(line)
        metrics.take(session.read())
        print(json.dumps({"page": text.render(registry).decode(), "trouble": session.trouble}), flush=True)
    session.close()


if __name__ == "__main__":
    main()
