"""REST API of CV 7197/BKHCN-CĐSQG: import, get, put, download; and search, reuse, look-up, verification."""
