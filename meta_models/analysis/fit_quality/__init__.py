"""How well the fit went: over-fitting, mining, members."""
