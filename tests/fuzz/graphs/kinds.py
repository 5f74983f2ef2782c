"""The list of kinds of nodes: functions that draw operands and attributes, and add a node or a few."""

from maker import FLOATS, INTEGERS

NUMBERS = (*FLOATS, *INTEGERS)
ANY = (*NUMBERS, "bool")
KINDS = []


def kind(draw):
    KINDS.append(draw)
    return draw
