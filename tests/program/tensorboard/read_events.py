"""Reads a folder of event files with TensorBoard's own readers and prints what they found as one JSON document.

usage: read_events.py FOLDER       whatever a reader has to complain of goes to stderr
       read_events.py --import     only imports: the noise that the package itself makes
       read_events.py --odd FOLDER writes a file that readers complain of, and reads that
"""

import contextlib
import io
import json
import math
import sys

from PIL import Image
from tensorboard.backend.event_processing import data_provider
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.backend.event_processing import event_file_inspector
from tensorboard.backend.event_processing import plugin_event_multiplexer
from tensorboard.compat.proto import event_pb2
from tensorboard.compat.proto import summary_pb2
from tensorboard.context import RequestContext
from tensorboard.data import provider
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.summary.writer import event_file_writer


def pixels(encoded):
    """Mode, size and bytes of an encoded picture."""
    with Image.open(io.BytesIO(encoded)) as picture:
        assert picture.format == "PNG", picture.format
        return [picture.mode, *picture.size, picture.tobytes().hex()]


def number(value):
    """JSON has no NaN and no infinities."""
    return value if math.isfinite(value) else str(value)


def accumulated(folder):
    """What scripts read: curves and pictures as they were written."""
    reader = event_accumulator.EventAccumulator(folder, {"scalars": 0, "images": 0})
    reader.Reload()
    tags = reader.Tags()
    other = {kind: found for kind, found in tags.items() if kind not in ("scalars", "images") and found}
    return {
        "other": other,
        "file_version": reader.file_version,
        "scalars": {t: [[e.wall_time, e.step, number(e.value)] for e in reader.Scalars(t)] for t in tags["scalars"]},
        "images": {
            t: [[e.wall_time, e.step, e.width, e.height, *pixels(e.encoded_image_string)] for e in reader.Images(t)]
            for t in tags["images"]
        },
    }


def provided(folder):
    """What the plugins behind the pages get."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(folder)
    multiplexer.Reload()
    served = data_provider.MultiplexerDataProvider(multiplexer, folder)
    context, all_steps = RequestContext(), provider.RunTagFilter()
    query = {"experiment_id": "", "run_tag_filter": all_steps, "downsample": 10**6}
    scalars = served.read_scalars(context, plugin_name=scalar_metadata.PLUGIN_NAME, **query)
    images = served.read_blob_sequences(context, plugin_name=image_metadata.PLUGIN_NAME, **query)
    blob = lambda reference: served.read_blob(context, blob_key=reference.blob_key)
    return {
        "scalars": {
            run: {tag: [[d.wall_time, d.step, number(d.value)] for d in series] for tag, series in by_tag.items()}
            for run, by_tag in scalars.items()
        },
        # The first two blobs of a sequence are width and height in decimal.
        "images": {
            run: {
                tag: [[d.wall_time, d.step, *map(int, map(blob, d.values[:2])), *pixels(blob(d.values[2]))] for d in series]
                for tag, series in by_tag.items()
            }
            for run, by_tag in images.items()
        },
    }


def inspected(folder):
    """What `tensorboard --inspect` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as text:
        event_file_inspector.inspect(folder)
    return text.getvalue()


def write_odd_file(folder):
    """A value with metadata that name no plugin."""
    value = summary_pb2.Summary.Value(tag="odd", simple_value=1.0, metadata=summary_pb2.SummaryMetadata(display_name="x"))
    writer = event_file_writer.EventFileWriter(folder)
    writer.add_event(event_pb2.Event(step=0, summary=summary_pb2.Summary(value=[value])))
    writer.close()


arguments = sys.argv[1:]
if arguments != ["--import"]:
    if arguments[0] == "--odd":
        write_odd_file(arguments[1])
    folder = arguments[-1]
    print(json.dumps({"accumulated": accumulated(folder), "provided": provided(folder), "inspected": inspected(folder)}))
