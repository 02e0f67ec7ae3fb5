"""Wafers of brain sections: labels, patches, artificial and synthetic data, sections, evaluation, plots, commands."""
