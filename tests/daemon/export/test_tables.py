"""JSON, CSV and text: figures for programs, empty where nothing was measured."""

import csv
import io

import msgspec

from sample_results import empty_stage, open_stage, result, stage
from swelld.export import as_csv, as_json, as_text
from swelld.result import Result
from swept import row, sweep_result


def parsed(document: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(document.decode())))


def test_json_is_the_result_as_it_is_stored() -> None:
    swept = sweep_result()
    assert msgspec.json.decode(as_json.render(swept), type=Result) == swept


def test_json_of_requests_is_a_list() -> None:
    assert msgspec.json.decode(as_json.render(sweep_result(), [row(0), row(1)])) == [row(0), row(1)]
    assert msgspec.json.decode(as_json.render(sweep_result(), [])) == []


def test_csv_has_a_row_for_each_stage() -> None:
    plain = open_stage(5.0, model="=cmd()")
    first, second = parsed(as_csv.render(result([plain, empty_stage()])))
    assert (first["stage"], first["model"], first["requests_ok"], first["valid"]) == ("rate=5", "'=cmd()", "95", "true")
    assert float(first["ttft_p95"]) == plain.ttft.p95
    assert float(first["corrected_e2e_p99"]) == plain.corrected.e2e.p99
    assert (float(first["goodput"]), float(first["offered_rate"])) == (0.87, 5.0)
    assert (second["ttft_p95"], second["request_rate"], second["output_tokens"]) == ("", "", "")
    assert (second["requests_failed"], second["ttft_count"]) == ("10", "0")


def test_csv_of_a_run_without_stages_has_a_head() -> None:
    assert as_csv.render(result([])) == b"run,scenario,started\n"


def test_csv_of_requests_has_every_field_and_no_formula() -> None:
    (found,) = parsed(as_csv.render(sweep_result(), [row(3, detail='=HYPERLINK("x")\n', warmup=True)]))
    assert (found["index"], found["ttft"], found["warmup"]) == ("3", "0.053", "true")
    assert found["detail"] == '\'=HYPERLINK("x")\n'
    assert (found["status"], found["text"]) == ("", "")


def test_text_is_the_report_without_colours() -> None:
    text = as_text.render(result([stage()])).decode()
    assert text.splitlines()[0].startswith("chat  completed in 1m 02s")
    assert "\x1b" not in text
