"""PDF + identity -> signed PDF; signed PDF -> verdict. pyHanko does the cryptography."""
