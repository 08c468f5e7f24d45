"""The catalogue: every metric once, with its type, unit, labels, exact meaning and buckets."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from swelld.measurement import STALL_FACTOR, STALL_SECONDS


class MetricType(StrEnum):
    """The types of the Prometheus data model that are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it stands on the wire; `buckets` are upper bounds without +Inf, for histograms only."""

    name: str
    type: MetricType
    unit: str
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


REQUEST: Final = ("scenario", "target", "model", "stage")
_SLO: Final = ("scenario", "target", "model", "slo")


def _counter(name: str, unit: str, text: str, labels: tuple[str, ...] = REQUEST) -> Metric:
    return Metric(f"swelld_{name}_total", MetricType.COUNTER, unit, labels, text)


def _gauge(name: str, unit: str, text: str, labels: tuple[str, ...] = REQUEST) -> Metric:
    return Metric(f"swelld_{name}", MetricType.GAUGE, unit, labels, text)


def _histogram(name: str, buckets: tuple[float, ...], text: str, labels: tuple[str, ...] = REQUEST) -> Metric:
    unit = "seconds" if name.endswith("_seconds") else "tokens"
    return Metric(f"swelld_{name}", MetricType.HISTOGRAM, unit, labels, text, buckets)


# Bounds hold those of vLLM's own histograms where both measure the same, so that their panels line up.
A: Final = (
    *(0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75),
    *(1.0, 1.5, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0),
)
"""Seconds until something arrives."""
I: Final = (  # noqa: E741 - the tables are known by these letters
    *(0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0),
)
"""Seconds between tokens."""
E: Final = (
    *(0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0),
)
"""Seconds for a whole answer."""
L: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Seconds that ought to be none: lags, connects, our own work."""
K: Final = tuple(float(digit * 10**power) for power in range(6) for digit in (1, 2, 5) if digit * 10**power <= 200_000)
"""Tokens: 1-2-5 from 1 to 200,000."""

BUCKET_TABLES: Final = {"A": A, "I": I, "E": E, "L": L, "K": K}

# Requests
REQUESTS_STARTED = _counter(
    "requests_started",
    "requests",
    "Requests begun: those that have ended, whatever their outcome, and those under way. Dropped arrivals never began.",
)
REQUESTS = _counter(
    "requests",
    "requests",
    "Requests that ended, each with exactly one outcome: ok rejected throttled failed unreachable timeout truncated "
    "garbled cancelled, or dropped if it was due but never sent.",
    (*REQUEST, "outcome"),
)
REQUESTS_IN_FLIGHT = _gauge("requests_in_flight", "requests", "Requests begun and not yet ended.")
REQUEST_ERRORS = _counter(
    "request_errors",
    "requests",
    "Requests that did not end well, by the one reason why. Dropped arrivals are not among them.",
    (*REQUEST, "error_type"),
)
CONTENTION_ERRORS = _counter(
    "contention_errors",
    "requests",
    "Errors that speak of too much load: timeouts, and answers 429 and 503. A part of swelld_request_errors_total.",
)
ARRIVALS_DROPPED = _counter(
    "arrivals_dropped",
    "arrivals",
    "Arrivals that were due but never sent. Reason in_flight_limit: as many requests were open as the stage allows.",
    (*REQUEST, "reason"),
)
REQUESTS_WITHHELD = _counter(
    "requests_withheld",
    "requests",
    "Requests of an open loop that were not sent when they fell due, because something held them back: budget, yield "
    "(the server has users to serve), paused, or the target's ceiling. They are neither started nor dropped, and in no "
    "objective.",
    ("scenario", "target", "reason"),
)
OFFERED_RATE = _gauge(
    "offered_requests_per_second",
    "requests per second",
    "Rate at which the open-loop schedule makes requests due now, sent or dropped, but not withheld. Absent in a "
    "closed loop.",
)
ACTIVE_USERS = _gauge(
    "active_users",
    "users",
    "Users of the closed loop that have started, not yet finished, and are not held back. Absent in an open loop.",
    ("scenario", "stage"),
)

# Time; failures never enter these, they have a distribution of their own
SCHEDULE_LAG = _histogram(
    "schedule_lag_seconds", L, "How much later than due a request was sent: sent - due. Open loop only."
)
CONNECT_DURATION = _histogram(
    "connect_duration_seconds",
    L,
    "Time to open a new connection, TLS included and name lookup not. Reused connections are not counted.",
)
TTFB = _histogram(
    "time_to_first_byte_seconds",
    A,
    "From the request's bytes having left to the first byte of the answer's body. Good answers only.",
)
TTFT = _histogram(
    "time_to_first_token_seconds",
    A,
    "From the request's bytes having left to the first non-empty token of any kind: content, reasoning or tool call. "
    "A role-only chunk is no token. Good streamed answers only.",
)
TTFO = _histogram(
    "time_to_first_answer_token_seconds",
    A,
    "From the request's bytes having left to the first token that is not reasoning. Good streamed answers only.",
)
TTFT_CORRECTED = _histogram(
    "time_to_first_token_corrected_seconds",
    A,
    "Time to first token counted from when the request was due instead of sent: free of coordinated omission. "
    "Open loop only.",
)
ITL = _histogram(
    "inter_token_latency_seconds",
    I,
    "Every gap between consecutive token-bearing events of an answer; one event may carry several tokens, see "
    "swelld_output_tokens_per_chunk. Good streamed answers only.",
)
TPOT = _histogram(
    "time_per_output_token_seconds",
    I,
    "(last token - first token) / (output tokens - 1) of an answer; undefined, not 0, for one token or less "
    "and where all tokens came in one event. Good streamed answers only.",
)
E2E = _histogram(
    "request_duration_seconds",
    E,
    "From the request's bytes having left to the last token, or to the end of the body without streaming. "
    "Good answers only.",
)
E2E_CORRECTED = _histogram(
    "request_duration_corrected_seconds",
    E,
    "Request duration counted from when the request was due instead of sent: free of coordinated omission. "
    "Open loop only.",
)
FAILED_DURATION = _histogram(
    "failed_request_duration_seconds",
    E,
    "How long requests took that did not end well: sent to end; if never sent, from when it was due, or in a "
    "closed loop a connection was asked for. Dropped arrivals are not among them.",
)

# Tokens
INPUT_TOKENS = _counter(
    "input_tokens",
    "tokens",
    "Tokens in the prompts of good answers, by who counted them: server or tokenizer.",
    (*REQUEST, "source"),
)
OUTPUT_TOKENS = _counter(
    "output_tokens",
    "tokens",
    "Tokens in good answers, by who counted them: server (its usage), else tokenizer, else events (one token each).",
    (*REQUEST, "source"),
)
CACHED_INPUT_TOKENS = _counter(
    "cached_input_tokens",
    "tokens",
    "Prompt tokens that the server says it took from its cache. Absent until it says so once.",
)
REASONING_TOKENS = _counter(
    "reasoning_tokens", "tokens", "Output tokens that the server says were reasoning. Absent until it says so once."
)
TOKEN_MISMATCHES = _counter(
    "token_count_mismatches",
    "requests",
    "Answers for which the server's count of output tokens and the target's own tokenizer disagree.",
)
REQUEST_INPUT_TOKENS = _histogram("request_input_tokens", K, "Prompt tokens of each good answer.")
REQUEST_OUTPUT_TOKENS = _histogram("request_output_tokens", K, "Output tokens of each good answer.")
TOKENS_PER_CHUNK = _histogram(
    "output_tokens_per_chunk",
    K,
    "Output tokens of a good streamed answer divided by its token-bearing events: above 1 the server joins tokens.",
)
RESENDS = _counter(
    "request_resends",
    "requests",
    "Requests sent again because a reused connection turned out to be closed by the server; not counted as errors.",
)

STREAM_STALLS = _counter(
    "stream_stalls",
    "stalls",
    f"Gaps between consecutive token-bearing events of an answer that were longer than {STALL_SECONDS:g} s and than "
    f"{STALL_FACTOR:g} times the answer's median gap. Good streamed answers only: a stream that never went on is a "
    "timeout.",
)
TRUNCATED = _counter(
    "responses_truncated",
    "requests",
    "Answers that broke off: the connection ended before the answer did (outcome truncated). An answer that ends at "
    "its token limit is complete.",
)

RESPONSE_CHECKS = _counter(
    "response_checks",
    "responses",
    "Good answers whose text was looked at by the scenario's checks: a share of all of them. Absent without checks.",
)
RESPONSE_CHECK_FAILURES = _counter(
    "response_check_failures",
    "responses",
    "Good answers that failed a check, by the first one that they failed: non_empty finish_reason json regex "
    "repetition. Nothing else changes by it: they are good requests with their times.",
    (*REQUEST, "check"),
)

# Objectives
SLO_EVENTS = _counter(
    "slo_events",
    "requests",
    "Scheduled requests judged by the objective: all of them, also failed, timed out and dropped ones. Warm-up and "
    "windows in which the client was the bottleneck are left out.",
    (*REQUEST, "slo"),
)
SLO_BAD_EVENTS = _counter(
    "slo_bad_events",
    "requests",
    "Judged requests that missed the objective, by the first reason: a threshold (ttft tpot itl e2e), or error "
    "timeout dropped cancelled.",
    (*REQUEST, "slo", "reason"),
)
SLO_OBJECTIVE = _gauge(
    "slo_objective_ratio", "ratio", "Share of the scheduled requests that the objective asks to be good, 0 to 1.", _SLO
)
SLO_THRESHOLD = _gauge(
    "slo_threshold_seconds",
    "seconds",
    "Threshold of the objective. metric: ttft tpot e2e, or itl, for the longest gap of an answer.",
    (*_SLO, "metric"),
)
GOODPUT = _counter("goodput_requests", "requests", "Judged requests that met every threshold of the objective.")

# Runs and targets
RUN_STATE = _gauge(
    "run_state",
    "",
    "1 for the state that the scenario's latest run is in, 0 for the others: pending, until the first stage begins; "
    "warmup, until the first measured request of a stage has ended; running; draining, once nothing new is sent; and "
    "at the end completed failed cancelled interrupted. All are 0 for a scenario that has not been run.",
    ("scenario", "state"),
)
RUN_INFO = _gauge(
    "run_info",
    "",
    "1 for each of the latest runs, 50 at most, with how it ended and a hash of the configuration it had.",
    ("scenario", "run_id", "state", "hash"),
)
RUNS_STARTED = _counter(
    "runs_started",
    "runs",
    "Runs begun. cause: start, of the daemon; continuous; schedule, a moment of its `every` or `cron`; catch_up, for "
    "moments that were missed; asked, by somebody.",
    ("scenario", "cause"),
)
SCHEDULE_MISSED = _counter(
    "schedule_missed",
    "moments",
    "Moments of a schedule that went by unnoticed, because the daemon was down, the machine slept or its clock was set "
    "forwards, whether or not one run made up for them. A pause misses nothing.",
    ("scenario",),
)
SCHEDULE_SKIPPED = _counter(
    "schedule_skipped",
    "runs",
    "Runs that fell due and were left out, because another run of the scenario was under way or waiting.",
    ("scenario",),
)
SCENARIO_NEXT_FIRE = _gauge(
    "scenario_next_fire_timestamp_seconds",
    "Unix seconds",
    "When the scenario's next run begins by itself. Absent while it is paused or runs without end, and if it is only "
    "run when asked.",
    ("scenario",),
)
SCENARIO_PAUSED = _gauge(
    "scenario_paused", "", "1 while the scenario is paused: nothing begins by itself, 0 otherwise.", ("scenario",)
)
TARGET_UP = _gauge(
    "target_up",
    "",
    "1 if the target answered any of the exchanges that ended last (ok, rejected or throttled), 0 if it answered none.",
    ("target",),
)
TARGET_LAST_SUCCESS = _gauge(
    "target_last_success_timestamp_seconds",
    "Unix seconds",
    "When the latest good answer of the target was complete. Absent until there was one.",
    ("target",),
)
CONNECTIONS_OPEN = _gauge(
    "connections_open", "connections", "Connections to the target that are open, idle or busy.", ("scenario", "target")
)
CONNECTIONS_LIMIT = _gauge(
    "connections_limit",
    "connections",
    "Most connections to the target that may be open at a time; requests beyond it wait, and the wait is in the lag.",
    ("scenario", "target"),
)

# What load costs, and what it makes room for
_BUDGET: Final = ("scenario", "target", "what", "window")
COST = _counter(
    "cost",
    "currency",
    "Cost of the tokens of good answers and their prompts at the target's prices, warm-up included. Absent without a "
    "price.",
    ("scenario", "target", "model", "currency"),
)
BUDGET_USED = _gauge(
    "budget_used_ratio",
    "ratio",
    "Share of a budget that is used up in the present window; it can get above 1 by what was under way. scenario or "
    "target: whose budget it is, the other one is empty. what: requests tokens cost. window: the hour or day of UTC.",
    _BUDGET,
)
BUDGET_EXHAUSTED = _gauge(
    "budget_exhausted", "", "1 while a budget is used up and nothing is sent on it, 0 otherwise.", _BUDGET
)
YIELD_FACTOR = _gauge(
    "yield_factor",
    "ratio",
    "Share of the load on a target that the scenario sends, to make room for the target's users, 0 to 1. Absent "
    "without `yield_to_users` and while no run goes on.",
    ("scenario", "target"),
)

# The latest runs in figures, for tables and for batch users; what goes on is in the histograms above
_RUN: Final = ("scenario", "run_id")
_LAST_RUN: Final = (*REQUEST, "run_id")
_LAST_RUN_STAT: Final = (*_LAST_RUN, "stat")


def _last_run(name: str, unit: str, text: str, labels: tuple[str, ...] = _LAST_RUN) -> Metric:
    return _gauge(f"last_run_{name}", unit, text, labels)


LAST_RUN_START = _last_run("start_timestamp_seconds", "Unix seconds", "When the run began.", _RUN)
LAST_RUN_DURATION = _last_run("duration_seconds", "seconds", "How long the run took, warm-up and drain included.", _RUN)
LAST_RUN_TTFT = _last_run(
    "ttft_seconds",
    "seconds",
    "Time to first token of the stage's good answers. stat: mean min p50 p90 p95 p99 max, of the run's own "
    "distribution, where a quantile is known to 0.14 %. So for all that have this label.",
    _LAST_RUN_STAT,
)
LAST_RUN_ITL = _last_run("itl_seconds", "seconds", "Inter-token latency of the stage's good answers.", _LAST_RUN_STAT)
LAST_RUN_TPOT = _last_run(
    "tpot_seconds", "seconds", "Time per output token of the stage's good answers.", _LAST_RUN_STAT
)
LAST_RUN_E2E = _last_run("e2e_seconds", "seconds", "Duration of the stage's good answers.", _LAST_RUN_STAT)
LAST_RUN_REQUESTS = _last_run(
    "requests", "requests", "Measured requests that were scheduled, dropped arrivals among them."
)
LAST_RUN_ERROR_RATIO = _last_run(
    "error_ratio", "ratio", "Failed requests as a share of those that ended well or failed, 0 to 1."
)
LAST_RUN_CONTENTION_RATIO = _last_run(
    "contention_error_ratio",
    "ratio",
    "Requests that timed out or got 429 or 503, as a share of those that ended well or failed, 0 to 1.",
)
LAST_RUN_GOODPUT_RATIO = _last_run(
    "goodput_ratio",
    "ratio",
    "Requests that met every threshold as a share of all that were scheduled, 0 to 1. Absent without an objective.",
)
LAST_RUN_REQUEST_RATE = _last_run(
    "requests_per_second", "requests per second", "Good answers per second of the measured window."
)
LAST_RUN_TOKEN_RATE = _last_run(
    "output_tokens_per_second", "tokens per second", "Output tokens of good answers per second of the measured window."
)
LAST_RUN_ACTIVE_USERS = _last_run(
    "active_users", "users", "Users of the stage's closed loop, those of all targets together. Absent in an open loop."
)
LAST_RUN_CONTENTION_LOSS = _last_run(
    "contention_loss_ratio",
    "ratio",
    "How much worse a figure was beside the run's other targets than alone: 0.25 is a quarter more time, or a quarter "
    "less throughput; of goodput, the difference of the shares. Below 0 it was better. figure: ttft_p50 ttft_p95 "
    "tpot_p50 tpot_p95 e2e_p50 e2e_p95 request_rate output_token_rate goodput. Only with `contention: solo_first`.",
    (*_LAST_RUN, "figure"),
)
LAST_RUN_MARGIN = _last_run(
    "margin_ratio",
    "ratio",
    "How far chance alone moves a figure: half the width of its 95 % interval, as a share of the figure; of goodput "
    "and error_rate, as the difference of the shares. figure: ttft_p95 itl_p95 e2e_p95 request_rate output_token_rate "
    "goodput error_rate. Absent where too few requests tell.",
    (*_LAST_RUN, "figure"),
)
LAST_RUN_CAPACITY = _last_run(
    "capacity",
    "requests per second, or users",
    "Loads that a search found, as kind says: rate (requests per second) or concurrency (users). what: carried (the "
    "highest that met the objective), carried_for_sure, missed (the lowest that did not), missed_for_sure, bend (where "
    "good answers stop to grow with the load), best (where they were most), errors_begin (the lowest with timeouts, "
    "429 or 503), limit_low and limit_high (where to operate: 70 and 80 % of the carried load, in whole users). Those "
    "that were not found are absent.",
    (*_RUN, "kind", "what"),
)
LAST_RUN_SEARCH_INFO = _last_run(
    "search_info",
    "",
    "Always 1. ended: why the search was over: precise (it knew the capacity closely enough), max (all was carried up "
    "to the highest level that was to be tried), nothing (not even the lowest level was carried), doubt (swelld was "
    "the bottleneck, or something held the load back), time or requests (it had used them up), stopped.",
    (*_RUN, "kind", "ended"),
)
LAST_RUN_VALID = _last_run(
    "valid", "", "1 if swelld itself kept up, 0 if a part of the stage measured the client instead of the server."
)

# What the targets' own metrics say, read while runs go on
_SERVER: Final = ("scenario", "target", "engine")
SERVER_WAITING = _gauge(
    "server_requests_waiting",
    "requests",
    "Requests in the server's own queue, by its own metrics. Absent while no run goes on.",
    _SERVER,
)
SERVER_RUNNING = _gauge(
    "server_requests_running",
    "requests",
    "Requests that the server works on, by its own metrics. Absent while no run goes on.",
    _SERVER,
)
SERVER_KV_CACHE = _gauge(
    "server_kv_cache_usage_ratio",
    "ratio",
    "Share of the server's KV cache in use, 0 to 1, by its own metrics; of several caches the fullest. Absent while no "
    "run goes on.",
    _SERVER,
)
SERVER_PREFIX_QUERIES = _counter(
    "server_prefix_cache_queries_tokens",
    "tokens",
    "Prompt tokens that the server looked up in its prefix cache while runs went on, by its own metrics.",
    _SERVER,
)
SERVER_PREFIX_HITS = _counter(
    "server_prefix_cache_hits_tokens",
    "tokens",
    "Prompt tokens that the server found in its prefix cache while runs went on, by its own metrics.",
    _SERVER,
)
SERVER_PREEMPTIONS = _counter(
    "server_preemptions",
    "requests",
    "Requests that lost their place in the server's batch to others while runs went on, by its own metrics.",
    _SERVER,
)
SERVER_SCRAPE_UP = _gauge(
    "server_scrape_up",
    "",
    "1 if the target's own metrics could be read the last time, 0 if not. Absent while no run goes on, and for a "
    "target that has none where swelld looks by itself (`url: auto`).",
    _SERVER,
)
SERVER_SCRAPE_DURATION = _gauge(
    "server_scrape_duration_seconds", "seconds", "How long it took to read the target's own metrics last.", _SERVER
)

# The GPUs of the machine that swelld runs on
_GPU: Final = ("gpu", "uuid")
GPU_INFO = _gauge(
    "gpu_info",
    "",
    "1 for each GPU that the driver shows swelld. gpu: its number; a MIG device is N:M and has its profile. All other "
    "GPU metrics have only gpu and uuid; what a GPU does not support is absent.",
    (*_GPU, "pci_bus_id", "name", "mig_profile", "driver_version"),
)
GPU_MEMORY_USED = _gauge("gpu_memory_used_bytes", "bytes", "Memory in use, without what the driver reserves.", _GPU)
GPU_MEMORY_FREE = _gauge("gpu_memory_free_bytes", "bytes", "Memory that is free.", _GPU)
GPU_MEMORY_TOTAL = _gauge(
    "gpu_memory_total_bytes", "bytes", "Memory in all: used, free and reserved by the driver.", _GPU
)
GPU_UTILIZATION = _gauge(
    "gpu_utilization_ratio",
    "ratio",
    "Share of the driver's last sample period (1/6 to 1 s) in which any kernel ran, 0 to 1. It does not say how much "
    "of the GPU the kernels filled. Absent on a GPU with MIG on.",
    _GPU,
)
GPU_MEMORY_UTILIZATION = _gauge(
    "gpu_memory_utilization_ratio",
    "ratio",
    "Share of the driver's last sample period in which memory was read or written, 0 to 1: a matter of bandwidth, "
    "not of how full the memory is.",
    _GPU,
)
GPU_TEMPERATURE = _gauge("gpu_temperature_celsius", "degrees Celsius", "Temperature of the GPU's core.", _GPU)
GPU_POWER = _gauge(
    "gpu_power_watts", "watts", "Power drawn by the board, as the driver has it: averaged over up to a second.", _GPU
)
GPU_POWER_LIMIT = _gauge("gpu_power_limit_watts", "watts", "Power above which the driver slows the GPU down.", _GPU)
GPU_CLOCK = _gauge("gpu_clock_hertz", "hertz", "Clock rate now. domain: sm or memory.", (*_GPU, "domain"))
GPU_PCIE_THROUGHPUT = _gauge(
    "gpu_pcie_throughput_bytes_per_second",
    "bytes per second",
    "PCIe traffic over the latest 20 ms. direction, as the GPU sees it: receive or transmit.",
    (*_GPU, "direction"),
)
GPU_CLOCKS_THROTTLED = _gauge(
    "gpu_clocks_throttled",
    "",
    "1 for each reason that holds the clocks down now, 0 for the others.",
    (*_GPU, "reason"),
)
GPU_ENERGY = _counter("gpu_energy_joules", "joules", "Energy used since the driver was loaded.", _GPU)
GPU_ECC_ERRORS = _counter(
    "gpu_ecc_errors",
    "errors",
    "Memory errors since the driver was loaded. kind: corrected or uncorrected.",
    (*_GPU, "kind"),
)
GPU_XID_ERRORS = _counter(
    "gpu_xid_errors",
    "errors",
    "Critical errors that the driver reported while swelld looked, by NVIDIA's XID number. Stays when the GPU is lost.",
    (*_GPU, "xid"),
)
NVML_ERRORS = _counter(
    "nvml_errors",
    "calls",
    "Calls to the NVIDIA driver that failed. A call that a GPU or the driver does not support is no failure: it is "
    "tried once and left alone.",
    ("call",),
)

# Probes: the first two on /metrics, the others on the page of a probe alone, where the scraper adds the labels
PROBES = _counter(
    "probes",
    "probes",
    "Probes that were carried out, by module. result: success or failure.",
    ("module", "result"),
)
PROBES_REFUSED = _counter(
    "probes_refused",
    "probes",
    "Probes that were not carried out. reason: busy (as many are under way as may be), unknown (module or target), "
    "not_allowed (address), unusable (a secret, certificate or header of the target).",
    ("reason",),
)
PROBE_SUCCESS = _gauge(
    "probe_success", "", "1 if every exchange of the probe ended well and passed the checks, 0 if not.", ()
)
PROBE_DURATION = _gauge("probe_duration_seconds", "seconds", "How long the probe took, all in all.", ())
PROBE_TIMEOUT = _gauge(
    "probe_timeout_seconds",
    "seconds",
    "How long the probe may have taken: the timeout of its module, or what the scrape left if that is less.",
    (),
)
PROBE_EXCHANGES = _gauge(
    "probe_exchanges", "requests", "Exchanges that were begun; the first that fails is the last.", ()
)
PROBE_FAILURE = _gauge(
    "probe_failure",
    "",
    "1 for the reason why the probe failed, 0 for the others: an error_type of swelld_request_errors_total, check (the "
    "answer is not what was expected), or deadline (its time was over).",
    ("reason",),
)
PROBE_CHECK_FAILED = _gauge(
    "probe_check_failed", "", "1 for the check of the module that an answer failed, 0 for its others.", ("check",)
)
PROBE_STATUS = _gauge("probe_http_status_code", "", "HTTP status of the last exchange. Absent if no answer came.", ())
PROBE_LOOKUP = _gauge(
    "probe_dns_lookup_seconds", "seconds", "Time to look up the addresses of the target. Absent for a Unix socket.", ()
)
PROBE_CONNECT = _gauge(
    "probe_connect_seconds", "seconds", "Time to open the connection, TLS included and name lookup not.", ()
)
PROBE_TTFB = _gauge(
    "probe_ttfb_seconds",
    "seconds",
    "Time to first byte, as in swelld_time_to_first_byte_seconds. Of good answers only, of several their median; so "
    "for the other figures of answers.",
    (),
)
PROBE_TTFT = _gauge("probe_ttft_seconds", "seconds", "Time to first token. Absent if the answer is not streamed.", ())
PROBE_TPOT = _gauge(
    "probe_tpot_seconds", "seconds", "Time per output token after the first. Absent for one token or less.", ()
)
PROBE_E2E = _gauge("probe_e2e_seconds", "seconds", "From the request's bytes having left to the last token.", ())
PROBE_INPUT_TOKENS = _gauge(
    "probe_input_tokens", "tokens", "Tokens of the prompt. Absent if the server does not say.", ()
)
PROBE_OUTPUT_TOKENS = _gauge(
    "probe_output_tokens", "tokens", "Tokens of the answer, by the server, or else the events that carried any.", ()
)
PROBE_CERTIFICATE_EXPIRY = _gauge(
    "probe_certificate_expiry_timestamp_seconds",
    "Unix seconds",
    "When the server's own certificate expires. Absent without TLS, where it is not verified, and where the server "
    "closed the connection.",
    (),
)

# Service discovery
_KIND: Final = ("kind",)
DISCOVERED_TARGETS = _gauge(
    "discovered_targets", "targets", "Targets that are found now and used. kind: file, dns or http.", _KIND
)
DISCOVERY_IGNORED = _gauge(
    "discovery_ignored_targets",
    "targets",
    "Targets that are found now and not used. reason: invalid, name_taken or overflow (there are too many).",
    (*_KIND, "reason"),
)
DISCOVERY_REFRESHES = _counter(
    "discovery_refreshes", "looks", "Looks at a place where targets are found: a file, a name or a URL.", _KIND
)
DISCOVERY_REFRESH_FAILURES = _counter(
    "discovery_refresh_failures",
    "looks",
    "Looks at a place that failed; what it said last still holds, unless it is a file that is gone.",
    _KIND,
)

# Exporters
_EXPORTER: Final = ("exporter",)
OUTLET_QUEUE_LENGTH = _gauge(
    "outlet_queue_length",
    "exchanges",
    "Exchanges that an exporter's outlet holds: those that wait and those being exported.",
    _EXPORTER,
)
OUTLET_EXPORTED = _counter(
    "outlet_exported", "exchanges", "Exchanges that the exporter's receiver has taken.", _EXPORTER
)
OUTLET_DROPPED = _counter(
    "outlet_dropped",
    "exchanges",
    "Exchanges that were lost on the way out: the outlet was full (the newest are refused), the receiver refused them "
    "for good or could not be reached for too long, or there was no time left at the end.",
    _EXPORTER,
)
OUTLET_FAILURES = _counter(
    "outlet_failures", "exports", "Exports of a batch that failed, those that were tried again among them.", _EXPORTER
)
SPANS_EXPORTED = _counter("spans_exported", "spans", "Spans that the OTLP receiver has taken.", ())
SPANS_DROPPED = _counter(
    "spans_dropped",
    "spans",
    "Spans that were never tried: the outlet was full, or there was no time left at the end.",
    (),
)
SPANS_FAILED = _counter(
    "spans_failed",
    "spans",
    "Spans that the OTLP receiver refused for good, or that were tried in vain for too long.",
    (),
)
OTLP_METRICS_EXPORTS = _counter(
    "otlp_metrics_exports", "exports", "Exports of metrics to the OTLP receiver that were tried.", ()
)
OTLP_METRICS_FAILURES = _counter(
    "otlp_metrics_export_failures",
    "exports",
    "Exports of metrics to the OTLP receiver that failed. Nothing is lost by it: the next one holds the same totals.",
    (),
)

# The instrument itself
CLIENT_SATURATED = _gauge(
    "client_saturated",
    "",
    "1 while swelld itself is the bottleneck of the scenario (event-loop lag, CPU): what it measures then is not the "
    "server's doing.",
    ("scenario",),
)
EVENT_LOOP_LAG = _histogram(
    "event_loop_lag_seconds", L, "How much later than asked the event loop of a load process woke up.", ("shard",)
)
SHARD_CPU = _counter("shard_cpu_seconds", "seconds", "CPU time of a load process, user and system.", ("shard",))
MEASUREMENT_ERROR = _histogram(
    "measurement_error_seconds",
    L,
    "What the instrument adds to a time to first token: the reported one minus the one that the calibration's "
    "simulator follows (from reading the request to writing the first token), of each good exchange with it. It holds "
    "the simulator's own lateness and the way over loopback, so it is an upper bound. Values below zero cannot come "
    "about and are not cut off: one would be in the lowest bucket. Absent without a calibration.",
    ("scenario",),
)
EXPOSITION_DURATION = _histogram(
    "exposition_duration_seconds",
    L,
    "Time it took to render this page, by format; it shows on the next scrape.",
    ("format",),
)
PUSHES = _counter("pushes", "pushes", "Pushes to the Pushgateway that were tried.", ())
PUSH_FAILURES = _counter("push_failures", "pushes", "Pushes to the Pushgateway that it did not accept in time.", ())
PUSH_LAST_SUCCESS = _gauge(
    "push_last_success_timestamp_seconds",
    "Unix seconds",
    "When the Pushgateway last accepted a push. Absent until it did, and in what is pushed first.",
    (),
)
STORE_UP = _gauge(
    "store_up",
    "",
    "1 if the store of runs did what it was last asked, 0 if it did not: runs go on, and what they come to is kept in "
    "memory and in files until it works again.",
    (),
)
STORE_WRITES = _counter("store_writes", "writes", "Times that the state of a run was written to the store.", ())
STORE_WRITE_FAILURES = _counter(
    "store_write_failures",
    "writes",
    "Writes to the store that failed; they are tried again. reason: full (disk), readonly, locked (SQLite), "
    "unreachable, refused (this run alone, not tried again), other.",
    ("reason",),
)
STORE_PENDING = _gauge("store_pending_runs", "runs", "Runs whose newest state waits to be written to the store.", ())
STORE_LOST = _counter(
    "store_lost", "runs", "Runs whose newest state was given up: too many waited, or the store refused it.", ()
)
LABEL_OVERFLOW = _counter(
    "label_overflow",
    "series",
    "Series that were refused because the metric already had as many as it may have. Their values are lost.",
    ("metric",),
)
BUILD_INFO = _gauge("build_info", "", "1, with the version of swelld and of Python as labels.", ("version", "python"))
READY = _gauge(
    "ready", "", "1 while the scenarios are armed; 0 when swelld is being stopped and drains what is under way.", ()
)
COMPLAINTS = _gauge(
    "complaints", "", "What swelld finds wrong with itself, a load process that hangs say: /-/healthy tells.", ()
)
CONFIG_INFO = _gauge("config_info", "", "1, with a hash of the effective configuration as label.", ("hash",))
CONFIG_RELOAD_OK = _gauge(
    "config_last_reload_successful",
    "",
    "1 if the configuration was taken over the last time it was read, 0 if it was refused and the one before it stays.",
    (),
)
CONFIG_RELOAD_TIME = _gauge(
    "config_last_reload_success_timestamp_seconds",
    "Unix seconds",
    "When the configuration in force was read.",
    (),
)

CATALOGUE: Final = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""
