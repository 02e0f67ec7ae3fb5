"""Masks as the brush of Label Studio stores them."""

import numpy as np


def encode(alpha, sizes=(3, 4, 8, 16), word=8):
    """Bytes as Label Studio writes them for an RGBA image with this alpha."""
    flat = np.repeat(alpha[..., None], 4, axis=2).ravel()
    bits = [f"{len(flat):032b}", f"{word - 1:05b}", *(f"{size - 1:04b}" for size in sizes)]

    def length(count):
        kind = next(k for k, size in enumerate(sizes) if count - 1 < 1 << size)
        return f"{kind:02b}{count - 1:0{sizes[kind]}b}"

    start = 0
    while start < len(flat):
        end = start + 1
        while end < len(flat) and flat[end] == flat[start] and end - start < 60000:
            end += 1
        values = [f"{value:08b}" for value in flat[start:end]]
        bits.append(
            f"1{length(end - start)}{values[0]}" if len(values) > 2 else f"0{length(len(values))}{''.join(values)}"
        )
        start = end
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return [int(text[i : i + 8], 2) for i in range(0, len(text), 8)]
