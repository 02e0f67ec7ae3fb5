"""A tiled detection that kills its own process (SIGKILL) while running; started by test_tiling.py.

python killed_tiling.py FOLDER TILES PLACE, where PLACE is predict (while processing the tile after TILES tiles) or
writing (after its file is written, but before it is moved into place).
"""

import os
import signal
import sys

import tiling_fakes

from mrcnn.inference.tiling import detect_tiled

SHAPE, TILES = (300, 300), {"tile": 100, "overlap": 40}


def image():
    return tiling_fakes.encoded(tiling_fakes.squares(SHAPE, 60, 40, seed=1))


def main(folder, tiles, place):
    def kill(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    class Killed(tiling_fakes.Exact):
        def predict(self, images):
            if place == "predict" and len(self.calls) == tiles:
                kill()
            if place == "writing" and len(self.calls) == tiles:
                os.replace = kill
            return super().predict(images)

    detect_tiled(Killed(), image(), **TILES, progress=False, resume_dir=folder)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
