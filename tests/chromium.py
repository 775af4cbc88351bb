"""The browser that tests look at pages with: Debian's, because Playwright's own is a download."""

from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")
