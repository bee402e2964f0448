"""Numbers written and read with format models (sql-reference/sql-format-models). Pure.

Supports fixed-position formats in decimal and hexadecimal digits, TM9 and TME; fixed-position exponents are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation

from snowflake_sandbox import errors

_ELEMENT = re.compile(
    r'"(?:[^"]|"")*"|TM9(?:\((?:\d+|ALL),\d+\))?|TME|TM|FM|FX|MI|EE+|[S$%.,DG09XB_;:=/() -]', re.IGNORECASE
)
_LITERALS = frozenset(";:=/() -")
_DIGITS = frozenset("09Xx")
_SIGNS = frozenset({"S", "MI"})
_HEXADECIMAL = 16


@dataclass(frozen=True)
class Format:
    """A parsed format model.

    Attributes:
        elements: the elements in order, in upper case except for literals and hexadecimal digits.
        whole: digits and separators before the decimal point, as a text of `0`, `9`, `X`, `x` and `,`.
        fraction: those after it.
        is_compact: whether FM removes blanks.
    """

    elements: tuple[str, ...]
    whole: str
    fraction: str
    is_compact: bool

    @property
    def is_hexadecimal(self) -> bool:
        """Whether the format has hexadecimal digits."""
        return "X" in self.whole.upper()


def parse(text: str) -> Format:
    """Parse a format model.

    Raises:
        SnowflakeError: 000002 for an element that the sandbox lacks.
    """
    elements: list[str] = []
    position = 0
    while position < len(text):
        match = _ELEMENT.match(text, position)
        if match is None or match[0][:2].upper() == "EE" or match[0].upper() == "TM":
            raise errors.not_supported(f"format '{text}'")
        element = match[0]
        elements.append(element if element[0] == '"' or element == "x" else element.upper())
        position = match.end()
    digits = "".join(
        "," if element == "G" else "." if element == "D" else element
        for element in elements
        if element[0] in "09Xx,.GD"
    )
    whole, _, fraction = digits.partition(".")
    if not digits and not any(element.startswith("TM") for element in elements):
        raise errors.not_supported(f"format '{text}'")
    return Format(tuple(elements), whole, fraction, elements.count("FM") % 2 == 1)


def write(number: str, text: str) -> str:
    """Return a number as text in a format."""
    form, value = parse(text), Decimal(number)
    if "%" in form.elements:
        value *= 100
    number_text = (
        _minimal(value, form) if any(element.startswith("TM") for element in form.elements) else _fixed(value, form)
    )
    pieces: list[str] = []
    is_written = False
    for element in form.elements:
        if element[0] == '"':
            pieces.append(element[1:-1].replace('""', '"'))
        elif element in _LITERALS or element == "%":
            pieces.append(element)
        elif element in _SIGNS and _is_fixed_place(form, element):
            pieces.append(_sign(value, element, is_compact=form.is_compact))
        elif not is_written and element[0] in "09Xx,.GDTB$":
            pieces.append(number_text)
            is_written = True
    return "".join(pieces)


def _is_fixed_place(form: Format, sign: str) -> bool:
    """Whether a sign is written at the position of its element: always for MI, after the digits for S."""
    first_digit = next(index for index, element in enumerate(form.elements) if element[0] in "09XxT.D")
    return sign == "MI" or form.elements.index("S") > first_digit


def _sign(value: Decimal, element: str, *, is_compact: bool) -> str:
    if value < 0:
        return "-"
    return "+" if element == "S" else "" if is_compact else " "


def _floating_sign(value: Decimal, form: Format) -> str:
    """Return the sign before the first digit; "" if an element elsewhere writes it."""
    if "MI" in form.elements or ("S" in form.elements and _is_fixed_place(form, "S")):
        return ""
    if form.is_hexadecimal and "S" not in form.elements:
        return ""
    return "-" if value < 0 else "+" if "S" in form.elements else " "


def _fixed(value: Decimal, form: Format) -> str:
    whole, fraction = _digits(value, form)
    positions = form.whole.replace(",", "")
    is_overflow = len(whole) > len(positions)
    if is_overflow:
        whole, fraction = "#" * len(positions), "#" * len(form.fraction)
    integer_part = _grouped(whole, form)
    dollar = "$" if "$" in form.elements else ""
    text = integer_part.lstrip(" ")
    filled = f"{_floating_sign(value, form)}{dollar}{text}".rjust(
        len(integer_part) + len(dollar) + len(_floating_sign(value, form))
    )
    if form.fraction or "." in form.elements or "D" in form.elements:
        filled += "." + (fraction if is_overflow else _without_zeros(fraction, form.fraction))
    return filled.replace(" ", "") if form.is_compact else filled


def _digits(value: Decimal, form: Format) -> tuple[str, str]:
    """Return the digits before and after the decimal point."""
    if form.is_hexadecimal:
        number = int(value.to_integral_value(ROUND_DOWN))
        width = len(form.whole.replace(",", ""))
        if number < 0 and _SIGNS.isdisjoint(form.elements):
            number += _HEXADECIMAL**width
        return f"{abs(number):{'x' if 'x' in form.whole else 'X'}}", ""
    places = len(form.fraction)
    rounded = f"{abs(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"
    whole, _, fraction = rounded.partition(".")
    if whole == "0" and ("B" in form.elements or not form.whole):
        whole = ""
    return whole, fraction


def _grouped(digits: str, form: Format) -> str:
    """Return the digits at their positions, with separators between digits; blanks at positions without a digit."""
    missing = len(form.whole.replace(",", "")) - len(digits)
    pieces: list[str] = []
    has_digit, at = False, 0
    for element in form.whole:
        if element == ",":
            pieces.append("," if has_digit else " ")
            continue
        if at >= missing:
            pieces.append(digits[at - missing])
            has_digit = True
        elif element == "0" or has_digit:
            pieces.append("0")
            has_digit = True
        else:
            pieces.append(" ")
        at += 1
    return "".join(pieces)


def _without_zeros(fraction: str, positions: str) -> str:
    """Return the digits after the decimal point; trailing zeros become blanks if the format has 9."""
    least = positions.rfind("0") + 1
    length = max(len(fraction.rstrip("0")), least)
    return fraction[:length].ljust(len(positions))


def _minimal(value: Decimal, form: Format) -> str:
    element = next(element for element in form.elements if element.startswith("TM"))
    sign = "-" if value < 0 and "MI" not in form.elements else "+" if "S" in form.elements and value >= 0 else ""
    dollar = "$" if "$" in form.elements else ""
    if element == "TME":
        digits = "".join(map(str, abs(value).normalize().as_tuple().digits)) if value else "0"
        exponent = abs(value).adjusted() if value else 0
        return f"{sign}{dollar}{digits[0]}{'.' + digits[1:] if digits[1:] else ''}E{exponent}"
    text = f"{abs(value):f}"
    if "(" in element:
        text = _with_groups(text, *element[4:-1].split(","))
    return f"{sign}{dollar}{text}"


def _with_groups(text: str, digits: str, size: str) -> str:
    whole, point, fraction = text.partition(".")
    if digits != "ALL":
        text = f"{Decimal(text).quantize(Decimal(1).scaleb(-int(digits)), ROUND_HALF_UP).normalize():f}"
        whole, point, fraction = text.partition(".")
    groups: list[str] = []
    width = int(size)
    while width and len(whole) > width:
        groups.insert(0, whole[-width:])
        whole = whole[:-width]
    return ",".join([whole, *groups]) + point + fraction


def read(text: str, format_text: str) -> str | None:
    """Read a number and return it in a form that Decimal accepts; None if it matches no alternative of the format."""
    for alternative in format_text.split("|"):
        number = _read(text, parse(alternative))
        if number is not None:
            return number
    return None


def _read(text: str, form: Format) -> str | None:
    unsigned = text.strip(" ")
    sign = ""
    for mark in ("-", "+"):
        if unsigned.startswith(mark) and form.elements[-1] not in _SIGNS:
            sign, unsigned = mark, unsigned[1:].lstrip(" ")
        elif unsigned.endswith(mark) and form.elements[-1] in _SIGNS:
            sign, unsigned = mark, unsigned[:-1].rstrip(" ")
    if "$" in form.elements:
        if not unsigned.startswith("$"):
            return None
        unsigned = unsigned[1:]
    if form.is_hexadecimal:
        return sign.replace("+", "") + str(int(unsigned, 16)) if re.fullmatch("[0-9A-Fa-f]+", unsigned) else None
    if any(element.startswith("TM") for element in form.elements):
        return _number(sign, unsigned)
    whole, _, fraction = unsigned.partition(".")
    if not _fits(whole, form) or len(fraction) > len(form.fraction) or len(fraction) < form.fraction.rfind("0") + 1:
        return None
    return _number(sign, f"{whole.replace(',', '') or '0'}.{fraction or '0'}")


def _fits(whole: str, form: Format) -> bool:
    """Whether the whole part has no more digits than the format, and its separators, if any, are where they may be."""
    digits, positions = whole.replace(",", ""), form.whole.replace(",", "")
    required = len(positions) - positions.find("0") if "0" in positions else 0
    if not re.fullmatch("[0-9]*", digits) or not required <= len(digits) <= len(positions):
        return False
    groups, expected = [len(group) for group in whole.split(",")], [len(group) for group in form.whole.split(",")]
    return len(groups) == 1 or groups[1:] == expected[len(expected) - len(groups) + 1 :]


def _number(sign: str, text: str) -> str | None:
    try:
        return str(Decimal(f"{sign}{text}"))
    except InvalidOperation:
        return None
