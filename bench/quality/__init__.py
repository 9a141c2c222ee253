"""How much of a clip survives its reduction, measured without labels or model weights.

Run by bench/run-quality; the page that it writes says what is measured and how.
"""
