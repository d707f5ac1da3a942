"""The colour words, each with the sRGB value that it stands for: the one table of the whole program.

Pictures are named after the nearest of these anchors; prompts name them in two languages.
"""

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "orange": (243, 140, 38),
    "yellow": (252, 209, 55),
    "green": (74, 160, 68),
    "blue": (48, 108, 206),
    "purple": (134, 74, 176),
    "pink": (244, 143, 177),
    "brown": (125, 80, 50),
    "black": (24, 24, 26),
    "white": (250, 250, 250),
    "grey": (145, 148, 152),
    "gold": (205, 160, 50),
    "turquoise": (64, 196, 196),
}
"""English colour word -> (red, green, blue), each 0 .. 255 in sRGB"""
