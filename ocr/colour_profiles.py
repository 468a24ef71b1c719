"""ICC profiles made from their published numbers, so that every byte is ours, licence-free and the same in every run.

* `srgb`: IEC 61966-2-1 primaries and curve as an ICC v2 display profile, for the output intent (ISO 19005-2, 6.2.3).
* `plain_cmyk`: reads ink as R = (1-C)(1-K) and so on, the usual reading of CMYK without a profile. Scans hardly ever
  are CMYK; those that are need a device-independent reading beside an RGB output intent (ISO 19005-2, 6.2.4.3).
"""

from __future__ import annotations

import functools
import struct

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
# sRGB primaries adapted to D50 (Bradford), as in the ICC's own sRGB profile.
RGB_TO_XYZ_D50 = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
GRID = 9
CHANNELS = {b"GRAY": 1, b"RGB ": 3, b"Lab ": 3, b"CMYK": 4}


@functools.cache
def srgb() -> bytes:
    """ICC v2.1 display profile of sRGB, about 2.5 kB."""
    steps = np.linspace(0, 1, 1024)
    linear = _linear(steps)
    curve = b"curv\0\0\0\0" + struct.pack(">I", len(steps)) + np.round(linear * 65535).astype(">u2").tobytes()
    tags = [
        (b"desc", _description("sRGB IEC61966-2.1")),
        (b"cprt", _text("Public domain")),
        (b"wtpt", _xyz(D50)),
    ]
    tags += [(name, _xyz(RGB_TO_XYZ_D50[:, i])) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))]
    tags += [(b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve)]
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


@functools.cache
def plain_cmyk() -> bytes:
    """ICC v2.1 input profile of naive CMYK: an 8-bit table of 9 steps an ink, about 20 kB (6 kB deflated)."""
    axis = np.linspace(0, 1, GRID)
    c, m, y, k = np.meshgrid(axis, axis, axis, axis, indexing="ij")
    rgb = np.stack([(1 - ink) * (1 - k) for ink in (c, m, y)], axis=-1)
    table = np.round(_lab_bytes(rgb)).astype(np.uint8).tobytes()
    identity = bytes(range(256))
    matrix = struct.pack(">9i", *(0x10000 if i % 4 == 0 else 0 for i in range(9)))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, GRID, 0)) + matrix + identity * 4 + table + identity * 3
    tags = [
        (b"desc", _description("Plain CMYK")),
        (b"cprt", _text("Public domain")),
        (b"wtpt", _xyz(D50)),
        (b"A2B0", lut),
    ]
    return _profile(b"scnr", b"CMYK", b"Lab ", tags)


def profile_fault(profile: bytes, channels: int | None = None) -> str | None:
    """Why a profile may not be used in PDF/A-2 (ISO 19005-2, 6.2.4.2: valid, version 2 or 4, N agrees), or None."""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return "not an ICC profile"
    if struct.unpack(">I", profile[:4])[0] != len(profile):
        return "length in the header differs"
    if profile[8] not in (2, 4):
        return f"version {profile[8]}"
    if profile[12:16] not in (b"scnr", b"mntr", b"prtr", b"spac"):
        return "device class " + profile[12:16].decode("latin-1")
    space = profile[16:20]
    if space not in CHANNELS:
        return "colour space " + space.decode("latin-1")
    if channels is not None and CHANNELS[space] != channels:
        return f"{CHANNELS[space]} channels, {channels} expected"
    count = struct.unpack(">I", profile[128:132])[0]
    if count == 0 or 132 + 12 * count > len(profile):
        return "tag table is damaged"
    for i in range(count):
        offset, size = struct.unpack(">II", profile[136 + 12 * i : 144 + 12 * i])
        if offset + size > len(profile):
            return "a tag lies outside the profile"
    return None


def _linear(value: np.ndarray) -> np.ndarray:
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _lab_bytes(rgb: np.ndarray) -> np.ndarray:
    """sRGB 0..1 to the 8-bit Lab encoding of ICC v2 tables."""
    xyz = _linear(rgb) @ RGB_TO_XYZ_D50.T / np.array(D50)
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (xyz * 24389 / 27 + 16) / 116)
    lightness = 116 * root[..., 1] - 16
    a, b = 500 * (root[..., 0] - root[..., 1]), 200 * (root[..., 1] - root[..., 2])
    return np.clip(np.stack([lightness * 2.55, a + 128, b + 128], axis=-1), 0, 255)


def _xyz(values) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(v) * 65536) for v in values))


def _text(text: str) -> bytes:
    return b"text\0\0\0\0" + text.encode("ascii") + b"\0"


def _description(text: str) -> bytes:
    plain = text.encode("ascii") + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(plain)) + plain + b"\0" * (4 + 4 + 2 + 1 + 67)


def _profile(kind: bytes, space: bytes, connection: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    body, table, placed = b"", b"", {}
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags:
        if data not in placed:
            placed[data] = start + len(body)
            body += data + b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", name, placed[data], len(data))
    header = struct.pack(">I4sI4s4s4s6H4s", start + len(body), b"\0\0\0\0", 0x02100000, kind, space, connection,
                         2026, 1, 1, 0, 0, 0, b"acsp")  # fmt: skip
    header += b"\0" * 24 + struct.pack(">I", 0) + _xyz(D50)[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
