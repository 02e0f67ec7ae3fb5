"""The options of the command line; imports nothing heavy."""
