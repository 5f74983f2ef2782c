"""Cuts the four CategoryMappers off the BiDAF model, whose inputs are strings, into JSON files: what
they give becomes the model's inputs. python prepare_model.py -d DATA_DIR"""

import argparse
import json
import os

import data_processing
import onnx
from onnx import TensorProto, helper

MODEL, OUTPUT = "bidaf.onnx", "bidaf-modified.onnx"


def cut_mapper(graph, node):
    """Its map as a dictionary; its output in the place of the input that it read."""
    attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    words = [word.decode() for word in attributes["cats_strings"]]
    with open(f"{node.name}.json", "w") as file:
        json.dump(dict(zip(words, attributes["cats_int64s"])), file)
    (given,) = [each for each in graph.input if each.name == node.input[0]]
    extents = ["c" if "context" in given.name else "q"]
    extents += [dim.dim_value for dim in given.type.tensor_type.shape.dim][1:]
    given.CopyFrom(helper.make_tensor_value_info(node.output[0], TensorProto.INT64, extents))
    graph.node.remove(node)


def main():
    arguments = data_processing.parse(argparse.ArgumentParser(description=__doc__))
    model = onnx.load(os.path.join(arguments.data, MODEL))
    print("Modifying the ONNX model ...")
    for node in [each for each in model.graph.node if each.op_type == "CategoryMapper"]:
        cut_mapper(model.graph, node)
    onnx.save(model, OUTPUT)
    print(f"Modified ONNX model saved as {OUTPUT}")
    print("Done.")


if __name__ == "__main__":
    main()
