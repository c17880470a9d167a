"""The colours of every figure and chart."""

# Okabe and Ito (2008): eight colours that stay apart under every common colour blindness.
BLACK, ORANGE, SKY_BLUE, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
EPSILON_COLOURS = ((0.0, "#f3f7fb"), (0.4, "#c6dbef"), (0.7, "#6baed6"), (1.0, "#08519c"))
"""Of ε, on every chart: pale is small and dark is worse; read in grey too."""
SERIES = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY_BLUE)
"""Of curves in one panel, in order, and their markers."""
MARKERS = "osv^D*"
