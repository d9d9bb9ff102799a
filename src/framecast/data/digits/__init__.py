"""Handwritten digits: as images, as Moving MNIST, and as clips of one moving digit."""

from ._clip_source import MovingDigits as MovingDigits
from ._clips import MovingDigitClips as MovingDigitClips
from ._digit_images import load_digit_images as load_digit_images
from ._digit_source import DigitFiles as DigitFiles
from ._digit_source import Digits as Digits
from ._digits import load_digits as load_digits
from ._idx import download_mnist as download_mnist
from ._idx import read_idx as read_idx
from ._motion import Motion as Motion
from ._moving_mnist import MovingMNIST as MovingMNIST
from ._moving_mnist import MovingMNISTTest as MovingMNISTTest
