"""Lines cut out of a page image, as Loghi cuts them or simply by their outline."""
