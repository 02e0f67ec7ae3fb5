from mrcnn.config import Config, SemanticConfig
from mrcnn.data.dataset import Dataset
from mrcnn.engine.mask_rcnn import MaskRCNN
from mrcnn.engine.segmenter import SemanticSegmenter
from mrcnn.geometry.instances import Instances

__version__: str

__all__ = ["__version__", "Config", "Dataset", "Instances", "MaskRCNN", "SemanticConfig", "SemanticSegmenter"]
