"""Adds up the JUnit files of a test run: prints `N passed, N failed`, fails when one failed or none ran."""

import sys
import xml.etree.ElementTree
from pathlib import Path


def count(file: Path) -> tuple[int, int, int]:
    """(passed, failed, skipped) of one file, whether ctest or pytest wrote it."""
    cases = list(xml.etree.ElementTree.parse(file).getroot().iter("testcase"))
    failed = sum(any(case.find(tag) is not None for tag in ("failure", "error")) for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    return len(cases) - failed - skipped, failed, skipped


def main(folder: Path) -> int:
    counts = {file.stem: count(file) for file in sorted(folder.glob("*.xml"))}
    for name, (passed, failed, skipped) in counts.items():
        print(f"  {name}: {passed} passed, {failed} failed, {skipped} skipped")
    passed, failed, skipped = (sum(column) for column in zip(*counts.values()))
    total = f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
    (folder / "total").write_text(total + "\n")
    print(total)
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
