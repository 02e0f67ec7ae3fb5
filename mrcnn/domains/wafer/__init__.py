"""Wafers of brain sections: labels, patches, artificial data, sections, evaluation, plots, commands."""
