"""Other people's clients, as their own documentation would have them started."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from install import installed, pinned_version
from native import BUILD, HERE, Unavailable

from clients.base import PROMPT_TOKENS, Ask, Client, Command, Figures, Plain, picked

SCRIPTS: Final = Path(__file__).parent
OFFLINE: Final = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def _tokenizer() -> str:
    """A folder with a small Hugging Face tokenizer, for clients that make or count tokens."""
    folder = BUILD / "tokenizer"
    if not (folder / "config.json").exists():
        sys.path.append(str(HERE.parent / "tests"))
        from tiny_model import write_hf

        write_hf(folder)
    return str(folder)


def _environment(ask: Ask) -> dict[str, str]:
    load = ask.load
    return {
        "URL": ask.server.url,
        "STREAMS": str(load.streams),
        "SECONDS": str(load.seconds or 0),
        "REQUESTS": str(load.requests or 0),
        "BODY": str(ask.body()),
        "REPORT": str(ask.folder / "report.json"),
    }


class K6(Plain):
    """k6, a script of ours."""

    name = "k6"
    differs = "a script of ours; it reads whole bodies, so its TTFT is the first byte and it has no ITL"

    def version(self) -> str:
        installed("k6", "k6")
        return pinned_version("k6")

    def command(self, ask: Ask) -> Command:
        words = [str(installed("k6", "k6")), "run", "--quiet", "--no-usage-report", "--no-color"]
        words += ["--summary-export", str(ask.folder / "report.json"), str(SCRIPTS / "k6.js")]
        return Command(words, _environment(ask))

    def read(self, ask: Ask, log: Path) -> Figures:
        metrics = json.loads((ask.folder / "report.json").read_text())["metrics"]
        waiting = metrics["http_req_waiting"]
        times = picked({"p50": waiting["p(50)"], "p99": waiting["p(99)"]}, "ttft", 1e-3)
        return times | {"ok": metrics["checks"]["passes"], "failed": metrics["checks"]["fails"]}


class Locust(Plain):
    """Locust with its fast user, a script of ours."""

    name = "locust"
    differs = "a script of ours: FastHttpUser, `json.loads` for each event, one process as by default"

    def version(self) -> str:
        installed("locust", "locust")
        return pinned_version("locust")

    def command(self, ask: Ask) -> Command:
        streams = str(ask.load.streams)
        words = [str(installed("locust", "locust")), "-f", str(SCRIPTS / "locustfile.py"), "--headless"]
        words += ["--only-summary", "--host", ask.server.url, "-u", streams, "-r", streams, "--stop-timeout", "30"]
        if ask.load.seconds:
            words += ["-t", f"{ask.load.seconds:.0f}s"]
        return Command(words, _environment(ask))

    def read(self, ask: Ask, log: Path) -> Figures:
        page = json.loads((ask.folder / "report.json").read_text())
        return {**picked(page["ttft"], "ttft"), **picked(page["itl"], "itl"), "ok": page["requests"]}


class Aiperf(Plain):
    """NVIDIA AIPerf."""

    name = "aiperf"
    differs = "server's token counts, so that it need not tokenize; ITL is its inter-chunk latency"

    def version(self) -> str:
        installed("aiperf", "aiperf")
        return pinned_version("aiperf")

    def command(self, ask: Ask) -> Command:
        load = ask.load
        words = [str(installed("aiperf", "aiperf")), "profile", "--model", "sim", "--url", ask.server.url]
        words += ["--endpoint-type", "chat", "--streaming", "--concurrency", str(load.streams)]
        words += ["--isl", str(PROMPT_TOKENS), "--isl-stddev", "0", "--osl", str(load.tokens), "--osl-stddev", "0"]
        words += ["--tokenizer", _tokenizer(), "--use-server-token-count", "--ui", "none", "--export-level", "summary"]
        words += ["--artifact-dir", str(ask.folder / "out"), "--no-gpu-telemetry", "--no-server-metrics"]
        if load.requests:
            words += ["--request-count", str(load.requests)]
        else:
            words += ["--benchmark-duration", f"{load.seconds:g}", "--benchmark-grace-period", "30"]
        return Command(words)  # told to be offline it refuses a tokenizer in a folder

    def read(self, ask: Ask, log: Path) -> Figures:
        page = json.loads((ask.folder / "out" / "profile_export_aiperf.json").read_text())
        times = picked(page["time_to_first_token"], "ttft", 1e-3) | picked(page.get("inter_chunk_latency"), "itl", 1e-3)
        return times | {
            "ok": page["request_count"]["avg"],
            "failed": (page.get("error_request_count") or {}).get("avg"),
        }


class GuideLlm(Plain):
    """GuideLLM."""

    name = "guidellm"
    differs = "its ITL is the mean of each request, not the gaps; it breaks off what is open at the end"

    def version(self) -> str:
        installed("guidellm", "guidellm")
        return pinned_version("guidellm")

    def command(self, ask: Ask) -> Command:
        load = ask.load
        end = (
            f"kind=max_requests,count={load.requests}"
            if load.requests
            else f"kind=max_duration,seconds={load.seconds:g}"
        )
        words = [str(installed("guidellm", "guidellm")), "run", "--disable-progress"]
        words += ["--backend", f"kind=openai_http,target={ask.server.url},model=sim"]
        words += ["--profile", f"kind=concurrent,streams={load.streams}", "--constraint", end]
        words += ["--data", f"kind=synthetic_text,prompt_tokens={PROMPT_TOKENS},output_tokens={load.tokens}"]
        words += ["--tokenizer", f"kind=huggingface_auto,model={_tokenizer()}"]
        words += ["--output", f"kind=json,path={ask.folder / 'report.json'}"]
        return Command(words, OFFLINE)

    def read(self, ask: Ask, log: Path) -> Figures:
        metrics = json.loads((ask.folder / "report.json").read_text())["benchmarks"][0]["metrics"]
        totals = metrics["request_totals"]

        def percentiles(name: str) -> Mapping[str, Any]:
            found: Mapping[str, Any] = metrics[name]["successful"]["percentiles"]
            return found

        times = picked(percentiles("time_to_first_token_ms"), "ttft", 1e-3)
        times |= picked(percentiles("inter_token_latency_ms"), "itl", 1e-3)
        return times | {"ok": totals["successful"], "failed": totals["errored"]}


class VllmBench(Plain):
    """`vllm bench serve`."""

    name = "vllm"
    differs = "`vllm bench serve`: a number of requests, as it knows no duration; a first role chunk is its first token"

    def version(self) -> str:
        installed("vllm", "vllm")
        return pinned_version("vllm")

    def command(self, ask: Ask) -> Command:
        load = ask.load
        words = [str(installed("vllm", "python")), str(SCRIPTS / "vllm_serve.py"), "--backend", "openai-chat"]
        words += ["--base-url", ask.server.url, "--endpoint", "/v1/chat/completions", "--model", "sim"]
        words += ["--tokenizer", _tokenizer(), "--dataset-name", "random", "--ignore-eos", "--disable-tqdm"]
        words += ["--random-input-len", str(PROMPT_TOKENS), "--random-output-len", str(load.tokens)]
        words += ["--num-prompts", str(load.expected_requests), "--max-concurrency", str(load.streams)]
        words += ["--percentile-metrics", "ttft,itl", "--metric-percentiles", "50,99", "--ready-check-timeout-sec", "0"]
        words += ["--save-result", "--result-dir", str(ask.folder), "--result-filename", "report.json"]
        return Command(words, OFFLINE)

    def read(self, ask: Ask, log: Path) -> Figures:
        page = json.loads((ask.folder / "report.json").read_text())
        found: Figures = {"ok": page["completed"], "failed": page["failed"]}
        for kind in ("ttft", "itl"):
            found |= picked({q: page[f"{q}_{kind}_ms"] for q in ("p50", "p99")}, kind, 1e-3)
        return found


class InferencePerf(Plain):
    """kubernetes-sigs/inference-perf."""

    name = "inference-perf"

    def version(self) -> str:
        installed("inference-perf", "inference-perf")
        return pinned_version("inference-perf")

    def command(self, ask: Ask) -> Command:
        installed("inference-perf", "inference-perf")
        raise Unavailable("no one has written down yet how to tell it this load")

    def read(self, ask: Ask, log: Path) -> Figures:
        return {}


PEERS: Final[tuple[Client, ...]] = (K6(), Locust(), VllmBench(), InferencePerf(), Aiperf(), GuideLlm())
