"""Whether class ids mean the same under two lists of class names."""

from mrcnn.errors import ConfigError


def same_classes(names, others):
    """Whether class ids mean the same under both lists of names, background first; None: names are not known.

    One class is the same whatever its name.
    """
    if names is None or others is None:
        return True
    return list(names) == list(others) or len(names) == len(others) == 2


def check_same_classes(train_dataset, val_dataset, what="validation"):
    """Raise `ConfigError` if the class ids of a training set and of one for validation or tests differ in meaning."""
    names, others = train_dataset.class_names, val_dataset.class_names
    if not same_classes(names, others):
        raise ConfigError(
            f"The training set has the classes {', '.join(names[1:])}, but the {what} set "
            f"{', '.join(others[1:])}, in this order of their ids. Give both the same list: classes={names[1:]!r} of "
            "the reader, or add_class in the same order."
        )
