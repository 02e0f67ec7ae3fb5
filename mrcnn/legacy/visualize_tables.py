"""Tables for notebooks and terminals, and the table of a model's weights."""

import importlib
import re
import sys

from mrcnn.plot.weights import weight_alerts


def show_table(table):
    """Show rows of cells: with IPython as HTML for a notebook and text for a terminal, otherwise as text."""
    rows = [[str(cell) for cell in row] for row in table]
    ipython = sys.modules.get("IPython")  # it is always loaded if the code runs in IPython
    if ipython is None or ipython.get_ipython() is None:
        print(as_text(rows))
        return
    display = importlib.import_module("IPython.display").display
    display({"text/html": as_html(rows), "text/plain": as_text(rows)}, raw=True)


def as_html(rows):
    """An HTML table from rows of str; cells are not escaped, because they may contain HTML."""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{body}</table>"


def as_text(rows):
    """Text in aligned columns from rows of str, without HTML tags."""
    rows = [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in rows]
    count = max(map(len, rows), default=0)
    widths = [max((len(row[c]) for row in rows if c < len(row)), default=0) for c in range(count)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def weight_table(layers):
    """Rows of cells with the name, shape, minimum, maximum and standard deviation of each weight of these layers."""
    table = [["WEIGHT NAME", "SHAPE", "MIN", "MAX", "STD"]]
    for layer in layers:
        for variable, values in zip(layer.weights, layer.get_weights()):
            name = "/".join(getattr(variable, "path", variable.name).split("/")[-2:])
            row = [f"{number:+9.4f}" for number in (values.min(), values.max(), values.std())]
            table.append([name + _alert(name, values), str(tuple(values.shape)), *row])
    return table


def _alert(name, values):
    return "".join(f" <span style='color:red'>*** {alert}</span>" for alert in weight_alerts(name, values))
