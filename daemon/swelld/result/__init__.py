"""The result of a run as it is written to `result.json`: schema `swelld.result/1`, seconds and ratios throughout.

A value that could not be measured is null or absent, never 0.
"""

from swelld.result.contention import (
    Contention,
    ContentionFigure,
)
from swelld.result.figures import (
    QUANTILES,
    ChecksFound,
    Corrected,
    Cost,
    ErrorCount,
    Goodput,
    ObjectiveShare,
    Requests,
    StandardError,
    Statistics,
    Tokens,
)
from swelld.result.gpu import (
    GpuSummary,
    GpuUse,
)
from swelld.result.progress import (
    Progress,
)
from swelld.result.search import (
    Kind,
    Saturation,
    SearchLevel,
    SearchResult,
    Why,
)
from swelld.result.server import (
    Figure,
    ServerCheck,
    ServerLevel,
    ServerResult,
    ServerTimeline,
)
from swelld.result.sessions import (
    Sessions,
    TurnFigures,
)
from swelld.result.stage import (
    LevelChange,
    Phases,
    StageResult,
    Validity,
)
from swelld.result.whole import (
    SCHEMA_NAME,
    Finding,
    Result,
    RunInfo,
)

__all__ = [
    "QUANTILES",
    "SCHEMA_NAME",
    "ChecksFound",
    "Contention",
    "ContentionFigure",
    "Corrected",
    "Cost",
    "ErrorCount",
    "Figure",
    "Finding",
    "Goodput",
    "GpuSummary",
    "GpuUse",
    "Kind",
    "LevelChange",
    "ObjectiveShare",
    "Phases",
    "Progress",
    "Requests",
    "Result",
    "RunInfo",
    "Saturation",
    "SearchLevel",
    "SearchResult",
    "ServerCheck",
    "ServerLevel",
    "ServerResult",
    "ServerTimeline",
    "Sessions",
    "StageResult",
    "StandardError",
    "Statistics",
    "Tokens",
    "TurnFigures",
    "Validity",
    "Why",
]
