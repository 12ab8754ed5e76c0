"""Reads what `papilla convert` writes with the programs that it is written for.

    check.py have MODULE...                 exit status 0 if they can be imported
    check.py torch FILE EXPECTED PREFIX     FILE is loaded without running anything of it; its tensors are EXPECTED's
                                            (safetensors, names with PREFIX); a module with them loads strictly
    check.py onnx FILE EXPECTED             FILE is valid and gives EXPECTED's `mask` and `boundary` (logits) for `image`
    check.py opencv FILE EXPECTED           the same in OpenCV's DNN

The last three print one JSON document."""

import importlib
import json
import struct
import sys


def tensors_of(path):
    """Tensors and metadata of a safetensors file of floats."""
    import numpy

    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = numpy.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
    return tensors, metadata


def check_torch(path, expected, prefix):
    import torch

    loaded = torch.load(path, weights_only=True)
    state = loaded.get("model_state_dict", loaded)
    expected, _ = tensors_of(expected)
    counters = aliases = 0
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            assert tensor.dtype == torch.int64 and tensor.shape == (), name
            counters += 1
            continue
        own = name.replace("low_level_features", "features").replace("high_level_features", "features")
        if own != name:
            assert tensor.data_ptr() == state[own].data_ptr(), f"{name} is a copy"
            aliases += 1
            continue
        assert tensor.dtype == torch.float32, name
        ours = torch.from_numpy(expected.pop(prefix + name).copy())
        assert tensor.shape == ours.shape and torch.equal(tensor.view(torch.int32), ours.view(torch.int32)), name
    left = [name for name in expected if name.startswith(prefix)]
    assert not left, left

    # A normalisation with its counter, as the network's own modules load it.
    norm = torch.nn.BatchNorm2d(24)
    begin = "backbone.features.3.conv.7."
    norm.load_state_dict({name[len(begin):]: t for name, t in state.items() if name.startswith(begin)}, strict=True)
    discriminators = [key for key in ("model_dis_state_dict", "model_dis2_state_dict") if key in loaded]
    channels = [loaded[key]["conv1.weight"].shape[1] for key in discriminators]
    facts = {key: value for key, value in loaded.items() if isinstance(value, (int, float, str))}
    print(json.dumps({"counters": counters, "aliases": aliases, "channels": channels, "facts": facts}))


OUTPUTS = ["mask", "boundary"]


def compared(run, expected):
    """How far the outputs that `run` gives for images are from the expected ones, for batches of several sizes."""
    import numpy

    expected, _ = tensors_of(expected)
    images = expected["image"]
    worst, between = {}, {}
    for order in ([0], [1], [0, 1], [0, 1, 0]):
        for name, found in zip(OUTPUTS, run(images[order])):
            wanted = 1 / (1 + numpy.exp(-expected[name][order].astype("f8")))
            assert found.shape == wanted.shape and found.dtype == numpy.float32, (name, found.shape)
            worst[name] = max(worst.get(name, 0), float(numpy.abs(found - wanted).max()))
            between[name] = float(((wanted > 0.02) & (wanted < 0.98)).mean())
    return {"worst": worst, "between": between}


def check_onnx(path, expected):
    import onnx
    import onnxruntime

    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = compared(lambda images: session.run(OUTPUTS, {"image": images}), expected)
    model = onnx.load(path)
    found["operators"] = sorted({node.op_type for node in model.graph.node})
    found["metadata"] = {entry.key: entry.value for entry in model.metadata_props}
    print(json.dumps(found))


def check_opencv(path, expected):
    import cv2

    net = cv2.dnn.readNetFromONNX(path)

    def run(images):
        net.setInput(images, "image")
        return net.forward(OUTPUTS)

    print(json.dumps(compared(run, expected) | {"version": cv2.__version__}))


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "have":
        for module in arguments:
            importlib.import_module(module)
    else:
        {"torch": check_torch, "onnx": check_onnx, "opencv": check_opencv}[command](*arguments)
