"""What the parsers of documents and of workbooks share: the bytes, and who extracts them."""

from __future__ import annotations

from collections.abc import Iterator

from domain.errors import UnreadableFileError
from domain.parsers.documents.extracting import LocalExtractor
from domain.parsers.documents.kinds import kind_of_content
from domain.parsers.forms import ByteStream, Site, read_fully
from domain.ports.extraction import DocumentKind, ExtractedPart

MAX_DOCUMENT_BYTES = 256 * 1024**2


def whole(stream: ByteStream) -> bytes:
    """Everything that the stream holds.

    Raises:
        UnreadableFileError: more than a document may have.
    """
    content = read_fully(stream, MAX_DOCUMENT_BYTES + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise UnreadableFileError(
            f"the document has more than {MAX_DOCUMENT_BYTES // 1024**2} MiB; split it"
        )
    return content


def document_kind(content: bytes, site: Site) -> DocumentKind:
    """The kind of a document that is there as a whole.

    Raises:
        UnreadableFileError: it is none, damaged, or a bomb.
    """
    kind = kind_of_content(content, site.context.limits)
    if kind is None:
        raise UnreadableFileError("the file is no document; save it as PDF, DOCX, PPTX or XLSX")
    return kind


def extracted(kind: DocumentKind, content: bytes, site: Site) -> Iterator[ExtractedPart]:
    """The document's parts by the extractor that the context brings."""
    extractor = site.context.extractor or LocalExtractor()
    return extractor.extract(kind, content)
