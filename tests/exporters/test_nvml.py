"""GPUs through the real nvidia-ml-py on a fake driver library: what is shown, and what happens when things go wrong."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fake_nvml
from fake_nvml import FakeNvml

PROBE = Path(__file__).parents[1] / "nvml_probe.py"
DEADLINE = 60.0


class Probe:
    """A process that reads the fake GPUs when it is told to."""

    def __init__(self, fake: FakeNvml, log: Path) -> None:
        self.fake = fake
        self.trouble = ""
        self._log = log
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(PROBE)],
                env=fake.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def read(self, after: float = 1.0) -> dict[str, float]:
        """Series -> value of one reading, `swelld_` and the name `uuid` left out of the series."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{after}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.said()
        found = json.loads(line)
        self.trouble = found["trouble"]
        lines = [line for line in found["page"].splitlines() if not line.startswith("#")]
        return {name.removeprefix("swelld_"): float(value) for name, _, value in (x.rpartition(" ") for x in lines)}

    def said(self) -> str:
        """Its log."""
        return self._log.read_text()


@pytest.fixture(scope="module")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FakeNvml]:
    new, old = tmp_path_factory.mktemp("nvml"), tmp_path_factory.mktemp("old-nvml")
    return {"new": fake_nvml.build(new), "old": fake_nvml.build(old, old=True)}


@pytest.fixture
def probe(fakes: dict[str, FakeNvml], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Probe]:
    fake = fakes[getattr(request, "param", "new")]
    fake.answer()
    one = Probe(fake, tmp_path / "log")
    yield one
    one.process.communicate(timeout=DEADLINE)
    assert one.process.returncode == 0, one.said()


def of_gpu(number: int, series: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in series.items() if f'gpu="{number}"' in name}


def test_everything_that_a_gpu_says_in_base_units(probe: Probe) -> None:
    probe.fake.answer("0 energy 1234567", "0 utilization 87", "0 corrected 12", "0 throttle 68", "-1 count 1")
    one = 'gpu="0",uuid="GPU-0"'
    assert probe.read() == {
        f'gpu_info{{{one},pci_bus_id="00000000:1b:00.0",name="Fake H200",mig_profile="",'
        'driver_version="580.1-fake"}': 1,
        f"gpu_memory_used_bytes{{{one}}}": 1000 * 2**20,
        f"gpu_memory_free_bytes{{{one}}}": 78500 * 2**20,
        f"gpu_memory_total_bytes{{{one}}}": 80000 * 2**20,
        f"gpu_utilization_ratio{{{one}}}": 0.87,
        f"gpu_memory_utilization_ratio{{{one}}}": 0.43,
        f"gpu_temperature_celsius{{{one}}}": 55,
        f"gpu_power_watts{{{one}}}": 300,
        f"gpu_power_limit_watts{{{one}}}": 700,
        f'gpu_clock_hertz{{{one},domain="sm"}}': 1.98e9,
        f'gpu_clock_hertz{{{one},domain="memory"}}': 2.619e9,
        f'gpu_pcie_throughput_bytes_per_second{{{one},direction="receive"}}': 2e6,
        f'gpu_pcie_throughput_bytes_per_second{{{one},direction="transmit"}}': 1e6,
        f'gpu_clocks_throttled{{{one},reason="gpu_idle"}}': 0,
        f'gpu_clocks_throttled{{{one},reason="applications_clocks_setting"}}': 0,
        f'gpu_clocks_throttled{{{one},reason="sw_power_cap"}}': 1,
        f'gpu_clocks_throttled{{{one},reason="hw_slowdown"}}': 0,
        f'gpu_clocks_throttled{{{one},reason="sync_boost"}}': 0,
        f'gpu_clocks_throttled{{{one},reason="sw_thermal_slowdown"}}': 0,
        f'gpu_clocks_throttled{{{one},reason="hw_thermal_slowdown"}}': 1,
        f'gpu_clocks_throttled{{{one},reason="hw_power_brake_slowdown"}}': 0,
        f'gpu_clocks_throttled{{{one},reason="display_clock_setting"}}': 0,
        f"gpu_energy_joules_total{{{one}}}": 1234.567,
        f'gpu_ecc_errors_total{{{one},kind="corrected"}}': 12,
        f'gpu_ecc_errors_total{{{one},kind="uncorrected"}}': 0,
    }
    assert probe.said() == "INFO 1 of 1 GPUs are read\n"


def test_values_change_and_two_gpus_are_two(probe: Probe) -> None:
    first = probe.read()
    assert len(of_gpu(0, first)) == len(of_gpu(1, first)) == len(first) / 2
    probe.fake.answer("1 power 650500", "1 memory_used 70000", "1 temperature 81")
    second = probe.read()
    assert second['gpu_power_watts{gpu="1",uuid="GPU-1"}'] == 650.5
    assert second['gpu_memory_used_bytes{gpu="1",uuid="GPU-1"}'] == 70000 * 2**20
    assert second['gpu_temperature_celsius{gpu="1",uuid="GPU-1"}'] == 81
    assert second['gpu_power_watts{gpu="0",uuid="GPU-0"}'] == 300


def test_a_lost_gpu_disappears_and_is_looked_for(probe: Probe) -> None:
    probe.read()
    probe.fake.answer("1 state !15", "1 handle !15", "1 xid 79", "1 xids 1")
    lost = probe.read()
    assert of_gpu(1, lost) == {'gpu_xid_errors_total{gpu="1",uuid="GPU-1",xid="79"}': 1}  # why it is gone
    assert len(of_gpu(0, lost)) == 25
    calls = {name: value for name, value in lost.items() if name.startswith("nvml_errors")}
    assert calls == {'nvml_errors_total{call="nvmlDeviceGetUtilizationRates"}': 1}
    assert probe.said().splitlines()[1:] == ["ERROR GPU 1 (GPU-1) is lost; looking for it again from time to time"]
    handle = 'nvml_errors_total{call="nvmlDeviceGetHandleByIndex"}'
    assert handle not in probe.read(1)  # too soon
    assert probe.read(1)[handle] == 1  # after 2 s
    assert probe.read(3)[handle] == 1
    assert probe.read(1)[handle] == 2  # after 4 more
    for _ in range(6):
        probe.read(60)
    assert probe.read(59)[handle] == 8
    assert probe.read(1)[handle] == 9  # never rarer than once a minute
    probe.fake.answer("1 energy 5000")
    back = probe.read(60)
    assert len(of_gpu(1, back)) == 26
    assert back['gpu_energy_joules_total{gpu="1",uuid="GPU-1"}'] == 5
    assert back['gpu_xid_errors_total{gpu="1",uuid="GPU-1",xid="79"}'] == 1
    assert back[handle] == 9
    assert probe.said().splitlines()[-1] == "INFO 2 of 2 GPUs are read"


def test_an_energy_meter_that_starts_again_is_followed(probe: Probe) -> None:
    energy = 'gpu_energy_joules_total{gpu="0",uuid="GPU-0"}'
    probe.fake.answer("0 energy 9000000")
    assert probe.read()[energy] == 9000
    probe.fake.answer("0 energy 2000")
    assert probe.read()[energy] == 2


def test_xids_are_counted_by_their_number(probe: Probe) -> None:
    probe.fake.answer("0 xids 4", "0 xid 13")  # those before our time are not ours
    assert not [name for name in probe.read() if "xid" in name]
    probe.fake.answer("0 xids 6", "0 xid 13")
    assert probe.read()['gpu_xid_errors_total{gpu="0",uuid="GPU-0",xid="13"}'] == 2
    probe.fake.answer("0 xids 7", "0 xid 94")
    found = {name: value for name, value in probe.read().items() if "xid" in name}
    assert found == {
        'gpu_xid_errors_total{gpu="0",uuid="GPU-0",xid="13"}': 2,
        'gpu_xid_errors_total{gpu="0",uuid="GPU-0",xid="94"}': 1,
    }


def test_what_is_not_supported_is_absent_and_asked_once(probe: Probe) -> None:
    probe.fake.answer("0 energy !3", "0 corrected !3", "0 uncorrected !3", "0 events !3", "0 receive !3")
    gone = {
        'gpu_energy_joules_total{gpu="0",uuid="GPU-0"}',
        'gpu_ecc_errors_total{gpu="0",uuid="GPU-0",kind="corrected"}',
        'gpu_ecc_errors_total{gpu="0",uuid="GPU-0",kind="uncorrected"}',
        'gpu_pcie_throughput_bytes_per_second{gpu="0",uuid="GPU-0",direction="receive"}',
    }
    first = probe.read()
    sound = {name.replace('"1"', '"0"').replace("GPU-1", "GPU-0").replace("1c:", "1b:") for name in of_gpu(1, first)}
    assert sound - first.keys() == gone
    probe.fake.answer("0 energy 1000", "0 corrected 1", "0 xids 1", "0 xid 13")
    second = probe.read()
    assert gone.isdisjoint(second)
    assert not [name for name in second if "xid" in name or "nvml_errors" in name]


def test_what_is_forbidden_is_counted_once_and_what_fails_is_asked_again(probe: Probe) -> None:
    probe.fake.answer("0 transmit !4", "0 temperature !999")
    errors = 'nvml_errors_total{{call="nvmlDeviceGet{}"}}'.format
    temperature = 'gpu_temperature_celsius{gpu="0",uuid="GPU-0"}'
    probe.read()
    second = probe.read()
    assert second[errors("PcieThroughput")] == 1
    assert second[errors("Temperature")] == 2
    assert temperature not in second
    probe.fake.answer()
    third = probe.read()
    assert third[errors("Temperature")] == 2
    assert third[temperature] == 55


def test_a_driver_that_is_not_loaded_is_waited_for(probe: Probe) -> None:
    probe.fake.answer("-1 init !9")
    assert probe.read() == {}
    assert probe.trouble == (
        "the NVIDIA driver does not answer (Driver Not Loaded): load the NVIDIA driver, and in a container ask for it "
        "with NVIDIA_DRIVER_CAPABILITIES=utility"
    )
    assert probe.read(2) == {}
    assert probe.said() == f"INFO no GPU metrics: {probe.trouble}\n"  # once
    probe.fake.answer()
    assert probe.read(3) == {}
    found = probe.read(1)
    assert (len(of_gpu(0, found)), len(of_gpu(1, found))) == (25, 25)
    assert not [name for name in found if "nvml_errors" in name]  # nothing that worked has failed
    assert probe.trouble == ""


def test_a_driver_that_goes_away_takes_every_gpu_along(probe: Probe) -> None:
    probe.read()
    probe.fake.answer("0 state !1", "1 state !1", "-1 init !9")
    assert probe.read() == {'nvml_errors_total{call="nvmlDeviceGetUtilizationRates"}': 1}
    assert probe.said().splitlines()[-1] == "ERROR no GPU metrics: the NVIDIA driver is gone"
    assert probe.read(2)['nvml_errors_total{call="nvmlInit"}'] == 1
    probe.fake.answer()
    assert len(of_gpu(0, probe.read(10))) == 25


def test_no_gpu_is_said_once(probe: Probe) -> None:
    probe.fake.answer("-1 count 0")
    assert probe.read() == {}
    assert probe.read(10) == {}
    text = "the NVIDIA driver shows no GPU: in a container, it has to be given one"
    assert (probe.trouble, probe.said()) == (text, f"INFO no GPU metrics: {text}\n")


def test_without_the_library_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    probe = Probe(FakeNvml(tmp_path), tmp_path / "log")  # a folder without a library
    try:
        found = probe.read()
        if found:
            pytest.skip("this machine has the library itself")
        assert probe.read(1000) == {}
        said = probe.said()
    finally:
        probe.process.communicate(timeout=DEADLINE)
    reason = "libnvidia-ml.so.1 is not on this machine; it comes with the NVIDIA driver"
    assert (probe.trouble, said) == (reason, f"INFO no GPU metrics: {reason}\n")


def test_mig_devices_stand_beside_their_gpu(probe: Probe) -> None:
    probe.fake.answer("0 mig 1", "0 parts 2", "0 utilization !3", "-1 count 1")
    found = probe.read()
    assert not [name for name in found if "utilization" in name or "nvml_errors" in name]
    assert found['gpu_power_watts{gpu="0",uuid="GPU-0"}'] == 300
    parts = {name: value for name, value in found.items() if 'gpu="0:' in name}
    info = 'pci_bus_id="00000000:1b:00.0",name="Fake H200",mig_profile="1g.18gb",driver_version="580.1-fake"'
    for number in range(2):
        one = f'gpu="0:{number}",uuid="MIG-0-{number}"'
        assert parts.pop(f"gpu_info{{{one},{info}}}") == 1
        assert parts.pop(f"gpu_memory_used_bytes{{{one}}}") == 512 * 2**20
        assert parts.pop(f"gpu_memory_free_bytes{{{one}}}") == (80000 - 500 - 512) * 2**20
        assert parts.pop(f"gpu_memory_total_bytes{{{one}}}") == 80000 * 2**20
    assert parts == {}
    probe.fake.answer("0 mig 1", "0 parts 1", "-1 count 1")
    assert not [name for name in probe.read() if 'gpu="0:1"' in name]


@pytest.mark.parametrize("probe", ["old"], indirect=True)
def test_an_old_driver_lacks_functions(probe: Probe) -> None:
    found = probe.read()
    one = 'gpu="0",uuid="GPU-0"'
    assert found[f"gpu_memory_used_bytes{{{one}}}"] == 1500 * 2**20  # it counts what is reserved, too
    assert found[f'gpu_clocks_throttled{{{one},reason="sw_power_cap"}}'] == 1
    assert found[f"gpu_temperature_celsius{{{one}}}"] == 55
    assert len(of_gpu(0, found)) == 25
    assert not [name for name in found if "nvml_errors" in name]


def test_every_gpu_metric_of_the_catalogue_can_appear(probe: Probe) -> None:
    from swelld_exporters.names import CATALOGUE

    probe.read()
    probe.fake.answer("0 xids 1", "0 xid 13", "0 temperature !999")
    shown = {re.split(r"[{ ]", name)[0] for name in {**probe.read(), **probe.read()}} | {"gpu_temperature_celsius"}
    known = {
        metric.name.removeprefix("swelld_") for metric in CATALOGUE if re.match(r"swelld_(gpu|nvml)_", metric.name)
    }
    assert shown == known
