"""An Excel workbook, unpacked and read."""

import io
import re
import xml.etree.ElementTree as ET
import zipfile

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class Book:
    """Sheets of cells, by name and place."""

    def __init__(self, document: bytes) -> None:
        self.archive = zipfile.ZipFile(io.BytesIO(document))
        strings = ["".join(t.text or "" for t in si.iter(f"{MAIN}t")) for si in self._xml("xl/sharedStrings.xml")]
        names = [sheet.get("name", "") for sheet in self._xml("xl/workbook.xml").iter(f"{MAIN}sheet")]
        self.sheets: dict[str, dict[str, str | float]] = {}
        for number, name in enumerate(names, start=1):
            self.sheets[name] = {}
            for cell in self._xml(f"xl/worksheets/sheet{number}.xml").iter(f"{MAIN}c"):
                value = cell.findtext(f"{MAIN}v")
                if value is not None:
                    text = cell.get("t") == "s"
                    self.sheets[name][cell.get("r", "")] = strings[int(value)] if text else float(value)

    def _xml(self, path: str) -> ET.Element:
        return ET.fromstring(self.archive.read(path))

    def row(self, sheet: str, number: int) -> list[str | float]:
        return [value for place, value in self.sheets[sheet].items() if re.fullmatch(rf"[A-Z]+{number}", place)]

    def column(self, sheet: str, head: str) -> list[str | float | None]:
        """What stands below a head of the first row."""
        cells = self.sheets[sheet]
        letter = next(
            place[:-1]
            for place, value in cells.items()
            if place.endswith("1") and value == head and place[:-1].isalpha()
        )
        last = max(int(re.sub(r"\D", "", place)) for place in cells)
        return [cells.get(f"{letter}{line}") for line in range(2, last + 1)]

    def range_of_chart(self, number: int) -> tuple[int, int]:
        """The first and the last row of the sheet `Stages` that a chart draws."""
        text = self.archive.read(f"xl/charts/chart{number}.xml").decode()
        (found,) = set(re.findall(r"Stages!\$[A-Z]+\$(\d+):\$[A-Z]+\$(\d+)", text))
        return int(found[0]), int(found[1])

    def formulas(self) -> list[str]:
        return [
            name
            for name in self.archive.namelist()
            if name.startswith("xl/worksheets/") and b"<f>" in self.archive.read(name)
        ]
