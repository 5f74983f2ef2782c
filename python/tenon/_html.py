"""Small tables for notebooks."""

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenon import Engine, Port, RefitReport

MOST_ROWS = 20  # of one kind


def _table(title: str, rows: Iterable[tuple[str, ...]]) -> str:
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><caption>{escape(title)}</caption><tbody>{body}</tbody></table>"


def _ports(kind: str, ports: "list[Port]") -> list[tuple[str, ...]]:
    return [(kind, port.name[:200], f"{port.dtype}[{', '.join(map(str, port.shape))}]") for port in ports]


def _some(kind: str, rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    more = len(rows) - MOST_ROWS
    return rows[:MOST_ROWS] + ([(kind, f"… {more} more", "")] if more > 0 else [])


def engine_table(engine: "Engine") -> str:
    weights = [
        ("weight", name[:200], f"{weight.dtype}[{', '.join(map(str, weight.shape))}]") for name, weight in engine.weights.items()
    ]
    state = f"version {engine.version}" if engine.ready else "not ready"
    rows = _ports("input", engine.inputs) + _ports("output", engine.outputs) + _some("weight", weights)
    return _table(f"Engine on {engine.device}, {state}", rows)


def report_table(report: "RefitReport") -> str:
    kinds = {"changed": report.changed, "kept": report.kept}
    rows: list[tuple[str, ...]] = []
    for kind, names in kinds.items():
        rows += _some(kind, [(kind, name[:200], "") for name in names])
    rows += _some("ignored", [("ignored", name[:200], report.reasons[name]) for name in report.ignored])
    rows += [("overflowed", name[:200], f"{count} values") for name, count in report.overflowed.items()]
    title = f"Refit to version {report.version}: {report.bytes:,} bytes in {1e3 * report.seconds:.3f} ms"
    return _table(title, rows)
