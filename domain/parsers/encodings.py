"""How a stream's bytes become text."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import charset_normalizer
import numpy as np

from domain.parsers.forms import BLOCK_BYTES, ByteStream

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LIKELY_CHARSETS = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "iso8859_7"),
    *("mac_roman", "shift_jis", "gb18030", "big5", "euc_jp", "euc_kr"),
]
EAST_ASIAN = frozenset(("shift_jis", "gb18030", "big5", "euc_jp", "euc_kr"))
_CHAOS_MARGIN = 0.0
_SAMPLE_BYTES = 16 * 1024
_FEW_NON_ASCII_BYTES = 16
_WIDTHS = {"utf-16-le": "<u2", "utf-16-be": ">u2", "utf-32-le": "<u4", "utf-32-be": ">u4"}
ASCII_LIKE = ("utf-8", "cp125", "iso8859", "koi8", "mac")
"""How the names of codecs begin in which a byte below 128 is that character and nothing else."""

_NON_ASCII_LINE = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*[\r\n]*")


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """A codec's name, and the length of the byte order mark before the text."""

    name: str
    bom_bytes: int = 0

    @property
    def is_wide(self) -> bool:
        """Whether characters take two or four bytes, so that bytes must not be looked at singly."""
        return self.name in _WIDTHS


class OverlongLine(bytes):
    """Stands for a line longer than allowed: its first bytes. Its ``len`` is the whole line's."""

    length: int

    def __len__(self) -> int:
        return self.length


def unit_of(encoding: str) -> np.dtype[np.unsignedinteger]:
    """The number that a text's bytes are a row of: two or four bytes wide in UTF-16 and UTF-32."""
    return np.dtype(_WIDTHS.get(encoding, "u1"))


def detect_encoding(head: bytes) -> TextEncoding:
    """By the byte order mark, else UTF-8 if the head is that, else the likeliest charset."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return TextEncoding(name, len(bom))
    wide = _wide_without_bom(head)
    if wide:
        return TextEncoding(wide)
    return TextEncoding("utf-8" if _is_utf8(head) else _legacy_charset(head))


def line_decoder(encoding: str) -> Callable[[bytes], str]:
    """Decodes lines; one that is not of the encoding is read as Windows or ISO Latin 1 instead.

    NUL characters, which no store accepts, become U+FFFD.
    """

    def decode(line: bytes) -> str:
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            text = _decode_stray(line, encoding)
        return text.replace("\0", "\ufffd") if "\0" in text else text

    return decode


def lines_decoder(encoding: str) -> Callable[[Sequence[bytes]], Iterable[str]]:
    """Decodes many lines at once, each as ``line_decoder`` does, but at the codec's speed.

    Lines that hold nothing that needs a closer look, which is seen from all of them in one go,
    are decoded without a call of ours for each.
    """
    decode_line = line_decoder(encoding)
    is_ascii_like = encoding.startswith(ASCII_LIKE)

    def decode(lines: Sequence[bytes]) -> Iterable[str]:
        content = b"".join(lines)
        if is_ascii_like and content.isascii():
            return map(decode_line if b"\0" in content else bytes.decode, lines)
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            return map(decode_line, lines)
        return map(decode_line, lines) if "\0" in text else map(str, lines, repeat(encoding))

    return decode


def decode_all(content: bytes, encoding: TextEncoding) -> str:
    """A whole content as text, without its byte order mark."""
    return line_decoder(encoding.name)(content[encoding.bom_bytes :])


def byte_lines(stream: ByteStream, encoding: str, *, max_bytes: int) -> Iterator[bytes]:
    """Split at CR, LF and CRLF, line ends kept; a longer line comes as one ``OverlongLine``."""
    return chain.from_iterable(line_batches(stream, encoding, max_bytes=max_bytes))


def line_batches(stream: ByteStream, encoding: str, *, max_bytes: int) -> Iterator[list[bytes]]:
    """The same lines, in lists of those that end in the same MiB of the stream."""
    split = _wide_splitter(encoding) if encoding in _WIDTHS else _split
    carry = b""
    overlong: OverlongLine | None = None
    while block := stream.read(BLOCK_BYTES):
        lines, carry = split(carry + block)
        if lines and overlong is not None:
            overlong.length += len(lines[0])
            lines[0], overlong = overlong, None
        if lines:
            yield lines
        if len(carry) > max_bytes:
            overlong, carry = _longer(overlong, carry)
    if overlong is not None:
        overlong.length += len(carry)
        yield [overlong]
    elif carry:
        yield [carry]


def _split(content: bytes) -> tuple[list[bytes], bytes]:
    """The complete lines, and the rest (a CR at the end may be half of a CRLF)."""
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        return lines, lines.pop()
    return lines, b""


def _wide_splitter(encoding: str) -> Callable[[bytes], tuple[list[bytes], bytes]]:
    width = unit_of(encoding)

    def split(content: bytes) -> tuple[list[bytes], bytes]:
        units = np.frombuffer(content, width, count=len(content) // width.itemsize)
        after = np.append(units[1:], 0)
        is_end = (units == 10) | ((units == 13) & (after != 10))
        if len(units) and units[-1] == 13:
            is_end[-1] = False
        ends = ((np.flatnonzero(is_end) + 1) * width.itemsize).tolist()
        starts = [0, *ends]
        lines = [content[start:end] for start, end in zip(starts, ends, strict=False)]
        return lines, content[starts[-1] :]

    return split


def _longer(overlong: OverlongLine | None, carry: bytes) -> tuple[OverlongLine, bytes]:
    if overlong is None:
        overlong = OverlongLine(carry[:4096])
        overlong.length = 0
    # The last byte stays: it may be the CR of a CRLF, or half of a wide character.
    keep = len(carry) % 4 or 4
    overlong.length += len(carry) - keep
    return overlong, carry[-keep:]


def _is_utf8(head: bytes) -> bool:
    """Whether the head is UTF-8, but for a cut character at its end and few stray bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(head)
    stray = text.count("\ufffd") - head.count(b"\xef\xbf\xbd")
    if stray <= 0:
        return True
    good = sum(ord(char) > 127 for char in text) - stray
    return good > 10 * stray


def _wide_without_bom(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark shows as NULs in a fixed part of every few bytes."""
    sample = head[:4096]
    sample = sample[: len(sample) // 4 * 4] or sample[: len(sample) // 2 * 2]
    nuls = [sample[offset::4].count(0) / max(1, len(sample[offset::4])) for offset in range(4)]
    match [nul > 0.7 for nul in nuls], [nul < 0.2 for nul in nuls]:
        case [False, True, True, True], [True, *_]:
            return "utf-32-le"
        case [True, True, True, False], [*_, True]:
            return "utf-32-be"
        case [False, True, False, True], [True, False, True, False]:
            return "utf-16-le"
        case [True, False, True, False], [False, True, False, True]:
            return "utf-16-be"
    return None


def _legacy_charset(head: bytes) -> str:
    sample = b"".join(_NON_ASCII_LINE.findall(head[: 16 * _SAMPLE_BYTES]))[:_SAMPLE_BYTES]
    if len(re.findall(rb"[\x80-\xff]", sample)) < _FEW_NON_ASCII_BYTES:
        return "cp1252"
    matches = charset_normalizer.from_bytes(sample, cp_isolation=_LIKELY_CHARSETS)
    best = matches.best()
    if best is None:
        return "cp1252"
    # Of single-byte charsets that fit about as well, the Western one is by far the commonest.
    is_western = any(
        "cp1252" in match.could_be_from_charset and match.chaos <= best.chaos + _CHAOS_MARGIN
        for match in matches
    )
    is_multibyte = best.encoding in EAST_ASIAN
    return "cp1252" if is_western and not is_multibyte else codecs.lookup(best.encoding).name


def _decode_stray(line: bytes, encoding: str) -> str:
    if encoding in _WIDTHS:
        return line.decode(encoding, "replace")
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:
        return line.decode("latin-1")
