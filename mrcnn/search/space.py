"""The space of a search: a range or a list of values for each setting."""

import copy
import json
import math
import numbers
from dataclasses import asdict, dataclass

from mrcnn.config_values import value_of
from mrcnn.errors import ConfigError

_HOW = "write NAME=2,4,8 for a choice, NAME=0.1..0.9 for a range, NAME=1e-5..1e-2:log for a logarithmic one"


@dataclass(frozen=True)
class Parameter:
    """One setting and the values to try.

    Attributes
    ----------
    name : str
        Name of an attribute of `Config`.
    choices : tuple or None
        Values to choose from, of JSON types; there are no bounds then.
    low, high : float or int
        Both included; whole numbers are drawn if both are of type int.
    log : bool
        Draw the magnitude uniformly, as for a learning rate.
    """

    name: str
    choices: tuple = None
    low: float = None
    high: float = None
    log: bool = False

    def __post_init__(self):
        if self.choices is not None:
            try:
                texts = {json.dumps(c) for c in self.choices}
            except TypeError:
                raise ConfigError(
                    f"{self.name}: choices must be numbers, strings, lists or None, not {self.choices!r}."
                ) from None
            if self.low is not None or self.high is not None or self.log or not texts or len(texts) < len(self.choices):
                raise ConfigError(
                    f"{self.name}: give one or more different choices, or two bounds, not {self.choices!r}."
                )
            return
        bounds = (self.low, self.high)
        if not all(isinstance(v, numbers.Real) and not isinstance(v, bool) and math.isfinite(v) for v in bounds):
            raise ConfigError(f"{self.name}: the bounds must be numbers, not {self.low!r} and {self.high!r}.")
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ConfigError(
                f"{self.name}: the first bound must be below the second{', and both above 0' * self.log}, "
                f"not {self.low} and {self.high}."
            )

    @property
    def whole(self):
        """Whether whole numbers are drawn."""
        return self.choices is None and isinstance(self.low, int) and isinstance(self.high, int)

    def suggest(self, trial):
        """The value of an optuna trial."""
        if self.choices is not None:
            # As text: optuna stores no lists, and treats 1, 1.0 and True as equal.
            return json.loads(trial.suggest_categorical(self.name, [json.dumps(c) for c in self.choices]))
        draw = trial.suggest_int if self.whole else trial.suggest_float
        return draw(self.name, self.low, self.high, log=self.log)

    def stored(self, value):
        """A value as optuna stores it, or None if it is not in the space."""
        if self.choices is not None:
            text = json.dumps(value, default=_plain)
            return text if text in [json.dumps(c) for c in self.choices] else None
        number = isinstance(value, numbers.Real) and not isinstance(value, bool) and self.low <= value <= self.high
        return value if number and (not self.whole or value == int(value)) else None

    def read(self, value):
        """The setting from a value that optuna stores."""
        return json.loads(value) if self.choices is not None else value

    def to_dict(self):
        """As read back from JSON, for comparison."""
        return json.loads(json.dumps(asdict(self)))


def parse_parameter(text):
    """A `Parameter` from ``NAME=2,4,8``, ``NAME=0.1..0.9`` or ``NAME=1e-5..1e-2:log``.

    Choices that contain commas are given as a list in brackets: ``RPN_ANCHOR_RATIOS=[[0.5, 1, 2], [1]]``.

    Raises
    ------
    ConfigError
        The text is none of these.
    """
    name, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not name or not values:
        raise ConfigError(f"'{text}' is not a parameter to search: {_HOW}.")
    low, dots, rest = values.partition("..")
    if dots:
        high, _, scale = rest.partition(":")
        bounds = [value_of(low), value_of(high)]
        if scale not in ("", "log") or not all(isinstance(v, (int, float)) for v in bounds):
            raise ConfigError(f"'{text}' is not a range: {_HOW}.")
        return Parameter(name, None, *bounds, log=scale == "log")
    listed = value_of(values)
    return Parameter(name, tuple(listed) if isinstance(listed, list) else tuple(value_of(v) for v in values.split(",")))


def with_settings(config, values):
    """A copy of a `Config` with other values; raises `ConfigError` for a name that is not a setting."""
    config = copy.deepcopy(config)
    for name, value in values.items():
        config.set_from_text(f"{name}={json.dumps(value)}")
    return config


def check_space(space, config):
    """Raise `ConfigError` unless each parameter names a setting of this config, and each only once."""
    names = [parameter.name for parameter in space]
    if not names:
        raise ConfigError(f"There is nothing to search: {_HOW}.")
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{name} is given twice: give each setting one range or choice.")
        with_settings(config, {name: 0})  # refuses a name that is not a setting, and changes nothing


def _plain(value):
    return value.tolist() if hasattr(value, "tolist") else str(value)
