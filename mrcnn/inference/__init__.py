"""From a trained network and images to objects: one image, batches, tiles, streams, and Dask workers."""
