"""Styles of synthetic wafers: size and grey values of the sections, surface, illumination and camera."""

from dataclasses import dataclass, fields

from mrcnn.errors import ConfigError


@dataclass(frozen=True)
class WaferStyle:
    """Appearance of a wafer. Lengths are in pixels, grey values from 0 (black) to 255 (white).

    Attributes
    ----------
    length, tissue_depth, magnet_depth : float
        A section is a trapezium of two parts that meet along a side of this length; the depths are measured across it.
    taper : float
        Fraction of the length by which the outer side of a part is shorter (tissue) or longer (magnet).
    size_variation : float
        Relative standard deviation of the size of a section; its corners vary by the same amount in addition.
    dummy : float
        Probability of a third part that looks like the magnetic part in grey but does not fluoresce.
    density : float
        Fraction of the area covered by sections, where they are placed.
    touching : float
        Fraction of the sections placed against another one, with a gap of a few pixels at most.
    background, tissue, magnet : float
        Mean grey values; `texture` and `grain` are the standard deviations within tissue and resin, and `variation`
        is the standard deviation of the mean grey between sections.
    fluo_background, fluo_tissue, fluo_magnet : float
        Mean grey values of the fluorescence image.
    dust, fibres, scratches, stains : float
        Mean number per square of 1000 x 1000 pixels.
    unevenness : float
        Relative variation of the illumination over the wafer.
    blur, noise : float
        Blur of the camera in pixels, and its noise in grey levels.
    """

    length: float = 119.5
    tissue_depth: float = 47.0
    magnet_depth: float = 52.0
    taper: float = 0.095
    size_variation: float = 0.012
    dummy: float = 0.3
    density: float = 0.36
    touching: float = 0.35
    background: float = 158.0
    tissue: float = 122.0
    magnet: float = 93.0
    texture: float = 11.0
    grain: float = 9.0
    variation: float = 4.0
    fluo_background: float = 5.0
    fluo_tissue: float = 11.0
    fluo_magnet: float = 82.0
    dust: float = 120.0
    fibres: float = 1.2
    scratches: float = 5.0
    stains: float = 2.0
    unevenness: float = 0.12
    blur: float = 0.7
    noise: float = 2.4


STYLES = {
    # Approximately the size, shape and grey values of the first labelled wafer.
    "silicon": WaferStyle(),
    # A dark surface with brighter, somewhat smaller sections and weaker fluorescence.
    "dark": WaferStyle(
        length=101.0,
        tissue_depth=44.0,
        magnet_depth=38.0,
        taper=0.05,
        dummy=0.45,
        background=58.0,
        tissue=104.0,
        magnet=136.0,
        texture=9.0,
        grain=12.0,
        variation=6.0,
        fluo_background=14.0,
        fluo_tissue=24.0,
        fluo_magnet=70.0,
        dust=220.0,
        scratches=9.0,
        unevenness=0.3,
        blur=0.9,
        noise=4.0,
    ),
    # Large sections, as on the third labelled wafer, on a bright surface.
    "large": WaferStyle(
        length=280.0,
        tissue_depth=118.0,
        magnet_depth=128.0,
        taper=0.07,
        dummy=0.5,
        density=0.42,
        background=186.0,
        tissue=150.0,
        magnet=118.0,
        texture=16.0,
        grain=7.0,
        variation=7.0,
        fluo_background=9.0,
        fluo_tissue=15.0,
        fluo_magnet=128.0,
        dust=60.0,
        fibres=2.5,
        stains=4.0,
        unevenness=0.2,
        blur=1.1,
        noise=3.0,
    ),
}


def as_style(style):
    """Return the `WaferStyle` itself, or the one with this name in `STYLES`; raises `ConfigError` if it is invalid."""
    if isinstance(style, str):
        if style not in STYLES:
            raise ConfigError(f"Unknown wafer style '{style}'. Available styles: {', '.join(STYLES)}.")
        return STYLES[style]
    if not isinstance(style, WaferStyle):
        raise ConfigError(f"style must be a WaferStyle or a name ({', '.join(STYLES)}), not {style!r}.")
    for field in fields(style):
        value = getattr(style, field.name)
        if not 0 <= value < float("inf"):
            raise ConfigError(f"{field.name} of a wafer style must be a number of at least 0, not {value!r}.")
    if min(style.length, style.tissue_depth, style.magnet_depth) < 8:
        raise ConfigError("length, tissue_depth and magnet_depth of a wafer style must be at least 8 pixels each.")
    if not style.density <= 0.45:
        raise ConfigError(
            f"density of a wafer style must be at most 0.45, not {style.density!r}: denser sections cannot be placed "
            f"at random without overlap."
        )
    return style
