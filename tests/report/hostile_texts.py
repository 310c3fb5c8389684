"""Texts that would do something if a page showed them as they are."""

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</style><script>alert(1)</script>",
    "</title></svg><iframe src=https://example.com>",
    '=cmd|"/c calc"!A1',
    "Stop \u202egnp.exe",
    "zero\u200bwidth \ufeff and \u2066isolated",
    "a\x00b\x1b[31m\x7f",
    "&lt;b&gt; &amp &#60;",
    "<!-- <![CDATA[ ]]>",
    "line\nbreak\r\nand\ttab",
    "\ud800 lone",
    "x" * 10_000,
    "Zufahrt für Anlieger frei 禁止進入 🛑",
]
