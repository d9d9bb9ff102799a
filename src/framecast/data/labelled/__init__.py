"""Images with class labels: in memory, in folders, of Omniglot; pairs, random changes, and sources for matching."""

from ._affine import Affine as Affine
from ._classes import Classes as Classes
from ._classes import ClassSampler as ClassSampler
from ._image_folder import ImageFolder as ImageFolder
from ._image_folder import read_image_folder as read_image_folder
from ._image_folder import split_image_folder as split_image_folder
from ._image_reading import read_image as read_image
from ._image_reading import read_images as read_images
from ._image_source import ImageParts as ImageParts
from ._image_source import ImageSource as ImageSource
from ._labelled_images import LabelledImages as LabelledImages
from ._labelled_images import in_one_list as in_one_list
from ._omniglot import load_omniglot as load_omniglot
from ._omniglot import with_rotations as with_rotations
from ._omniglot_source import Omniglot as Omniglot
from ._pair_dataset import Pairs as Pairs
from ._pair_dataset import images_to_pairs as images_to_pairs
from ._pair_dataset import pairs_to_images as pairs_to_images
from ._pair_file import PairList as PairList
from ._pair_file import read_pair_list as read_pair_list
