"""How well texts were read: errors counted, intervals around them, and one sentence of judgement. Pure; no files."""
