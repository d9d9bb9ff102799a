"""Image files of any format, told by their first bytes and not by their names."""

from pathlib import Path

from ._frame_file import FileError, FrameFile, ReadingOptions

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")
_JPEG_2000 = (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
_PORTABLE = tuple(b"P%d" % kind + space for kind in (2, 3, 5, 6) for space in (b" ", b"\n", b"\r", b"\t"))


def open_image(path: Path, options: ReadingOptions) -> FrameFile:
    """Open an image file with the reader of what it holds."""
    if not path.is_file():
        raise FileError(f"{path} is a folder, but its name is that of an image")
    with path.open("rb") as file:
        start = file.read(12)
    if start.startswith(_TIFF):
        from ._tiff import TiffFile

        return TiffFile(path, options)
    if start.startswith((*_JPEG_XL, *_JPEG_2000)):
        from ._codecs import CodecsFile

        return CodecsFile(path, options)
    if start.startswith(_PORTABLE):
        from ._portable import PortableFile

        return PortableFile(path, options)
    from ._pillow import PillowFile

    return PillowFile(path, options)
