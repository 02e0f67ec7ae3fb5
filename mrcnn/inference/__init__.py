"""Apply a trained network: single images, batches, tiles, streams, and Dask workers."""
