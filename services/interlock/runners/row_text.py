"""How a row is written as text: the same for a backup, for a digest, for a measurement, and when it is put back."""

from __future__ import annotations

from typing import Final

TEXT_SETTINGS: Final = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_monetary": "C",
}
