"""How a synthetic wafer looks: size and greys of its sections, its surface, its light and its camera."""

from dataclasses import dataclass, fields

from mrcnn.errors import ConfigError


@dataclass(frozen=True)
class WaferStyle:
    """One kind of wafer. Lengths are in pixels, greys from 0 (black) to 255 (white).

    Attributes
    ----------
    length, tissue_depth, magnet_depth : float
        A section is a trapezium of two parts that meet along a side of this length; the depths are across it.
    taper : float
        Part of the length by which each part's far side is shorter (tissue) or longer (magnet).
    size_variation : float
        Relative standard deviation of a section's size; corners vary by as much again.
    dummy : float
        Probability that a section carries a third part: as the magnetic part in grey, without its fluorescence.
    density : float
        Part of the area that the sections cover where they lie.
    touching : float
        Part of the sections that are laid against another one, a pixel or a few away.
    background, tissue, magnet : float
        Mean greys; `texture` and `grain` are the standard deviations of what is drawn in tissue and resin, and
        `variation` that of the grey from section to section.
    fluo_background, fluo_tissue, fluo_magnet : float
        Mean greys of the fluorescence image.
    dust, fibres, scratches, stains : float
        How many in a square of 1000 x 1000 pixels.
    unevenness : float
        Difference of the light over the wafer, as a part of it.
    blur, noise : float
        The camera's, in pixels and greys.
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
    # About the size, shape and greys of the first labelled wafer.
    "silicon": WaferStyle(),
    # Another wafer: the surface dark, the sections brighter than it and somewhat smaller, fluorescence weaker.
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
    # Sections as large as those of the third labelled wafer, on a pale surface.
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
    """A `WaferStyle` from itself or its name in `STYLES`; raises `ConfigError` for anything else or values that cannot
    work.
    """
    if isinstance(style, str):
        if style not in STYLES:
            raise ConfigError(f"There is no wafer style '{style}'. There are: {', '.join(STYLES)}.")
        return STYLES[style]
    if not isinstance(style, WaferStyle):
        raise ConfigError(f"A wafer style is a WaferStyle or a name ({', '.join(STYLES)}), not {style!r}.")
    for field in fields(style):
        value = getattr(style, field.name)
        if not 0 <= value < float("inf"):
            raise ConfigError(f"{field.name} of a wafer style is a number of at least 0, not {value!r}.")
    if min(style.length, style.tissue_depth, style.magnet_depth) < 8:
        raise ConfigError("Sections of a wafer style are at least 8 pixels long and their parts 8 pixels deep.")
    if not style.density <= 0.45:
        raise ConfigError(
            f"density of a wafer style is at most 0.45, not {style.density!r}: more cannot be laid at "
            f"random without overlap."
        )
    return style
