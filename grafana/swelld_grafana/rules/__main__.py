"""Writes the rules to grafana/out and the heads of the runbooks, or with --check says what of it is stale."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from swelld_grafana.rules import runbooks
from swelld_grafana.rules.alertmanager import alertmanager
from swelld_grafana.rules.catalogue import all_groups
from swelld_grafana.rules.check import problems
from swelld_grafana.rules.objectives import Objective, pyrra, sloth
from swelld_grafana.rules.options import Options
from swelld_grafana.rules.prometheus import prometheus_rule, rule_file

_OUT: Final = Path("grafana/out")
_RUNBOOKS: Final = Path("docs/runbooks")
_EXAMPLE: Final = (Objective("canary", 0.99),)
_MADE: Final = "# Made by `python -m swelld_grafana.rules`; change the rules there."
_TELL: Final = f"{_MADE}\n# The receivers tell nobody yet: add webhook_configs, email_configs or what you use."


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines stay readable."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dump(*documents: Any, head: str = _MADE) -> str:
    """YAML with keys in their order."""
    made = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"{head}\n{made}"


def outputs(options: Options, objectives: Iterable[Objective]) -> dict[str, str]:
    """File below the output folder -> its text."""
    groups, objectives = all_groups(options), tuple(objectives)
    return {
        "rules/swelld.yaml": dump(rule_file(groups, options)),
        "rules/kubernetes/prometheusrule.yaml": dump(prometheus_rule(groups, options)),
        "rules/kubernetes/sloth.yaml": dump(sloth(objectives, options)),
        "rules/kubernetes/pyrra.yaml": dump(*pyrra(objectives, options)),
        "alertmanager/alertmanager.yml": dump(alertmanager(), head=_TELL),
    }


def pages(options: Options, folder: Path) -> dict[Path, str]:
    """The runbooks with their heads made anew, and their index."""
    groups = all_groups(options)
    made = {folder / runbooks.INDEX: runbooks.index(groups)}
    for name, rules in runbooks.by_name(groups).items():
        page = folder / f"{name}.md"
        made[page] = runbooks.runbook(rules, page.read_text() if page.exists() else "")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run in the root of a checkout, or with --out anywhere."""
    given = _parser().parse_args(arguments)
    options = Options(job=given.job, runbooks=given.runbooks, grafana=given.grafana)
    if wrong := problems(all_groups(options)):
        print(*wrong, sep="\n", file=sys.stderr)
        return 1
    made = {(given.out or _OUT) / name: text for name, text in outputs(options, _objectives(given.config)).items()}
    if given.out is None:
        made |= pages(options, _RUNBOOKS)
    stale = {file: text for file, text in made.items() if not file.exists() or file.read_text() != text}
    for file, text in stale.items():
        print(f"{file} is {'stale: run `python -m swelld_grafana.rules`' if given.check else 'written'}")
        if not given.check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return 1 if given.check and stale else 0


def _parser() -> argparse.ArgumentParser:
    usual = Options()
    parser = argparse.ArgumentParser(prog="python -m swelld_grafana.rules", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    parser.add_argument("--out", type=Path, help="folder for the files (default: grafana/out, and docs/runbooks)")
    parser.add_argument("--job", default=usual.job, help="regular expression for the daemons' scrape job")
    parser.add_argument("--runbooks", default=usual.runbooks, help="URL of the folder with the runbooks")
    parser.add_argument("--grafana", default=usual.grafana, help="URL of Grafana")
    parser.add_argument("--config", type=Path, help="swelld's configuration, for Sloth and Pyrra")
    return parser


def _objectives(config: Path | None) -> tuple[Objective, ...]:
    """Those of a configuration; its secrets are not needed."""
    if config is None:
        return _EXAMPLE
    scenarios = (yaml.safe_load(config.read_text()) or {}).get("scenarios") or {}
    found = ((name, (scenario or {}).get("objectives")) for name, scenario in scenarios.items())
    return tuple(Objective(name, float(asked.get("share", 0.99))) for name, asked in found if asked)


if __name__ == "__main__":
    sys.exit(main())
