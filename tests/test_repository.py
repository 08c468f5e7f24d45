"""What the repository promises at its front door, held against what is there."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from swelld.hub import validity
from swelld.measurement import CONTENTION, ErrorType, Outcome
from swelld.settings.loading import load_settings
from swelld_exporters.names import CATALOGUE

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NO_METRICS = {"swelld_exporters", "swelld_grafana", "swelld_version"}  # packages, and a field of the result
PAGE_NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def headings(page: Path) -> set[str]:
    """Anchors as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def links(page: Path) -> Iterator[str]:
    return (link for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in link)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def test_the_first_screen_names_the_two_commands() -> None:
    first_screen = (ROOT / "README.md").read_text().splitlines()[:20]
    assert any(line.startswith("make run ") for line in first_screen)
    assert any(line.startswith("make test ") for line in first_screen)
    assert any("docs/pictures/run.svg" in line for line in first_screen)


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        file, _, anchor = link.partition("#")
        to = page.parent / file if file else page
        assert to.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in headings(to), f"{page.name}: {link}"


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs/index.md"
    named = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert {page for page in (ROOT / "docs").glob("*.md") if page != index} <= named


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_every_configuration_shown_is_valid(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(page, "yaml")):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block)
        settings = load_settings(file, {"CHAT_API_KEY": "k"})
        assert settings.targets or settings.discovery


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_every_metric_named_is_in_the_catalogue(page: Path) -> None:
    known = {metric.name for metric in CATALOGUE}
    # behind a colon it is part of a recorded name, which is none of ours to expose
    named = set(re.findall(r"(?<!:)\bswelld_[a-z0-9_]*[a-z0-9](?![a-z0-9_*])", page.read_text())) - NO_METRICS
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} <= known


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    assert re.search(r"^## \[Unreleased\]\n\n### \w+\n\n- ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_make_help_lists_the_targets() -> None:
    command = ["make", "-C", str(ROOT), "--no-print-directory", "help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    listed = re.findall(r"^  make (\S+) ", said, re.MULTILINE)
    wanted = {"help", "run", "test", "check", "bench", "bench-quick", "gen", "test-gemma", "test-vllm"}
    assert wanted <= set(listed)
    assert len(listed) == len(set(listed))


def test_continuous_integration_checks_and_tests() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    lines = script.read_text().splitlines()
    assert "set -euo pipefail" in lines
    assert [line.split()[1] for line in lines if line.startswith("make ")] == ["check", "test"]


def test_definitions_name_every_outcome_and_error() -> None:
    page = (ROOT / "docs/definitions.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]*)\|$", page, re.MULTILINE))
    assert list(rows) == [outcome.value for outcome in Outcome]
    types = [name for cell in rows.values() for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(types) == sorted(error.value for error in ErrorType)
    contention = page[page.index("Errors of **contention**") :].partition(":")[0]
    assert set(re.findall(r"`(\w+)`", contention)) == CONTENTION


def test_definitions_state_the_rule_of_validity() -> None:
    page = " ".join((ROOT / "docs/definitions.md").read_text().split())
    assert f"more than {validity.CPU_SHARE * 100:.0f} % of a core" in page
    assert f"woke up more than {validity.LOOP_LAG * 1000:.0f} ms late" in page
    assert f"more than {validity.THROTTLED * 100:.0f} % of the time" in page
    assert f"more than {validity.SATURATED_WINDOWS * 100:.0f} % of its windows" in page
    assert f"the lag was above {validity.SCHEDULE_LAG * 1000:.0f} ms" in page


def test_whatever_make_helps_with_is_phony_and_fits_its_column() -> None:
    text = (ROOT / "Makefile").read_text()
    told = re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert set(told) == set(phony.split())
    (width,) = re.findall(r"make %-(\d+)s %s", text)
    assert int(width) == max(map(len, told))
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.py")]
    asked = {name for page in pages for name in re.findall(r"`make ([a-z-]+)`", page.read_text())}
    assert asked - set(told) == set()
