"""What a printed PDF/A says about itself. fpdf2 writes the moment of writing into its description, and into the file's identifier
with it; here it is the moment the contents are of, so that equal contents are equal bytes and can be compared by their hash."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from fpdf import FPDF, FPDF_VERSION

_PRODUCER = f"fpdf2 {FPDF_VERSION}"
_XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
  <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
    xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
    <rdf:Description rdf:about="" xmp:CreatorTool={creator} xmp:CreateDate="{at}" xmp:ModifyDate="{at}"
      xmp:MetadataDate="{at}" pdf:Producer={producer}>
      <pdfaid:part>2</pdfaid:part>
      <pdfaid:conformance>B</pdfaid:conformance>
      <dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
    </rdf:Description>
  </rdf:RDF>
</x:xmpmeta>"""


def describe(pdf: FPDF, title: str, creator: str, at: datetime) -> None:
    """Title, program and time of a PDF/A-2b; `at` with offset. The two places that say them agree (ISO 19005-2 §6.6.2)."""
    pdf.set_title(title)
    pdf.set_creator(creator)
    pdf.set_producer(_PRODUCER)
    pdf.set_creation_date(at)
    pdf.set_xmp_metadata(
        _XMP.format(
            creator=quoteattr(creator),
            producer=quoteattr(_PRODUCER),
            title=escape(title),
            at=at.astimezone(UTC).isoformat(timespec="seconds"),
        )
    )
