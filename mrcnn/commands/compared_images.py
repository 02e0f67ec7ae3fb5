"""The images that models are compared on, and whether the models have the same classes."""

from mrcnn.commands.datasets import judged_images, model_data, same_classes
from mrcnn.commands.evaluation import BY_BOXES
from mrcnn.commands.preparation import NAMES
from mrcnn.commands.settings import class_names
from mrcnn.errors import ConfigError


class ComparedImages:
    """The images that all models of a comparison are evaluated on: those that can be read, unprepared.

    The first model decides the class ids.

    Attributes
    ----------
    errors : list of DataError
        Of the images that cannot be read.
    """

    def __init__(self, domain, options):
        self.domain, self.errors = domain, []
        self.options = {name: value for name, value in options.items() if name not in NAMES}
        self._first: tuple | None = None
        self._ids, self._by_channels = None, {}

    def of(self, entry):
        """The images with the number of channels that the model of an `Entry` takes.

        Raises
        ------
        ConfigError
            Its classes are not those of the first model, or those of the images are others.
        """
        config = entry.detector.config
        names = class_names(self.domain, config)
        self._first = self._first or (entry.name, names, config.NUM_CLASSES)
        if not same_classes(self._first[1], names) or config.NUM_CLASSES != self._first[2]:
            raise ConfigError(
                f"The model '{entry.name}' has {_classes_text(names, config.NUM_CLASSES)}, but '{self._first[0]}' has "
                f"{_classes_text(*self._first[1:])}. Compare only models with the same classes in the same order."
            )
        try:
            dataset = self._with_channels(int(config.IMAGE_CHANNEL_COUNT), config)
            config.validate(dataset.class_names)
        except ConfigError as error:
            raise ConfigError(f"The model '{entry.name}' cannot be compared on these images: {error}") from error
        return dataset

    def _with_channels(self, channels, config):
        if channels not in self._by_channels:
            options = self.options
            dataset = model_data(self.domain, options, config, options.get("by") == BY_BOXES)
            if self._ids is None:
                self._ids, self.errors = judged_images(dataset, options, "used for the comparison")
            self._by_channels[channels] = dataset.subset(self._ids)
        return self._by_channels[channels]


def _classes_text(names, count):
    if names is None:
        return f"{count - 1} class{'' if count == 2 else 'es'}, whose names its run does not record"
    return f"the class{'' if count == 2 else 'es'} {', '.join(names[1:])}"
