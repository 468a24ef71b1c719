"""What pages draw, against ISO 19005-2:2011: colours, images, forms, transparency, operators. Fonts: `pdfa_fonts`."""

from __future__ import annotations

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, Stream

from ocr.colour_profiles import profile_fault
from ocr.pdfa_finding import Finding
from ocr.pdfa_fonts import check_font

OPERATORS = frozenset(
    "b B b* B* BDC BI BMC BT BX c cm CS cs d d0 d1 Do DP EI EMC ET EX f F f* G g gs h i ID j J K k l m M MP "
    "n q Q re RG rg ri s S SC sc SCN scn sh T* Tc Td TD Tf Tj TJ TL Tm Tr Ts Tw Tz v w W W* y ' \"".split()
) | {"INLINE IMAGE"}
INTENTS = {"/RelativeColorimetric", "/AbsoluteColorimetric", "/Perceptual", "/Saturation"}
BLEND_MODES = frozenset(
    "/Normal /Compatible /Multiply /Screen /Overlay /Darken /Lighten /ColorDodge /ColorBurn /HardLight /SoftLight "
    "/Difference /Exclusion /Hue /Saturation /Color /Luminosity".split()
)
DEVICE_OF_OPERATOR = {"g": 1, "G": 1, "rg": 3, "RG": 3, "k": 4, "K": 4}
DEVICE_OF_NAME = {"/DeviceGray": 1, "/G": 1, "/DeviceRGB": 3, "/RGB": 3, "/DeviceCMYK": 4, "/CMYK": 4}
DEFAULTS = {1: "/DefaultGray", 3: "/DefaultRGB", 4: "/DefaultCMYK"}


def check_content(pdf: Pdf, intent_channels: int) -> list[Finding]:
    """Walks every page, with the forms, patterns, Type 3 glyphs and appearances it draws, each once."""
    walk = _Walk(intent_channels)
    for number, page in enumerate(pdf.pages, 1):
        where = f"page {number}"
        resources = page.obj.get("/Resources")
        node = page.obj
        while resources is None and "/Parent" in node:
            node = node["/Parent"]
            resources = node.get("/Resources")
        group = page.obj.get("/Group")
        if isinstance(group, Dictionary) and "/CS" in group:
            walk.colour_space(group["/CS"], None, where)
        if "/Contents" in page.obj:
            walk.stream(page, resources, where)
        for annotation in page.obj.get("/Annots", []):
            normal = annotation.get("/AP", Dictionary()).get("/N")
            for form in (
                [normal]
                if isinstance(normal, Stream)
                else normal.as_dict().values()
                if normal is not None
                else []
            ):
                walk.form(form, where)
    for font, codes in walk.fonts.values():
        walk.found += check_font(font, codes)
    return walk.found


class _Walk:
    """State of one walk: what was found, what was seen, which fonts show which strings."""

    def __init__(self, intent_channels: int) -> None:
        self.intent = intent_channels
        self.found: list[Finding] = []
        self.seen: set = set()
        self.fonts: dict[tuple, tuple[Dictionary, set[bytes]]] = {}

    def add(self, rule: str, clause: str, detail: str) -> None:
        self.found.append(Finding(rule, clause, detail))

    def first_time(self, item: pikepdf.Object) -> bool:
        if not item.is_indirect:
            return True
        new = item.objgen not in self.seen
        self.seen.add(item.objgen)
        return new

    # --- operators
    def stream(self, source, resources: Dictionary | None, where: str) -> None:
        """One content stream: `source` is a page or a form-like stream."""
        named = resources if isinstance(resources, Dictionary) else Dictionary()
        fonts: set[bytes] | None = None
        depth, stack = 0, []
        used: set[tuple[str, str]] = set()
        try:
            instructions = pikepdf.parse_content_stream(source)
        except pikepdf.PdfError as error:
            self.add("content_syntax", "6.2.2", f"{where}: {error}")
            return
        for instruction in instructions:
            operator = str(instruction.operator)
            if operator in ("Tj", "TJ", "'", '"'):
                if fonts is not None:
                    for text in _strings(instruction.operands):
                        fonts.add(text)
                continue
            if operator in ("Tm", "Td", "Tz", "re", "l", "m", "c"):
                continue
            operands = instruction.operands
            if operator == "q":
                depth += 1
                stack.append(fonts)
                if depth > 28:
                    self.add("limit_q_nesting", "6.1.13", where)
            elif operator == "Q":
                depth -= 1
                if stack:
                    fonts = stack.pop()
                else:
                    self.add("content_syntax", "6.2.2", f"{where}: Q without q")
            elif operator == "Tf":
                fonts = self._font(str(operands[0]), named, where)
            elif operator in DEVICE_OF_OPERATOR:
                self._device(DEVICE_OF_OPERATOR[operator], named, where)
            elif operator in ("cs", "CS"):
                name = str(operands[0])
                if name in DEVICE_OF_NAME:
                    self._device(DEVICE_OF_NAME[name], named, where)
                elif name != "/Pattern":
                    used.add(("/ColorSpace", name))
            elif operator == "gs":
                used.add(("/ExtGState", str(operands[0])))
            elif operator == "Do":
                used.add(("/XObject", str(operands[0])))
            elif operator == "sh":
                used.add(("/Shading", str(operands[0])))
            elif operator in ("scn", "SCN") and len(operands) and isinstance(operands[-1], Name):
                used.add(("/Pattern", str(operands[-1])))
            elif operator == "ri" and str(operands[0]) not in INTENTS:
                self.add("rendering_intent", "6.2.6", f"{where}: {operands[0]}")
            elif operator == "INLINE IMAGE":
                self._inline_image(operands[0], named, where)
            elif operator not in OPERATORS:
                self.add("operator", "6.2.2", f"{where}: {operator}")
        if depth:
            self.add("content_syntax", "6.2.2", f"{where}: q without Q")
        for category, name in used:
            value = named.get(category, Dictionary()).get(name)
            if value is None:
                self.add("resource_missing", "6.2.2", f"{where}: {category} {name}")
                continue
            self._use(category, value, named, f"{where} {name}")

    def _font(self, name: str, named: Dictionary, where: str) -> set[bytes] | None:
        font = named.get("/Font", Dictionary()).get(name)
        if not isinstance(font, Dictionary):
            self.add("resource_missing", "6.2.2", f"{where}: /Font {name}")
            return None
        key = font.objgen if font.is_indirect else (where, name)
        if key not in self.fonts:
            self.fonts[key] = (font, set())
            if font.get("/Subtype") == Name.Type3:
                for glyph in font.get("/CharProcs", Dictionary()).as_dict().values():
                    self.stream(glyph, font.get("/Resources", named), f"{where} {name}")
        return self.fonts[key][1]

    def _use(self, category: str, value, named: Dictionary, where: str) -> None:
        if category == "/ColorSpace":
            self.colour_space(value, named, where)
        elif category == "/ExtGState":
            self._state(value, where)
        elif category == "/Shading":
            self.colour_space(value["/ColorSpace"], named, where)
        elif category == "/Pattern":
            if not self.first_time(value):
                return
            if int(value.get("/PatternType", 1)) == 2:
                self.colour_space(value["/Shading"]["/ColorSpace"], named, where)
            else:
                self.stream(value, value.get("/Resources"), where)
        elif value.get("/Subtype") == Name.Image:
            self._image(value, named, where)
        elif value.get("/Subtype") == Name.Form:
            self.form(value, where)
        else:
            self.add("postscript_xobject", "6.2.9.3", f"{where}: {value.get('/Subtype')}")

    # --- objects
    def form(self, form: Stream, where: str) -> None:
        if not self.first_time(form):
            return
        if "/OPI" in form or "/PS" in form or form.get("/Subtype2") == Name.PS:
            self.add("form_postscript", "6.2.9.1", where)
        if "/Ref" in form:
            self.add("reference_xobject", "6.2.9.2", where)
        group = form.get("/Group")
        if isinstance(group, Dictionary) and "/CS" in group:
            self.colour_space(group["/CS"], form.get("/Resources"), where)
        self.stream(form, form.get("/Resources"), where)

    def _image(self, image: Stream, named: Dictionary, where: str) -> None:
        if not self.first_time(image):
            return
        if bool(image.get("/Interpolate", False)):
            self.add("image_interpolate", "6.2.8", where)
        for key in ("/Alternates", "/OPI"):
            if key in image:
                self.add("image_" + key[1:].lower(), "6.2.8", where)
        if "/Intent" in image and str(image["/Intent"]) not in INTENTS:
            self.add("rendering_intent", "6.2.6", where)
        filters = image.get("/Filter", Array())
        names = [str(filters)] if isinstance(filters, Name) else [str(f) for f in filters]
        if "/JPXDecode" in names:
            self._jpeg2000(image, where)
        elif not bool(image.get("/ImageMask", False)) and int(image.get("/BitsPerComponent", 1)) not in (
            1,
            2,
            4,
            8,
            16,
        ):
            self.add("image_bits", "6.2.8", where)
        if "/ColorSpace" in image:
            self.colour_space(image["/ColorSpace"], named, where)
        for key in ("/SMask", "/Mask"):
            if isinstance(image.get(key), Stream):
                self._image(image[key], named, where + " mask")
        if isinstance(image.get("/SMask"), Stream) and not self.intent:
            self.add("transparency_space", "6.2.10", where)

    def _inline_image(self, inline, named: Dictionary, where: str) -> None:
        settings = inline.obj
        if bool(settings.get("/Interpolate", settings.get("/I", False))):
            self.add("image_interpolate", "6.2.8", where)
        filters = settings.get("/Filter", settings.get("/F", Array()))
        for name in [filters] if isinstance(filters, Name) else filters:
            if str(name) in ("/LZWDecode", "/LZW", "/Crypt"):
                self.add("filter", "6.1.10", f"{where}: {name}")
        space = settings.get("/ColorSpace", settings.get("/CS"))
        if isinstance(space, Name) and str(space) not in DEVICE_OF_NAME:
            space = named.get("/ColorSpace", Dictionary()).get(str(space), space)
        if space is not None:
            self.colour_space(space, named, where)

    def _jpeg2000(self, image: Stream, where: str) -> None:
        """6.2.8.3: 1, 3 or 4 colour channels, one bit depth of 1..38, colour methods 1..3, no CIEJab."""
        channels, bits, specifications = _jp2_header(image.read_raw_bytes())
        if channels and channels not in (1, 2, 3, 4, 5):
            self.add("jpx_channels", "6.2.8.3", f"{where}: {channels}")
        if bits == 255:
            self.add("jpx_bits", "6.2.8.3", f"{where}: channels of different depth")
        for method, _, number in specifications:
            if method not in (1, 2, 3) or (method == 1 and number == 19):
                self.add("jpx_colour", "6.2.8.3", f"{where}: method {method}, space {number}")
        if len(specifications) > 1 and sum(approx == 1 for _, approx, _ in specifications) != 1:
            self.add("jpx_colour", "6.2.8.3", f"{where}: not exactly one preferred colour specification")

    def _state(self, state: Dictionary, where: str) -> None:
        if "/TR" in state or ("/TR2" in state and state["/TR2"] != Name.Default):
            self.add("transfer_function", "6.2.5", where)
        if "/HTP" in state:
            self.add("halftone_phase", "6.2.5", where)
        halftone = state.get("/HT")
        if isinstance(halftone, (Dictionary, Stream)):
            if int(halftone.get("/HalftoneType", 0)) not in (1, 5) or "/HalftoneName" in halftone:
                self.add("halftone", "6.2.5", where)
        if "/RI" in state and str(state["/RI"]) not in INTENTS:
            self.add("rendering_intent", "6.2.6", where)
        if "/BM" in state:
            modes = [state["/BM"]] if isinstance(state["/BM"], Name) else list(state["/BM"])
            if any(str(mode) not in BLEND_MODES for mode in modes):
                self.add("blend_mode", "6.2.10", where)
        mask = state.get("/SMask")
        if isinstance(mask, Dictionary) and "/G" in mask:
            self.form(mask["/G"], where + " mask")
        see_through = isinstance(mask, Dictionary) or any(
            float(state.get(key, 1)) < 1 for key in ("/CA", "/ca")
        )
        if see_through and not self.intent:
            self.add("transparency_space", "6.2.10", where)
        if "/Font" in state:
            self.add("font_by_state", "6.2.5", f"{where}: font set by graphics state is not checked")

    # --- colours
    def _device(self, channels: int, named: Dictionary | None, where: str) -> None:
        spaces = named.get("/ColorSpace") if named is not None else None
        if isinstance(spaces, Dictionary) and DEFAULTS[channels] in spaces:
            self.colour_space(spaces[DEFAULTS[channels]], None, where)
        elif not self.intent or (channels > 1 and channels != self.intent):
            self.add(
                "device_colour",
                "6.2.4.3",
                f"{where}: {'Device' + {1: 'Gray', 3: 'RGB', 4: 'CMYK'}[channels]}",
            )

    def colour_space(self, space, named: Dictionary | None, where: str, depth: int = 0) -> None:
        if isinstance(space, Name):
            if str(space) in DEVICE_OF_NAME:
                self._device(DEVICE_OF_NAME[str(space)], named, where)
            elif named is not None and str(space) in named.get("/ColorSpace", Dictionary()):
                self.colour_space(named["/ColorSpace"][str(space)], named, where, depth + 1)
            return
        if not isinstance(space, Array) or len(space) == 0 or depth > 8:
            self.add("colour_space", "6.2.4.1", where)
            return
        kind = str(space[0])
        if len(space) == 1:
            self.colour_space(space[0], named, where, depth + 1)
        elif kind == "/ICCBased":
            if self.first_time(space[1]):
                fault = profile_fault(space[1].read_bytes(), int(space[1].get("/N", 0)))
                if fault:
                    self.add("icc_profile", "6.2.4.2", f"{where}: {fault}")
        elif kind in ("/Indexed", "/I", "/Pattern"):
            self.colour_space(space[1], named, where, depth + 1)
        elif kind in ("/Separation", "/DeviceN"):
            if kind == "/DeviceN" and len(space[1]) > 32:
                self.add("limit_colourants", "6.1.13", where)
            self.colour_space(space[2], named, where, depth + 1)
        elif kind not in ("/CalGray", "/CalRGB", "/Lab"):
            self.add("colour_space", "6.2.4.1", f"{where}: {kind}")


def _strings(operands) -> list[bytes]:
    texts = []
    for operand in operands:
        if isinstance(operand, Array):
            texts += [bytes(part) for part in operand if isinstance(part, pikepdf.String)]
        elif isinstance(operand, pikepdf.String):
            texts.append(bytes(operand))
    return texts


def _jp2_header(data: bytes) -> tuple[int, int, list[tuple[int, int, int]]]:
    """(channels, bits code, [(method, approximation, enumerated space)]) of a JP2 file; zeros for a code stream."""
    channels, bits, specifications = 0, 0, []
    pending = [(0, len(data))]
    while pending:
        at, end = pending.pop()
        while at + 8 <= end:
            size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
            body = at + 8
            if size == 1:
                size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
            stop = end if size == 0 else at + size
            if stop <= at or stop > end:
                break
            if kind == b"jp2h":
                pending.append((body, stop))
            elif kind == b"ihdr":
                channels, bits = int.from_bytes(data[body + 8 : body + 10], "big"), data[body + 10]
            elif kind == b"colr":
                number = int.from_bytes(data[body + 3 : body + 7], "big") if data[body] == 1 else 0
                specifications.append((data[body], data[body + 2], number))
            at = stop
    return channels, bits, specifications
