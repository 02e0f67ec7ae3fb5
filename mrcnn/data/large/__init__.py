"""Images larger than memory, read by window: grey planes, and stacks of channels by name."""
