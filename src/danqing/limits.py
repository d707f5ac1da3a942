"""What may be asked of a painting, for the core and for the doors of other programs alike."""

SIZES = (128, 256, 512, 1024)
"""sides of the own painter's pictures, pixels"""
LARGEST = 2048
"""side of a pretrained model's picture, pixels"""
MOST_STEPS = 200
MOST_GUIDANCE = 15.0
MOST_TRIES = 16

LESSON_MINUTES = 8.0
"""of learning something new (`danqing teach`), where nothing else is said"""
