"""The colours of every picture, on the screen, on paper and on a page."""

# Okabe-Ito: told apart with any colour vision; line styles are the second cue
BLUE, ORANGE, GREEN, SKY, VERMILION, PURPLE, YELLOW, BLACK = COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#56B4E9",
    "#D55E00",
    "#CC79A7",
    "#F0E442",
    "#000000",
)
