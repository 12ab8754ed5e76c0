#!/usr/bin/env python3
"""Image files of other encoders, and what Pillow reads in them.

make_files.py, beside this file, writes its folder anew. It needs numpy, Pillow and opencv-python-headless, and
cjpeg, jpegtran and tiffcp (Debian: libjpeg-turbo-progs and libtiff-tools). Written with Pillow 13.0.0,
OpenCV 5.0.0, libjpeg-turbo 2.1.5 and libtiff 4.5.0.

`expected.png` holds the RGB pixels of the files that are read, one below the other in the order of their names. Files whose
names begin with `refused-` are whole, and of kinds that are not read.
"""
import io
import pathlib
import struct
import subprocess
import tempfile
import zlib

import cv2
import numpy as np
from PIL import Image

FOLDER = pathlib.Path(__file__).parent
WIDTH, HEIGHT = 35, 19


def picture(width=WIDTH, height=HEIGHT):
    """Smooth colours, and a disc with a sharp edge off the middle."""
    y, x = np.mgrid[:height, :width].astype(float)
    out = np.stack([90 + 100 * x / width, 60 + 120 * y / height, 160 - 90 * x / width], -1)
    out[np.hypot(x - .6 * width, y - .4 * height) < .25 * height] = (250, 210, 140)
    return Image.fromarray(out.round().astype(np.uint8))


def classes():
    """0 outside, 1 on a ring, 2 within it."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(x - 20, y - 8)
    return (distance < 7).astype(np.uint8) + (distance < 4)


def run(*command, **files):
    """What a program writes to its output, or to the last of its arguments."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            pathlib.Path(folder, name).write_bytes(content)
        done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE)
        out = pathlib.Path(folder, 'out')
        return out.read_bytes() if out.exists() else done.stdout


def saved(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def cjpeg(*options, image=None):
    return run('cjpeg', '-quality', '80', *options, 'in.ppm', **{'in.ppm': saved(image or picture(), 'PPM')})


def jpegtran(jpeg, *options, scans=''):
    return run('jpegtran', *options, 'in', **{'in': jpeg, 'scans': scans.encode()})


def tiffcp(tiff, *options):
    return run('tiffcp', *options, 'in', 'out', **{'in': tiff})


def by_hand(data, photometric, bits, samples=1, **fields):
    """A TIFF of one strip, of a kind that no encoder at hand writes."""
    fields = {256: [WIDTH], 257: [HEIGHT], 258: [bits] * samples, 259: [1], 262: [photometric], 277: [samples], 278: [HEIGHT]} | {
        int(tag[1:]): values for tag, values in fields.items()
    }
    start = 8 + 2 + 12 * (len(fields) + 2) + 4
    far, table = data, []
    for tag, values in sorted((fields | {273: None, 279: [len(data)]}).items()):
        packed = struct.pack(f'<{len(values)}H', *values) if values else struct.pack('<I', start)
        if len(packed) > 4:
            far, packed = far + packed, struct.pack('<I', start + len(far))
        table.append(struct.pack('<HHI4s', tag, 3 if values else 4, len(values) if values else 1, packed))
    return b'II*\0' + struct.pack('<IH', 8, len(table)) + b''.join(table) + bytes(4) + far


def interlaced(values):
    """A PNG of one bit a pixel in seven passes, which neither Pillow nor OpenCV writes."""
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    rows = [row for y, dy, x, dx in passes for row in values[y::dy, x::dx]]
    data = zlib.compress(b''.join(b'\0' + np.packbits(row).tobytes() for row in rows))
    header = struct.pack('>IIBBBBB', WIDTH, HEIGHT, 1, 0, 0, 0, 1)
    chunks = ((b'IHDR', header), (b'IDAT', data), (b'IEND', b''))
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data)) for kind, data in chunks
    )


def nibbles(values):
    """Two to a byte; rows begin with whole bytes."""
    even = np.pad(values, ((0, 0), (0, values.shape[1] % 2)))
    return (even[:, ::2] << 4 | even[:, 1::2]).tobytes()


def patched(content, old, new):
    assert content.count(old) == 1, (old, content.count(old))
    return content.replace(old, new)


def without_huffman_tables(jpeg):
    """As frames of a film are, whose tables all decoders know."""
    at = 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], 'big')
        jpeg, at = (jpeg[:at] + jpeg[end:], at) if jpeg[at + 1] == 0xC4 else (jpeg, end)
    return jpeg


photo, labels, grey = picture(), classes(), picture().convert('L')
tiff, ring = saved(photo, 'TIFF'), saved(Image.fromarray(labels > 0), 'TIFF')
plain, cmyk = saved(photo, 'JPEG'), saved(photo.convert('CMYK'), 'JPEG')
adobe = bytes.fromhex('FFEE000E') + b'Adobe' + bytes.fromhex('0064 0000 0000')
rgb = cjpeg('-rgb')
scans = jpegtran(saved(photo, 'JPEG', subsampling=2), '-scans', 'scans', scans='0;\n1;\n2;\n')
frame_ids = b'R\x11\0G\x11\0B\x11\0', b'\1\x11\0\2\x11\0\3\x11\0'
scan_ids = b'\3R\0G\0B\0', b'\3\1\0\2\0\3\0'
VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0]
voc = Image.fromarray(labels)
voc.putpalette(VOC)
files = {
    # JPEG: sampling of the colours, order of the scans, restarts, transforms of the colours
    'jpeg-444.jpg': saved(photo, 'JPEG', subsampling=0),
    'jpeg-422.jpg': saved(photo, 'JPEG', subsampling=1),
    'jpeg-420.jpg': saved(photo, 'JPEG', subsampling=2),
    'jpeg-440.jpg': cjpeg('-sample', '1x2'),
    'jpeg-411.jpg': cjpeg('-sample', '4x1'),
    'jpeg-410.jpg': cjpeg('-sample', '4x2'),
    'jpeg-sampled-unlike.jpg': cjpeg('-sample', '2x2,2x1,1x2'),
    'jpeg-422-in-2x2.jpg': cjpeg('-progressive', '-sample', '2x2,1x2,1x2'),
    'jpeg-grey.jpg': saved(grey, 'JPEG'),
    'jpeg-grey-2x2.jpg': cjpeg('-grayscale', '-sample', '2x2'),
    'jpeg-grey-progressive.jpg': saved(grey, 'JPEG', progressive=True),
    'jpeg-progressive.jpg': saved(photo, 'JPEG', progressive=True, subsampling=2),
    'jpeg-progressive-restarts.jpg': cjpeg('-progressive', '-restart', '2B'),
    'jpeg-restarts.jpg': cjpeg('-restart', '1', '-sample', '2x2'),
    'jpeg-restarts-optimised.jpg': cjpeg('-restart', '3B', '-optimize'),
    'jpeg-scans.jpg': scans,
    'jpeg-scans-restarts.jpg': jpegtran(cjpeg('-sample', '2x2'), '-restart', '2B', '-scans', 'scans', scans='0;\n1 2;\n'),
    'jpeg-scans-422.jpg': jpegtran(saved(photo, 'JPEG', subsampling=1), '-scans', 'scans', scans='0;\n1;\n2;\n'),
    'jpeg-cmyk.jpg': cmyk,
    'jpeg-cmyk-progressive.jpg': saved(photo.convert('CMYK'), 'JPEG', progressive=True),
    'jpeg-ycck.jpg': patched(cmyk, adobe + b'\0', adobe + b'\2'),
    'jpeg-rgb.jpg': rgb,
    'jpeg-rgb-numbered.jpg': patched(patched(rgb, *frame_ids), *scan_ids),
    'jpeg-no-jfif.jpg': plain[:2] + plain[20:],
    'jpeg-no-tables.jpg': without_huffman_tables(plain),
    'jpeg-coarse.jpg': saved(photo, 'JPEG', quality=8),
    'jpeg-wide.jpg': saved(picture(131, 17), 'JPEG', quality=60, progressive=True, optimize=True),
    'jpeg-opencv.jpg': cv2.imencode('.jpg', np.asarray(photo)[..., ::-1], [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x221111])[1].tobytes(),
    'refused-jpeg-arithmetic.jpg': jpegtran(plain, '-arithmetic'),
    'refused-jpeg-arithmetic-progressive.jpg': jpegtran(plain, '-arithmetic', '-progressive'),
    'refused-jpeg-12-bit.jpg': patched(plain, b'\xff\xc0\x00\x11\x08', b'\xff\xc1\x00\x11\x0c'),
    'refused-jpeg-sampled-between.jpg': cjpeg('-progressive', '-sample', '4x1,2x1,1x1'),
    # TIFF: depths, palettes, colours, compression, layout
    'tiff-palette.tif': saved(photo.quantize(64), 'TIFF'),
    'tiff-palette-4-bit.tif': by_hand(nibbles(labels), 3, 4, t320=[257 * c for i in range(3) for c in VOC[i::3] + [0] * 13]),
    'tiff-grey-4-bit.tif': by_hand(nibbles(np.asarray(grey) >> 4), 1, 4),
    'tiff-grey-inverted.tif': by_hand(grey.tobytes(), 0, 8),
    'tiff-ycbcr.tif': saved(photo.convert('YCbCr'), 'TIFF'),
    'tiff-jpeg.tif': tiffcp(tiff, '-c', 'jpeg:90', '-r', '16'),
    'tiff-jpeg-rgb.tif': tiffcp(tiff, '-c', 'jpeg:r:90'),
    'tiff-jpeg-grey.tif': tiffcp(saved(grey, 'TIFF'), '-c', 'jpeg:90', '-r', '8'),
    'tiff-jpeg-cmyk.tif': saved(photo.convert('CMYK'), 'TIFF', compression='jpeg', quality=90),
    'tiff-jpeg-planes.tif': tiffcp(tiff, '-p', 'separate', '-c', 'jpeg:r:90', '-r', '8'),
    'tiff-jpeg-scans.tif': by_hand(scans, 6, 8, 3, t259=[7], t530=[2, 2]),
    'tiff-jpeg-tiles.tif': tiffcp(tiff, '-c', 'jpeg:90', '-t', '-w', '16', '-l', '16'),
    'tiff-grey-alpha.tif': saved(grey.convert('LA'), 'TIFF'),
    'tiff-rgba.tif': saved(photo.convert('RGBA'), 'TIFF'),
    'tiff-cmyk.tif': saved(photo.convert('CMYK'), 'TIFF', compression='tiff_lzw'),
    'tiff-group-4.tif': saved(Image.fromarray(labels > 0), 'TIFF', compression='group4'),
    'tiff-group-4-strips.tif': tiffcp(ring, '-c', 'g4', '-r', '8'),
    'tiff-group-4-low-bits-first.tif': tiffcp(ring, '-c', 'g4', '-f', 'lsb2msb'),
    'tiff-1-bit.tif': ring,
    'tiff-1-bit-low-bits-first.tif': tiffcp(ring, '-f', 'lsb2msb'),
    'tiff-lzw.tif': tiffcp(tiff, '-c', 'lzw:2', '-B'),
    'tiff-planes.tif': tiffcp(tiff, '-p', 'separate', '-c', 'zip', '-r', '10'),
    'tiff-tiles.tif': tiffcp(tiff, '-t', '-w', '16', '-l', '16', '-c', 'packbits'),
    'tiff-big.tif': tiffcp(tiff, '-8', '-c', 'zip:2'),
    'tiff-opencv.tif': cv2.imencode('.tiff', np.asarray(photo)[..., ::-1])[1].tobytes(),
    'refused-tiff-group-3.tif': tiffcp(ring, '-c', 'g3'),
    'refused-tiff-zstd.tif': tiffcp(tiff, '-c', 'zstd'),
    # the others
    'png-palette.png': saved(photo.quantize(200), 'PNG'),
    'png-1-bit.png': saved(Image.fromarray(labels > 0), 'PNG'),
    'png-interlaced.png': interlaced(labels > 0),
    'png-palette-2-bit.png': saved(voc, 'PNG', bits=2),
    'png-opencv.png': cv2.imencode('.png', np.asarray(photo)[..., ::-1])[1].tobytes(),
    'bmp-grey.bmp': saved(grey, 'BMP'),
    'bmp-1-bit.bmp': saved(Image.fromarray(labels > 0), 'BMP'),
    'bmp-palette.bmp': saved(voc, 'BMP'),
    'webp-lossy.webp': saved(photo, 'WEBP', quality=70),
    'webp-lossless.webp': saved(voc.convert('RGB'), 'WEBP', lossless=True),
}
for old in FOLDER.iterdir():
    if old.suffix != '.py':
        old.unlink()
read = []
for name, content in sorted(files.items()):
    (FOLDER / name).write_bytes(content)
    if not name.startswith('refused-'):
        read.append(Image.open(io.BytesIO(content)).convert('RGB'))
stack = Image.new('RGB', (max(image.width for image in read), sum(image.height for image in read)))
top = 0
for image in read:
    stack.paste(image, (0, top))
    top += image.height
stack.save(FOLDER / 'expected.png', optimize=True)
print(len(files), 'files of', sum(map(len, files.values())), 'bytes;', (FOLDER / 'expected.png').stat().st_size, 'bytes expected')
