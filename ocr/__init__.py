"""Image -> pages -> documents -> text -> fields -> searchable PDF/A. Knows only schemas; no I/O beyond the bytes it is given."""
