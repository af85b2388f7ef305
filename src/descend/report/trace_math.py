"""The formulas of a trace as MathML, which a browser sets and a screen reader speaks."""

from __future__ import annotations

from collections.abc import Sequence

from descend.glass.step.chain import Path, Symbol
from descend.glass.step.units import Term, UnitArithmetic
from descend.glass.step.writing import OVER_UNITS, joined, letter_of, show
from descend.report.page import escaped

TERMS_A_LINE = 4
MOST_TERMS = 24  # of a sum that is written out
FACTORS_A_LINE = 4


def unit_math(unit: UnitArithmetic) -> str:
    """z as a sum in symbols, in numbers, and what comes of it."""
    at = joined(unit.index)
    terms = list(unit.terms)
    rest: list[str] = []
    if len(terms) > MOST_TERMS:
        largest = sorted(terms, key=lambda t: -abs(t.product))[:MOST_TERMS]
        left = unit.total - sum(t.product for t in largest)
        words = f"({len(terms) - MOST_TERMS} more: {show(left)})"
        rest, terms = [f"<mtext>{escaped(words)}</mtext>"], [t for t in terms if t in largest]
    z, a = _sub("z", at), _sub("a", at)
    lines = _aligned(z, "+", [_symbols(t) for t in terms] + rest, TERMS_A_LINE)
    lines += _aligned("", "+", [_numbers(t) for t in terms] + rest, TERMS_A_LINE)
    lines += [("", "=", _number(unit.z))]
    if unit.a is not None:
        over = unit.activation in OVER_UNITS  # takes the z of all units
        argument = "<mi>z</mi>" if over else z
        value = f"<mi>{escaped(unit.activation)}</mi><mo>(</mo>{argument}<mo>)</mo><mo>=</mo>"
        lines += [(a, "=", value + _number(unit.a))]
    if unit.slope is not None:
        lines += [(_fraction("<mi>J</mi>", a), "=", _number(unit.slope))]
    delta = _sub("δ", at)
    lines += [(delta, "=", _fraction("<mi>J</mi>", z) + "<mo>=</mo>" + _number(unit.delta))]
    return _block(lines)


def path_math(path: Path) -> str:
    """The factors of one path in symbols, in numbers, and their product."""
    symbols = [_fraction(_symbol(f.upper), _symbol(f.lower)) for f in path.factors]
    numbers = [f"<mo>(</mo>{_number(f.value)}<mo>)</mo>" for f in path.factors]
    lines = _aligned("", "·", symbols, FACTORS_A_LINE) + _aligned("", "·", numbers, FACTORS_A_LINE)
    return _block([*lines, ("", "=", _number(path.product))])


def _symbols(term: Term) -> str:
    weight = _sub(letter_of(term.array), joined(term.index))
    if not term.source:
        return weight
    letter, _, index = term.source.partition("_")
    return weight + (_sub(letter, index) if index else f"<mi>{escaped(letter)}</mi>")


def _numbers(term: Term) -> str:
    weight = f"<mo>(</mo>{_number(term.weight)}<mo>)</mo>"
    return weight + (f"<mo>(</mo>{_number(term.value)}<mo>)</mo>" if term.source else "")


def _aligned(left: str, sign: str, parts: Sequence[str], a_line: int) -> list[tuple[str, str, str]]:
    """left = a sum or product, a few parts on a line."""
    cut = [parts[i : i + a_line] for i in range(0, len(parts), a_line)]
    lines = [f"<mo>{sign}</mo>".join(part) for part in cut]
    return [(left, "=", lines[0])] + [("", sign, line) for line in lines[1:]]


def _symbol(symbol: Symbol) -> str:
    """J; z or a of a unit, with its layer above; a weight."""
    if symbol.letter == "J":
        return "<mi>J</mi>"
    index = joined(symbol.index)
    if symbol.letter == "w":
        return _sub(letter_of(symbol.place), index)
    return (
        f"<msubsup><mi>{symbol.letter}</mi><mrow><mn>{escaped(index)}</mn></mrow>"
        f"<mrow><mtext>{escaped(symbol.place)}</mtext></mrow></msubsup>"
    )


def _sub(letter: str, index: str) -> str:
    if not index:
        return f"<mi>{escaped(letter)}</mi>"
    return f"<msub><mi>{escaped(letter)}</mi><mn>{escaped(index)}</mn></msub>"


def _fraction(upper: str, lower: str) -> str:
    return f"<mfrac><mrow><mo>∂</mo>{upper}</mrow><mrow><mo>∂</mo>{lower}</mrow></mfrac>"


def _number(value: float) -> str:
    """A number; one with a power of ten as a product."""
    digits, _, power = show(value).replace("-", "−").partition("e")
    if not power:
        return f"<mn>{digits}</mn>"
    return f"<mn>{digits}</mn><mo>×</mo><msup><mn>10</mn><mn>{_power(power)}</mn></msup>"


def _power(text: str) -> str:
    return str(int(text.replace("−", "-"))).replace("-", "−")


def _block(lines: Sequence[tuple[str, str, str]]) -> str:
    """Lines (left side, sign, right side), aligned at the sign."""
    rows = "".join(
        f"<mtr><mtd style='text-align:right'><mrow>{left}</mrow></mtd>"
        f"<mtd><mo>{escaped(sign)}</mo></mtd>"
        f"<mtd style='text-align:left'><mrow>{right}</mrow></mtd></mtr>"
        for left, sign, right in lines
    )
    return f"<math displaystyle='true'><mtable displaystyle='true'>{rows}</mtable></math>"
